// Bookkeeping of vector_quant_index_check: which blocks were met, chains of pages, sorted keys. Memory: the
// context current at *_begin.
#pragma once

#include "ivf/store/format.h"

extern "C" {
#include "storage/buf.h"
#include "utils/rel.h"
}

namespace vq::ivf {

struct BlockSet // one bit a block
{
    Relation rel;
    uint8_t *bits;
    uint64_t capacity; // blocks
    uint64_t count;
    MemoryContext memory;
};

void blocks_begin(BlockSet *set, Relation rel);
bool blocks_have(const BlockSet *set, BlockNumber block);

// Adds the block and copies its page. Errors: INDEX_CORRUPTED if the block was there before, or is no page of
// that kind in use.
void visit_page(BlockSet *set, BlockNumber block, PageKind kind, PGAlignedBlock *copy);
// The same of a page that is share locked already; lets go of it.
void visit_buffer(BlockSet *set, Buffer buf, PageKind kind, PGAlignedBlock *copy);

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
void walk_chain(ChainWalk *chain, BlockSet *set, PageKind kind, BlockNumber block,
                void (*look)(void *, uint32_t place, BlockNumber, const PGAlignedBlock &), void *arg);
// Place of a block in the chain, -1 if it is not there.
int64 walk_place(const ChainWalk *chain, BlockNumber block);
// The page on which a position lies that was read or is about to be.
BlockNumber walk_block(const ChainWalk *chain, uint64_t position);
// Copies bytes at a position counted in payload bytes from the chain's start. Errors: INDEX_CORRUPTED behind
// its end.
void walk_read(ChainWalk *chain, uint64_t position, size_t bytes, uint8_t *out);

} // namespace vq::ivf
