// Writing a chain of new pages of one kind, front to back: what the writers of runs, fine records, open rows and directories
// of sub-lists have in common.
#pragma once

#include "ivf/store/page_reserve.h"

namespace vq::ivf {

// How new pages come into being.
struct PageSource
{
    Relation rel;
    Relation heap;
    bool
        build; // index build: pages are appended and not logged one by one; else recycled if possible, and logged
    PageReserve *reserve; // where they come from; null: got one by one
};

// Only the chain's last page is in memory, in a local copy; it goes out when the next one is known, or with chain_end.
struct PageChain
{
    PageSource source;
    PageKind kind;
    BlockNumber first; // InvalidBlockNumber = no page yet
    BlockNumber block; // of the page in `copy`
    Buffer buf;        // pinned
    uint32_t pages;
    uint32_t
        used; // bytes of the last page's payload that chain_put has filled; kPayload before the first page
    PGAlignedBlock copy;
};

void chain_begin(PageChain *chain, const PageSource &source, PageKind kind);

// Adds a page with a zero payload; the page before goes out.
void chain_extend(PageChain *chain);

// Says which pages the chain will take next, provided that nobody takes any from the same source before it does. Errors: if a reserve does not
// have as many.
void chain_foresee(const PageChain *chain, uint32_t pages, BlockNumber *blocks);

// The last page's copy.
inline Page chain_page(PageChain *chain)
{
    return (Page)chain->copy.data;
}

// A byte stream over the payloads. chain_reserve adds a page if the last one is full: the next byte then lies on page
// chain->block at chain->used. chain_put puts as many of the n bytes as one page takes, and returns how many; chain_append
// puts them all.
void chain_reserve(PageChain *chain);
size_t chain_put(PageChain *chain, const uint8_t *bytes, size_t n);
void chain_append(PageChain *chain, const uint8_t *bytes, size_t n);

// The last page goes out, linked to `next`. Nothing happens if the chain is empty.
void chain_end(PageChain *chain, BlockNumber next);

} // namespace vq::ivf
