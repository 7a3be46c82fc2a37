// Rows whose exact distance is known and that were not given out yet.
#pragma once

#include "ivf/scan/given_rows.h"
#include "ivf/scan/row_queue.h"

namespace vq::ivf {

// Distances of the nearest results, as many as are to go out together; a heap, the farthest first.
struct FirstRows
{
    double *distances;
    uint32_t count;
    uint32_t wanted; // 0: each goes out by itself
};

// An error bound holds with high probability only, and lists that are visited later may hold nearer rows: a row can turn out
// nearer than one already given out. It is late. In strict order it is dropped and counted; in relaxed order it waits until
// further lists are visited, or the end.
struct Results
{
    FirstRows first;
    RowQueue waiting; // by the operator's own value
    RowQueue late;
    bool strict;          // not in relaxed order
    double last_distance; // of the row given out last
    bool order_begun;     // last_distance binds
    uint64_t given_out;   // rows
    GivenRows given;      // which ones
    uint64_t dropped;     // late rows, unless in relaxed order
    bool met_nan;         // a row's distance is NaN
};

// bytes: of memory they may take, but for those that go out together. What does not fit goes to the file. Memory of all functions: the context
// that is current, which must live as long as the results.
void results_begin(Results *results, SpillFile *spill, bool strict, uint32_t together, size_t bytes);

void results_push(Results *results, const QueuedRow &row);

inline bool results_empty(const Results &results)
{
    return queue_empty(results.waiting);
}
inline const QueuedRow &results_nearest(const Results &results)
{
    return queue_nearest(results.waiting);
}

// Whether none went out yet, and more than one is to go out first.
inline bool results_together(const Results &results)
{
    return results.given_out == 0 && results.first.wanted > 1;
}
// Whether there are as many as are to go out together; *farthest: the distance of the last of them.
bool results_enough(const Results &results, double *farthest);

// Takes the nearest result.
inline QueuedRow results_pop(Results *results)
{
    return queue_pop(&results->waiting);
}

// Results that were taken: the nearest, before any went out. The distances of those that go out together are theirs from now on.
void results_put_back(Results *results, const QueuedRow *rows, uint32_t count);

// The result taken last is given out: what comes from now on has to be as far.
void results_give_out(Results *results, const QueuedRow &row);

// Forgets all rows that were not given out.
void results_forget(Results *results);
// A row that was not given out, in a search that has begun anew with all rows: it is late for good, or not at all.
void results_push_again(Results *results, const QueuedRow &row);

// Late rows join the results again. False if there are none.
bool results_release_late(Results *results);

} // namespace vq::ivf
