#include "ivf/store/page_reserve.h"

#include "ivf/store/extend.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

void reserve_begin(PageReserve *r, Relation rel, Relation heap)
{
    *r = {};
    r->rel = rel;
    r->heap = heap;
    r->capacity = 64;
    r->end = InvalidBlockNumber;
    r->blocks = (BlockNumber *)palloc(r->capacity * sizeof(BlockNumber));
}

void reserve_prefer(PageReserve *r, const BlockNumber *blocks, uint32_t count)
{
    r->known = blocks;
    r->known_count = count;
    r->next = 0;
}

void reserve_limit(PageReserve *r, BlockNumber end)
{
    r->end = end;
}

void reserve_within_file(PageReserve *r)
{
    r->in_file = true;
}

// A page that is exclusively locked, and free.
static void set_aside(PageReserve *r, Buffer buf)
{
    if (r->count == r->capacity)
        r->blocks = (BlockNumber *)repalloc_huge(r->blocks, (size_t)(r->capacity *= 2) * sizeof(BlockNumber));
    log_claim(r->rel, buf);
    r->blocks[r->count++] = BufferGetBlockNumber(buf);
    UnlockReleaseBuffer(buf);
}

static void set_aside_known(PageReserve *r, uint32_t pages)
{
    while (r->count - r->used < pages && r->next < r->known_count && r->known[r->next] < r->end) {
        CHECK_FOR_INTERRUPTS();
        Buffer buf = recycled_block(r->rel, r->heap, r->known[r->next++]);
        if (buf != InvalidBuffer)
            set_aside(r, buf);
    }
}

static void set_aside_recycled(PageReserve *r, uint32_t pages)
{
    while (r->count - r->used < pages) {
        CHECK_FOR_INTERRUPTS();
        Buffer buf = recycled_page(r->rel, r->heap);
        if (buf == InvalidBuffer)
            return;
        set_aside(r, buf);
    }
}

// New pages. VACUUM may offer one to somebody else the moment it is there.
static void set_aside_new(PageReserve *r, const Added &added)
{
    for (uint32_t i = 0; i < added.count; i++) {
        Buffer buf = ReadBuffer(r->rel, added.first + i);
        LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
        if (PageIsNew(BufferGetPage(buf)))
            set_aside(r, buf);
        else
            UnlockReleaseBuffer(buf);
    }
}

bool reserve_pages(PageReserve *r, uint32_t pages, const char **why)
{
    *why = nullptr;
    set_aside_known(r, pages);
    if (r->end != InvalidBlockNumber)
        return r->count - r->used >= pages;
    set_aside_recycled(r, pages);
    if (r->in_file && r->count - r->used < pages)
        *why = "no page of the file is free";
    while (*why == nullptr && r->count - r->used < pages) {
        const Added added = extend_fork(r->rel, MAIN_FORKNUM, pages - (r->count - r->used));
        set_aside_new(r, added);
        *why = added.why;
    }
    return r->count - r->used >= pages;
}

Buffer reserve_take(PageReserve *r)
{
    if (r->used < r->count)
        return ReadBuffer(r->rel, r->blocks[r->used++]);
    Buffer buf = new_page(r->rel, r->heap);
    claim_page(BufferGetPage(buf));
    LockBuffer(buf, BUFFER_LOCK_UNLOCK);
    return buf;
}

void reserve_look(const PageReserve *r, uint32_t pages, BlockNumber *blocks)
{
    if (r->count - r->used < pages)
        elog(ERROR, "%u pages are set aside where %u are needed", r->count - r->used, pages);
    memcpy(blocks, r->blocks + r->used, pages * sizeof(BlockNumber));
}

// Takes pages from `first` on, as far as they can be had; returns how many.
static uint32_t claim_range(PageReserve *r, BlockNumber first, uint32_t pages)
{
    for (uint32_t i = 0; i < pages; i++) {
        CHECK_FOR_INTERRUPTS();
        Buffer buf = recycled_block(r->rel, r->heap, first + i);
        if (buf == InvalidBuffer)
            return i;
        log_claim(r->rel, buf);
        UnlockReleaseBuffer(buf);
    }
    return pages;
}

static bool take_range(PageReserve *r, BlockNumber first, uint32_t pages)
{
    const uint32_t taken = claim_range(r, first, pages);
    for (uint32_t i = 0; taken < pages && i < taken; i++)
        give_back_page(r->rel, first + i);
    return taken == pages;
}

// Of the known pages, from `from` on, the first that so many neighbours follow; known_count if there is none.
static uint32_t find_run(const PageReserve &r, uint32_t from, uint32_t pages)
{
    for (uint32_t i = from; i + pages <= r.known_count; i++)
        if (r.known[i + pages - 1] - r.known[i] == pages - 1)
            return i;
    return r.known_count;
}

bool reserve_known_range(PageReserve *r, uint32_t pages, BlockNumber end, BlockNumber *first)
{
    const uint32_t run = find_run(*r, r->next, pages);
    if (run == r->known_count || r->known[run] + pages > end)
        return false;
    *first = r->known[run];
    return take_range(r, *first, pages);
}

bool reserve_range(PageReserve *r, uint32_t pages, BlockNumber *first, const char **why)
{
    constexpr int kTries =
        8; // others may be offered new pages, by what the map says of a file that was longer
    *why = nullptr;
    if (reserve_known_range(r, pages, InvalidBlockNumber, first))
        return true;
    for (int i = 0; i < kTries; i++) {
        const Added added = extend_fork(r->rel, MAIN_FORKNUM, pages);
        *first = added.first;
        if (added.count == pages && take_range(r, added.first, pages))
            return true;
        if (added.count < pages) {
            *why = added.why;
            return false;
        }
    }
    *why = "new pages were taken by others";
    return false;
}

void reserve_end(PageReserve *r)
{
    while (r->used < r->count)
        give_back_page(r->rel, r->blocks[r->used++]);
    pfree(r->blocks);
}

} // namespace vq::ivf
