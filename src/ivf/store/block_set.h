// A set of an index's blocks, one bit each.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "storage/block.h"
}

namespace vq::ivf {

struct BlockSet
{
    uint8_t *bits;
    uint64_t capacity; // blocks
    uint64_t count;
};

// An empty set; blocks: how many there are, more may come. Memory: a bit each, in the current context, where it also grows.
void blocks_begin(BlockSet *set, BlockNumber blocks);

inline bool blocks_have(const BlockSet *set, BlockNumber block)
{
    return block < set->capacity && (set->bits[block / 8] >> (block % 8) & 1);
}

// False if the set has the block already. The block must exist: the set grows up to it.
bool blocks_add(BlockSet *set, BlockNumber block);

// The blocks before `end` that a set does not have, in order, as a block stream wants them (NextBlock).
struct OtherBlocks
{
    const BlockSet *set;
    BlockNumber next, end;
};
BlockNumber next_other_block(void *other_blocks);

} // namespace vq::ivf
