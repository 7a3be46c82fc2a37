// Rows whose exact distance is known and that were not given out yet.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "storage/itemptr.h"
}

namespace vq::ivf {

struct Result
{
    double distance; // the operator's own value; NaN is behind all numbers, as PostgreSQL sorts it
    ItemPointerData tid;
    bool visible; // the snapshot sees the row; else nobody has looked yet
};

struct ResultArray
{
    Result *items;
    uint32_t count;
    uint32_t capacity;
};

// An error bound holds with high probability only, and lists that are visited later may hold nearer rows: a row can turn out
// nearer than one already given out. It is late. In strict order it is dropped and counted; else it waits until further lists
// are visited, or the end.
struct Results
{
    ResultArray waiting; // a heap, nearest on top
    ResultArray late;
    bool strict;
    double last_distance; // of the row given out last
    bool order_begun;     // last_distance binds
    uint64_t given_out;   // rows
    uint64_t dropped;     // late rows in strict order
};

// Memory: arrays that grow, in the current context.
void results_push(Results *results, double distance, const ItemPointerData &tid, bool visible);

inline bool results_empty(const Results &results)
{
    return results.waiting.count == 0;
}
inline const Result &results_nearest(const Results &results)
{
    return results.waiting.items[0];
}

// Takes the nearest result.
Result results_pop(Results *results);

// The result taken last is given out: what comes from now on has to be as far.
void results_give_out(Results *results, const Result &result);

// Late rows join the results again. False if there are none.
bool results_release_late(Results *results);

} // namespace vq::ivf
