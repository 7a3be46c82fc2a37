// What VACUUM learns of an index's pages by looking at each of them once: those of the groups along their chains, then the others
// in the order of the file. Pages that are lost become free again, and what is free is offered (src/README.md, "Lost pages").
#pragma once

#include "ivf/store/block_set.h"
#include "ivf/store/directory.h"

extern "C" {
#include "storage/bufmgr.h"
}

namespace vq::ivf {

struct GroupSpace
{
    uint32_t pages;   // of all chains
    BlockNumber last; // the highest of them; meaningless without pages
};

struct BlockList // growing array, ascending
{
    BlockNumber *blocks;
    uint32_t count, capacity;
};

struct Survey
{
    Relation rel;
    Relation heap; // whose snapshots are asked about
    const Index *index;
    BufferAccessStrategy strategy;
    TransactionId over; // xids before it had ended when VACUUM began; 0 = not known
    BlockNumber blocks; // of the file when the survey began
    BlockSet used;      // of groups, and the fixed parts
    GroupSpace *groups;
    bool damaged; // chains are not what the groups' records say: nothing is lost for certain
    // Of the others
    BlockList ripe;  // free, may be reused at once
    BlockList young; // free, snapshots may still read them
    BlockList lost;  // freed by survey_end, so young as well
};

// Memory: a bit for each block, 4 bytes for each that no group has, 8 for each group; in the current context.
void survey_begin(Survey *survey, Relation rel, Relation heap, const Index *index,
                  BufferAccessStrategy strategy);
// For each group, under its lock: all chains but the open one. group: its record as it is now.
void survey_group(Survey *survey, const Group *group);
// For each page of its open chain.
void survey_open_page(Survey *survey, uint32_t group, BlockNumber block);
// When all groups are done.
void survey_end(Survey *survey);

// The first `count` of the ripe pages are no longer free.
void survey_forget(Survey *survey, uint32_t count);

} // namespace vq::ivf
