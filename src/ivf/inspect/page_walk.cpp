#include "ivf/inspect/page_walk.h"

#include "ivf/store/free_pages.h"
#include "ivf/store/stream.h"

extern "C" {
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

void visit_buffer(Visited *visited, Buffer buf, PageKind kind, PGAlignedBlock *copy)
{
    const BlockNumber block = BufferGetBlockNumber(buf);
    memcpy(copy->data, BufferGetPage(buf), BLCKSZ);
    UnlockReleaseBuffer(buf);
    if (!is_page_of((Page)copy->data, kind))
        report_corrupted(visited->rel, block, "page in use is marked as free");
    if (!valid_page_bounds((Page)copy->data, kind))
        report_corrupted(visited->rel, block, "damaged page header");
    if (!blocks_add(&visited->blocks, block) && !taken_since((Page)copy->data, visited->over))
        report_corrupted(visited->rel, block, "page is referred to twice");
}

void visit_page(Visited *visited, BlockNumber block, PageKind kind, PGAlignedBlock *copy)
{
    CHECK_FOR_INTERRUPTS();
    visit_buffer(visited, read_page(visited->rel, block, kind, BUFFER_LOCK_SHARE), kind, copy);
}

void keys_begin(Keys *keys)
{
    *keys = {(uint64_t *)palloc(256 * sizeof(uint64_t)), 0, 256};
}

void keys_add(Keys *keys, uint64_t key)
{
    if (keys->count == keys->capacity)
        keys->items = (uint64_t *)repalloc_huge(keys->items, (keys->capacity *= 2) * sizeof(uint64_t));
    keys->items[keys->count++] = key;
}

void walk_begin(ChainWalk *chain, Relation rel)
{
    chain->rel = rel;
    chain->count = 0;
    chain->capacity = 64;
    chain->blocks = (BlockNumber *)palloc(chain->capacity * sizeof(BlockNumber));
    chain->by_block = nullptr;
    chain->loaded = UINT32_MAX;
}

void walk_chain(ChainWalk *chain, Visited *visited, PageKind kind, BlockNumber block,
                void (*look)(void *, uint32_t, BlockNumber, const PGAlignedBlock &), void *arg)
{
    chain->kind = kind;
    while (block != InvalidBlockNumber) {
        visit_page(visited, block, kind, &chain->page);
        if (chain->count > visited->blocks.count) // in a circle
            report_corrupted(chain->rel, block, "page is referred to twice");
        if (chain->count == chain->capacity)
            chain->blocks = (BlockNumber *)repalloc_huge(chain->blocks, (size_t)(chain->capacity *= 2) *
                                                                            sizeof(BlockNumber));
        if (look)
            look(arg, chain->count, block, chain->page);
        chain->blocks[chain->count++] = block;
        block = next_of((Page)chain->page.data);
    }
    chain->by_block = (uint64_t *)palloc_extended((chain->count + 1) * sizeof(uint64_t), MCXT_ALLOC_HUGE);
    for (uint32_t i = 0; i < chain->count; i++)
        chain->by_block[i] = (uint64_t)chain->blocks[i] << 32 | i;
    std::sort(chain->by_block, chain->by_block + chain->count);
}

int64 walk_place(const ChainWalk *chain, BlockNumber block)
{
    const uint64_t *end = chain->by_block + chain->count;
    const uint64_t *found = std::lower_bound((const uint64_t *)chain->by_block, end, (uint64_t)block << 32);
    return found != end && *found >> 32 == block ? (int64)(uint32_t)*found : -1;
}

BlockNumber walk_block(const ChainWalk *chain, uint64_t position)
{
    return chain->blocks[page_of_position(position)];
}

void walk_read(ChainWalk *chain, uint64_t position, size_t bytes, uint8_t *out)
{
    while (bytes > 0) {
        const uint64_t place = page_of_position(position);
        if (place >= chain->count)
            report_corrupted(chain->rel, chain->count ? chain->blocks[chain->count - 1] : 0,
                             "chain of pages ends too early");
        if (place != chain->loaded) {
            Buffer buf = read_page(chain->rel, chain->blocks[place], chain->kind, BUFFER_LOCK_SHARE);
            memcpy(chain->page.data, BufferGetPage(buf), BLCKSZ);
            UnlockReleaseBuffer(buf);
            chain->loaded = (uint32_t)place;
        }
        const size_t n = bytes_on_page(position, bytes);
        memcpy(out, byte_at((Page)chain->page.data, position), n);
        out += n;
        position += n;
        bytes -= n;
    }
}

} // namespace vq::ivf
