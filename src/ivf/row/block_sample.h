// Blocks of a table drawn at random, as many as hold the rows that are wanted.
#pragma once

#include "core/random.h"
#include "pg/postgres_cpp.h"

extern "C" {
#include "storage/block.h"
}

namespace vq::ivf {

// However many are asked for, they lie all over the table: rows are often stored in an order that has to do with them.
struct BlockDraw
{
    BlockNumber blocks; // of the table
    uint64_t rows;      // wanted
    BlockNumber start, stride;
    uint64_t drawn;
    BlockNumber *round; // those drawn together, ascending
    uint32_t round_count;
    uint32_t next; // in round
};

// Memory: in the current context, while blocks are drawn. The same seed draws the same blocks.
void block_draw_begin(BlockDraw *draw, BlockNumber blocks, uint64_t seed, uint64_t rows);

// The next block; seen: rows met so far. False if those are enough, or the table is at its end; every block comes once.
bool block_draw_next(BlockDraw *draw, uint64_t seen, BlockNumber *block);

// Which of the rows met stay, so that each has the same chance (Vitter's algorithm R).
struct Reservoir
{
    size_t capacity;
    Random random;
    uint64_t seen; // rows met so far

    // The place of one more row, instead of the one that is there; capacity: it is left out.
    size_t place()
    {
        const uint64_t n = seen++;
        const uint64_t at = n < capacity ? n : random.below(n + 1);
        return (size_t)Min(at, (uint64_t)capacity);
    }
    size_t rows() const { return (size_t)Min(seen, (uint64_t)capacity); }
};

} // namespace vq::ivf
