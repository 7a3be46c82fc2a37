// Where new pages come from, and what becomes of pages that nothing refers to any more. A freed page keeps its content, for
// scans that began before, and is stamped with an xid that bounds their snapshots. It is offered (page_offers.h) when the
// transaction that freed it ends, and given out again when no snapshot, here or on a standby, can be that old: to the next
// transaction, where nobody else was reading.
#pragma once

#include "ivf/store/page.h"

extern "C" {
#include "access/transam.h"
}

namespace vq::ivf {

// A page for new content, exclusively locked: a freed one that may be reused, else the relation grows. What it holds is not
// defined. It must not look free when the lock is let go, as the free space map may have offered it to another backend too: format
// and stamp it before (under GENERIC_XLOG_FULL_IMAGE), or claim it. heap: the table, whose snapshots are asked about.
Buffer new_page(Relation rel, Relation heap);
// The same without making the relation longer: InvalidBuffer if no page can be reused.
Buffer recycled_page(Relation rel, Relation heap);
// The same of a certain page.
Buffer recycled_block(Relation rel, Relation heap, BlockNumber block);

// Every page that is taken, after the build, says by which transaction, so that VACUUM can tell a page that nothing refers to yet
// from one that nothing refers to any more (src/README.md, "Lost pages").
void stamp_page(Page page);

// Makes a page from new_page, still locked, look taken, for a caller that keeps it pinned and formats it later. Not logged:
// after a crash nothing refers to the page yet.
void claim_page(Page page);
// The same, logged: the page need not stay pinned.
void log_claim(Relation rel, Buffer buf);
// Takes back log_claim for a page that was not used: it is offered to others at once, since nobody has seen it meanwhile.
void give_back_page(Relation rel, BlockNumber block);

// Of a page at hand that no chain leads to: whether it is free, and then, whether it may be reused at once; else whether it is lost:
// taken by a transaction that is over. over: xids before it had ended when the looking for chains began.
bool is_free(Page page);
bool is_ripe(Relation heap, Page page);
bool is_lost(Page page, TransactionId over);
// Finds out which snapshots there are, by a look at all sessions, and returns whether what was freed when `next` was the next xid is ripe
// in this session from now on. For a VACUUM that waits for snapshots: until its own xid is over, PostgreSQL's quick answer is no.
bool look_at_snapshots(Relation heap, FullTransactionId next);
// Whether a page in use was taken since then.
bool taken_since(Page page, TransactionId over);

// Before an index goes without dead rows that it had: standbys cancel (or wait for) queries whose snapshots may still see some. removed:
// the latest xid that removed one; invalid = there are none.
void log_removed_rows(Relation rel, Relation heap, TransactionId removed);

// Index build, where nobody else is there: a page at the end of the fork, exclusively locked, empty.
Buffer append_page(Relation rel, ForkNumber fork);

// Frees a lost page.
void free_lost_page(Relation rel, BlockNumber block, TransactionId over);

// Frees a page that nothing on disk refers to any more. Locks: the page's exclusive lock. One WAL record.
void free_page(Relation rel, BlockNumber block);

// Frees the pages of a chain from `block` up to `end` (left out; InvalidBlockNumber = the chain's end). Honours interrupts,
// which leave pages behind that nothing refers to. Errors: INDEX_CORRUPTED at a page that is not of that kind and in use.
void free_chain(Relation rel, BlockNumber block, BlockNumber end, PageKind kind);

} // namespace vq::ivf
