// Rows whose score is exact and that were not given out yet.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "storage/itemptr.h"
}

namespace vq::ivf {

struct Result
{
    double score;
    ItemPointerData tid;
};

struct ResultArray
{
    Result *items;
    uint32_t count;
    uint32_t capacity;
};

// An error bound holds with high probability only: a row can turn out nearer than one already given out. It is late. In strict
// order it is dropped; else it waits for the batch's end, so that distances never decrease within a batch.
struct Results
{
    ResultArray waiting; // a heap, nearest on top
    ResultArray late;
    bool strict;
    double last_score;  // of the row given out last
    bool order_begun;   // last_score binds: a row of this batch was given out (in strict order: of any batch)
    uint64_t given_out; // rows
};

// Memory: arrays that grow, in the current context.
void results_push(Results *results, double score, const ItemPointerData &tid);

inline bool results_empty(const Results &results)
{
    return results.waiting.count == 0;
}
inline const Result &results_nearest(const Results &results)
{
    return results.waiting.items[0];
}

// Takes the nearest result: it is given out.
Result results_give_out(Results *results);

// A batch is over: late rows join the results again. False if there are none.
bool results_release_late(Results *results);

} // namespace vq::ivf
