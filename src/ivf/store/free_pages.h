// New pages, and pages that nothing refers to any more: where they come from and when one may be used again.
#pragma once

#include "ivf/store/page.h"

namespace vq::ivf {

// A new page for this index, exclusively locked, not formatted: a freed page if one may be reused, else the
// relation grows. The caller formats it under GENERIC_XLOG_FULL_IMAGE before it lets go of the lock, or claims
// it: the free space map may have offered it to another backend too.
Buffer new_page(Relation rel, Relation heap);

// Makes a locked page from new_page look taken. Not logged: what counts is the image that follows.
void claim_page(Page page, PageKind kind);

// Appends a page at the end of the relation, exclusively locked (index build: nobody else is there).
Buffer append_page(Relation rel, ForkNumber fork);

// Puts a page that nothing on disk refers to any more into the free space map, stamped so that it waits for
// older snapshots. Locks: takes the page's exclusive lock. One WAL record.
void free_page(Relation rel, BlockNumber block);

// Frees the pages of a chain from `block` up to `end` (left out; InvalidBlockNumber = the chain's end). Honours interrupts,
// which leave pages behind that nothing refers to. Errors: INDEX_CORRUPTED at a page that is not of that kind and in use.
void free_chain(Relation rel, BlockNumber block, BlockNumber end, PageKind kind);

} // namespace vq::ivf
