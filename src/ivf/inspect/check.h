// vector_quant_index_check in three steps: the fixed parts, the groups, and (check.cpp) the rows against the table.
#pragma once

#include "ivf/store/directory.h"
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
    Visited seen; // blocks that something refers to
    Tuplesortstate *tids;
    BlockNumber heap_blocks;
    uint64_t lost; // pages that nobody refers to any more, and that are not free
};

// Meta page, image, centroid parts, directory pages. Errors: INDEX_CORRUPTED.
void check_fixed_parts(Check *c);

// One group under its own lock: record, extents, open pages, fine records; puts its row ids into c->tids and returns how many are live.
uint64_t check_group(Check *c, uint32_t number);

// The directories of a group's sub-lists against the rows they are about. tiles: the group's Tile pages.
void check_sublists(Check *c, const Group *group, ChainWalk *tiles);

// What nothing refers to is one of our pages all the same; those that are lost are counted.
void check_other_pages(Check *c);

} // namespace vq::ivf
