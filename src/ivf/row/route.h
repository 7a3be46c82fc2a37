// Which lists a vector belongs to, or a query should visit: all centroids are ranked by their codes with the
// same kernels that scan lists, and the best are looked at exactly.
#pragma once

#include "ivf/store/index.h"

namespace vq::ivf {

// A list as one query sees it.
struct RoutedList
{
    uint32_t list;
    float add;      // score of the centroid, exact
    float distance; // |q' - c|
};

struct Router
{
    Relation rel;
    const Index *index;
    const Space *space; // index->space (queries) or index->assign_space (rows)
    SpaceQuery query;
    uint32_t lists;
    uint32_t exact; // ready[0 .. exact) are scored exactly and sorted, not yet handed out from `next` on
    uint32_t next;
    float *estimate;  // per list number
    float *selection; // scratch
    uint32_t *order;  // list numbers; [0, exact) already looked at exactly
    RoutedList *ready;
};

// Estimates every list. state: the codec's prepared query for query.moved. Allocates; free with the context.
void route_begin(Router *router, Relation rel, const Index *index, const Space *space,
                 const SpaceQuery &query, const void *state);

// Looks ahead at the next best lists, at most `want`, nearest first, without taking them; *count: how many. Valid until the
// next call.
const RoutedList *route_ahead(Router *router, uint32_t want, uint32_t *count);

// The next best lists, at most `want`, nearest first; returns how many.
uint32_t route_next(Router *router, uint32_t want, RoutedList *out);

// How many of the lists that come next lie within `reach` (core/recall_table.h); at least one where there is one. Takes none.
uint32_t lists_within(Router *router, float reach);

} // namespace vq::ivf
