// Bookkeeping of vector_quant_index_check: pages that are visited, once each, chains of them, sorted keys. Memory: the
// context current at *_begin.
#pragma once

#include "ivf/store/block_set.h"
#include "ivf/store/format.h"

extern "C" {
#include "storage/buf.h"
#include "utils/rel.h"
}

namespace vq::ivf {

struct Visited
{
    Relation rel;
    BlockSet blocks;
    TransactionId over; // xids before it had ended when the visits began
};

// Adds the block and copies its page. Errors: INDEX_CORRUPTED if the block was there before and has not been freed and taken by
// somebody else since, or is no page of that kind in use.
void visit_page(Visited *visited, BlockNumber block, PageKind kind, PGAlignedBlock *copy);
// The same of a page that is share locked already; lets go of it.
void visit_buffer(Visited *visited, Buffer buf, PageKind kind, PGAlignedBlock *copy);

struct Keys // growing array
{
    uint64_t *items;
    size_t count;
    size_t capacity;
};

void keys_begin(Keys *keys);
void keys_add(Keys *keys, uint64_t key);

struct ChainWalk // blocks of a chain of pages, in order
{
    Relation rel;
    PageKind kind;
    BlockNumber *blocks;
    uint32_t count;
    uint32_t capacity;
    uint64_t *by_block;  // (block << 32 | place), sorted
    uint32_t loaded;     // place of the page in `page`; UINT32_MAX = none
    PGAlignedBlock page; // last one read
};

void walk_begin(ChainWalk *chain, Relation rel);
// Visits the chain's pages from `block` on; `look` (may be null) gets each page's copy.
void walk_chain(ChainWalk *chain, Visited *visited, PageKind kind, BlockNumber block,
                void (*look)(void *, uint32_t place, BlockNumber, const PGAlignedBlock &), void *arg);
// Place of a block in the chain, -1 if it is not there.
int64 walk_place(const ChainWalk *chain, BlockNumber block);
// The page on which a position lies that was read or is about to be.
BlockNumber walk_block(const ChainWalk *chain, uint64_t position);
// Copies bytes at a position counted in payload bytes from the chain's start. Errors: INDEX_CORRUPTED behind
// its end.
void walk_read(ChainWalk *chain, uint64_t position, size_t bytes, uint8_t *out);

} // namespace vq::ivf
