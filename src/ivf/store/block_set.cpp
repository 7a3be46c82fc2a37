#include "ivf/store/block_set.h"

namespace vq::ivf {

void blocks_begin(BlockSet *set, BlockNumber blocks)
{
    set->capacity = ((uint64_t)blocks + 64 + 7) / 8 * 8; // some room for what comes meanwhile
    set->bits = (uint8_t *)palloc_extended(set->capacity / 8, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    set->count = 0;
}

bool blocks_add(BlockSet *set, BlockNumber block)
{
    if (block >= set->capacity) {
        const uint64_t before = set->capacity;
        set->capacity = ((uint64_t)block + block / 4 + 64) / 8 * 8;
        set->bits = (uint8_t *)repalloc_huge(set->bits, set->capacity / 8);
        memset(set->bits + before / 8, 0, (set->capacity - before) / 8);
    }
    if (blocks_have(set, block))
        return false;
    set->bits[block / 8] |= (uint8_t)(1 << (block % 8));
    set->count++;
    return true;
}

BlockNumber next_other_block(void *other_blocks)
{
    OtherBlocks *other = (OtherBlocks *)other_blocks;
    while (other->next < other->end && blocks_have(other->set, other->next))
        other->next++;
    return other->next < other->end ? other->next++ : InvalidBlockNumber;
}

} // namespace vq::ivf
