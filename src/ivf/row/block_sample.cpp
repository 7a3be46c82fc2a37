#include "ivf/row/block_sample.h"

#include <numeric>

namespace vq::ivf {

// Drawn at first, to learn how many rows a block has; and never fewer, so that rows come from many places.
constexpr uint64_t kFirstBlocks = 300;

void block_draw_begin(BlockDraw *draw, BlockNumber blocks, uint64_t seed, uint64_t rows)
{
    *draw = {blocks, rows, 0, 1, 0, nullptr, 0, 0};
    if (blocks == 0)
        return;
    // Steps of the golden section of the table, from any block: each lies in the middle of the widest gap that those
    // before have left, more or less, and none comes twice.
    draw->start = (BlockNumber)Random(seed).below(blocks);
    draw->stride = (BlockNumber)Max(1.0, 0.6180339887 * blocks);
    while (std::gcd((uint64_t)draw->stride, (uint64_t)blocks) != 1)
        draw->stride++;
}

// How many blocks the next round has: as many as rows are missing, by those met so far.
static uint64_t round_size(const BlockDraw *draw, uint64_t seen)
{
    uint64_t wanted = kFirstBlocks;
    if (draw->drawn > 0 && seen >= draw->rows)
        wanted = 0;
    else if (draw->drawn > 0 && seen > 0)
        wanted = 1 + (uint64_t)(1.05 * (double)(draw->rows - seen) / (double)seen * (double)draw->drawn);
    else if (draw->drawn > 0)
        wanted = draw->drawn; // nothing yet: twice as many in all
    return Min(wanted, draw->blocks - draw->drawn);
}

bool block_draw_next(BlockDraw *draw, uint64_t seen, BlockNumber *block)
{
    if (draw->next == draw->round_count) {
        const uint64_t n = round_size(draw, seen);
        if (n == 0)
            return false;
        if (draw->round)
            pfree(draw->round);
        draw->round = (BlockNumber *)palloc_extended(n * sizeof(BlockNumber), MCXT_ALLOC_HUGE);
        for (uint64_t i = 0; i < n; i++)
            draw->round[i] = (BlockNumber)((draw->start + (draw->drawn + i) * draw->stride) % draw->blocks);
        std::sort(draw->round, draw->round + n); // in order of the file, which disks like
        draw->drawn += n;
        draw->round_count = (uint32_t)n;
        draw->next = 0;
    }
    *block = draw->round[draw->next++];
    return true;
}

} // namespace vq::ivf
