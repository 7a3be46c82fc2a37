// One gate to a page: every read checks what it got, every new page comes from here.
#pragma once

#include "ivf/format.h"

extern "C" {
#include "access/generic_xlog.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
}

namespace vq::pg {

using ivf::PageKind;

// Reads and locks (BUFFER_LOCK_SHARE or _EXCLUSIVE) a page of one of our kinds.
// Errors: INDEX_CORRUPTED if the block does not exist, is empty, or is not a page of that kind; the buffer is
// released then.
Buffer read_page(Relation rel, BlockNumber block, PageKind kind, int lock);

// The two halves of read_page: errors if the block does not exist; locks and checks a page that is pinned already.
void check_block(Relation rel, BlockNumber block);
Buffer check_page(Relation rel, Buffer buf, PageKind kind, int lock);

// Whether a page is one of ours, of that kind, and in use (read_page also accepts freed ones: an older scan
// may be on its way there).
bool is_page_of(Page page, PageKind kind);

// Locks a page exclusively if it (still) is one of that kind and in use; InvalidBuffer if not. Errors:
// INDEX_CORRUPTED if there is no such block.
Buffer lock_page_if(Relation rel, BlockNumber block, PageKind kind);

// Raises INDEX_CORRUPTED with the REINDEX hint; detail is a short phrase ("list extent out of bounds").
[[noreturn]] void report_corrupted(Relation rel, BlockNumber block, const char *detail);

// To be called for every page of a chain that is followed; *steps starts at 0. Errors: INDEX_CORRUPTED if a damaged link makes it a circle.
void chain_step(Relation rel, BlockNumber block, uint32_t *steps);

inline ivf::PageTail *page_tail(Page page)
{
    return (ivf::PageTail *)PageGetSpecialPointer(page);
}
inline char *page_payload(Page page)
{
    return (char *)page + ivf::kPayloadStart;
}

// Formats a page of that kind with all of its payload in use and zero (pd_lower at the end), and no next
// page.
void init_page(Page page, PageKind kind);

// A new page for this index, exclusively locked, not formatted: a freed page if one may be reused, else the
// relation grows. The caller formats it under GENERIC_XLOG_FULL_IMAGE before it lets go of the lock, or claims
// it: the free space map may have offered it to another backend too.
Buffer new_page(Relation rel, Relation heap);

// Makes a locked page from new_page look taken. Not logged: what counts is the image that follows.
void claim_page(Page page, PageKind kind);

// Appends a page at the end of the relation, exclusively locked (index build: nobody else is there).
Buffer extend(Relation rel, ForkNumber fork);

// Puts a page that nothing on disk refers to any more into the free space map, stamped so that it waits for
// older snapshots. Locks: takes the page's exclusive lock. One WAL record.
void free_page(Relation rel, BlockNumber block);

} // namespace vq::pg
