// vector_quant_index_check in three steps: the fixed parts, the groups, and (check.cpp) the rows against the table.
#pragma once

#include "ivf/store/directory.h"
#include "ivf/store/stored_row.h"
#include "ivf/inspect/page_walk.h"

extern "C" {
#include "utils/tuplesort.h"
}

namespace vq::ivf {

struct Check
{
    Relation heap;
    Relation rel;
    const Index *index;
    Visited seen;         // blocks that something refers to
    Tuplesortstate *rows; // of the index: row_mark
    BlockNumber heap_blocks;
    uint64_t lost; // pages that nobody refers to any more, and that are not free
};

// A row id and, in its last bits, a hash of the row's filter keys: of two that do not agree one in 32,768 is overlooked.
constexpr int kHashBits = 15;
int64 row_mark(const Index &index, const ItemPointerData &tid, const FilterKeys &keys);
inline int64 row_of_mark(int64 mark)
{
    return mark >> kHashBits;
}

// Meta page, image, centroid parts, directory pages. Errors: INDEX_CORRUPTED.
void check_fixed_parts(Check *c);

// One group under its own lock: record, extents, open pages, fine records; puts its rows into c->rows and returns how many are live.
uint64_t check_group(Check *c, uint32_t number);

// The directories of a group's sub-lists against the rows they are about. tiles: the group's Tile pages.
void check_sublists(Check *c, const Group *group, ChainWalk *tiles);

// What nothing refers to is one of our pages all the same; those that are lost are counted.
void check_other_pages(Check *c);

} // namespace vq::ivf
