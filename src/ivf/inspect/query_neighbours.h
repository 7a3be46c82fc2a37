// The nearest rows of a table, by an exact scan, for many queries at once and far down.
#pragma once

#include "ivf/inspect/given_queries.h"

namespace vq::ivf {

struct NearRow
{
    float score; // squared distance, of unit vectors under cosine, or the negative inner product
    ItemPointerData tid;
};

struct QueryNeighbours
{
    uint32_t depth; // rows of each query: as many as asked for, or as the table has
    NearRow *rows;  // queries x room, nearest first
    size_t room;

    const NearRow *of(uint32_t query) const { return rows + query * room; }
};

// Memory: in the current context, within maintenance_work_mem, which bounds the depth. Errors: PROGRAM_LIMIT_EXCEEDED if there is
// no room for `least` rows of each query.
QueryNeighbours find_query_neighbours(const Inspected &target, const Index &index, Snapshot snapshot,
                                      const GivenQueries &queries, uint32_t least, uint32_t most);

} // namespace vq::ivf
