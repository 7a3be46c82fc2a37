// One gate to a page: every read checks what it got.
#pragma once

#include "ivf/store/format.h"

extern "C" {
#include "access/generic_xlog.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
}

namespace vq::ivf {

// Reads and locks (BUFFER_LOCK_SHARE or _EXCLUSIVE) a page of one of our kinds.
// Errors: INDEX_CORRUPTED if the block does not exist, is empty, or is not a page of that kind; the buffer is
// released then.
Buffer read_page(Relation rel, BlockNumber block, PageKind kind, BufferLockMode lock);

// Whether the relation has that block.
bool block_exists(Relation rel, BlockNumber block);
// To be called when a relation has just been locked: since it was last locked, VACUUM may have truncated it.
void forget_blocks();

// The two halves of read_page: errors if the block does not exist; locks and checks a page that is pinned already.
void check_block(Relation rel, BlockNumber block);
Buffer check_page(Relation rel, Buffer buf, PageKind kind, BufferLockMode lock);

// Whether a page that is not empty is one of ours, in use or freed.
bool is_our_page(Page page);

// Whether a page is one of ours, of that kind, and in use (read_page also accepts freed ones: an older scan
// may be on its way there).
bool is_page_of(Page page, PageKind kind);

// Locks a page exclusively if it (still) is one of that kind and in use; InvalidBuffer if not. Errors:
// INDEX_CORRUPTED if there is no such block.
Buffer lock_page_if(Relation rel, BlockNumber block, PageKind kind);

// Whether pd_lower and pd_upper are what a page of that kind has.
bool valid_page_bounds(Page page, PageKind kind);

// Raises INDEX_CORRUPTED with the REINDEX hint; detail is a short phrase ("list extent out of bounds").
[[noreturn]] void report_corrupted(Relation rel, BlockNumber block, const char *detail);

inline PageTail *page_tail(Page page)
{
    return (PageTail *)PageGetSpecialPointer(page);
}
inline char *page_payload(Page page)
{
    return (char *)page + kPayloadStart;
}
// Of an Open page: one past the list number of its first row (OpenHeader); null where it has rows and no numbers.
inline const uint8_t *open_page_numbers(Page page)
{
    const PageHeader header = (PageHeader)page;
    const bool none = header->pd_upper == header->pd_special && ((OpenHeader *)page_payload(page))->rows > 0;
    return none ? nullptr : (const uint8_t *)page + header->pd_special;
}

// The page that follows in the page's chain; InvalidBlockNumber at the end.
inline BlockNumber next_of(Page page)
{
    return page_tail(page)->next;
}
inline void link_page(Page page, BlockNumber next)
{
    page_tail(page)->next = next;
}
// The same of a page that is not at hand, as it is now. Locks: the page, for a moment. Errors: as read_page.
BlockNumber read_next(Relation rel, BlockNumber block, PageKind kind);

// A byte of a page's payload.
struct PagePlace
{
    BlockNumber block;
    uint32_t offset; // bytes into the payload
};

// Puts `image` in the place of a pinned page's content, logged, and lets go of the page. Locks: the page's exclusive lock.
void replace_page(Relation rel, Buffer buf, Page image);

// Formats a page of that kind with all of its payload in use and zero (pd_lower at the end), and no next
// page.
void init_page(Page page, PageKind kind);

} // namespace vq::ivf
