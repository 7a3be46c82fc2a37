#include "ivf/store/free_pages.h"

#include "ivf/store/page_offers.h"

extern "C" {
#include "access/nbtxlog.h"
#include "access/rmgr.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/snapmgr.h"
}

namespace vq::ivf {

// Before it no snapshot on this server reads, as far as look_at_snapshots has found: of tables, and of temporary ones, which no other
// session reads, so that theirs says nothing of others.
static FullTransactionId passed_by_all = {0}, passed_by_us = {0};

static FullTransactionId *passed_for(Relation heap)
{
    return RelationUsesLocalBuffers(heap) ? &passed_by_us : &passed_by_all;
}

// True if no snapshot on this server can be old enough to read a page that was freed when `deleted_by` was
// the next xid.
static bool snapshots_passed(Relation heap, FullTransactionId deleted_by)
{
    return FullTransactionIdPrecedes(deleted_by, *passed_for(heap)) || compat_xid_removable(heap, deleted_by);
}

// The xid of the last 2^32 that has that low half.
static FullTransactionId widened(TransactionId low)
{
    const FullTransactionId now = ReadNextFullTransactionId();
    const uint32_t epoch = EpochFromFullTransactionId(now) - (low > XidFromFullTransactionId(now) ? 1 : 0);
    return FullTransactionIdFromEpochAndXid(epoch, low);
}

bool look_at_snapshots(Relation heap, FullTransactionId next)
{
    FullTransactionId *passed = passed_for(heap);
    *passed = RelationUsesLocalBuffers(heap) ? ReadNextFullTransactionId() // a VACUUM has no other snapshots
                                             : widened(compat_oldest_xid(heap));
    return FullTransactionIdPrecedes(next, *passed);
}

// Makes standbys cancel (or wait for) queries whose snapshots are that old, before the page's new content
// reaches them. GenericXLog has no conflict record; nbtree's page-reuse record names a relation and an xid
// and touches no page, so it serves us as it is.
static void log_page_reuse(Relation index, Relation heap, BlockNumber block, FullTransactionId deleted_by)
{
    xl_btree_reuse_page record;
    memset(&record, 0, sizeof record);
    compat_fill_reuse_record(record, index, heap, block, deleted_by);
    XLogBeginInsert();
    XLogRegisterData((char *)&record, SizeOfBtreeReusePage);
    (void)XLogInsert(RM_BTREE_ID, XLOG_BTREE_REUSE_PAGE);
}

void log_removed_rows(Relation rel, Relation heap, TransactionId removed)
{
    if (TransactionIdIsNormal(removed) && RelationNeedsWAL(rel) && XLogStandbyInfoActive())
        log_page_reuse(rel, heap, 0, widened(removed));
}

// In place of the xid: nobody can be reading the page.
constexpr TransactionId kUnseen = InvalidTransactionId;

// pd_prune_xid holds the low half of the xid; the page was freed less than 2^32 transactions ago, or waits a
// little longer.
static FullTransactionId freed_by(Page page)
{
    return widened(((PageHeader)page)->pd_prune_xid);
}

// The xid to stamp a page with that is freed now: no snapshot taken until now has an xmin beyond it. While this transaction runs,
// its own xid is that bound, except for a VACUUM's, which snapshots overlook.
static FullTransactionId freeing_xid()
{
    const FullTransactionId own =
        compat_in_vacuum() ? InvalidFullTransactionId : GetTopFullTransactionIdIfAny();
    return FullTransactionIdIsValid(own) ? own : ReadNextFullTransactionId();
}

bool is_free(Page page)
{
    return PageIsNew(page) || (is_our_page(page) && (page_tail(page)->kind & kFreed));
}

static bool was_seen(Page page)
{
    return !PageIsNew(page) && ((PageHeader)page)->pd_prune_xid != kUnseen;
}

bool is_ripe(Relation heap, Page page)
{
    return !was_seen(page) || snapshots_passed(heap, freed_by(page));
}

bool taken_since(Page page, TransactionId over)
{
    const TransactionId taken_by = ((PageHeader)page)->pd_prune_xid;
    return TransactionIdIsNormal(taken_by) && !TransactionIdPrecedes(taken_by, over);
}

bool is_lost(Page page, TransactionId over)
{
    if (is_free(page) || !is_our_page(page))
        return false;
    return !taken_since(page, over);
}

// Whether a page that is exclusively locked may be written anew; a standby is told then.
static bool reusable(Relation rel, Relation heap, BlockNumber block, Page page)
{
    if (!is_free(page) || !is_ripe(heap, page))
        return false;
    // A standby's queries may still read the old content: tell it first, as nbtree does.
    if (was_seen(page) && RelationNeedsWAL(rel) && XLogStandbyInfoActive())
        log_page_reuse(rel, heap, block, freed_by(page));
    return true;
}

enum class Taken
{
    Ours,
    Young,
    Used
};

// Looks at a page that is offered: Ours = reusable, *buf is exclusively locked. The map may offer a page to two backends at
// once, and it outlives a crash and a truncation, so the page may be in use or not be there.
static Taken look_at_offer(Relation rel, Relation heap, BlockNumber block, Buffer *buf)
{
    if (!block_exists(rel, block))
        return Taken::Used;
    *buf = ReadBuffer(rel, block);
    Taken taken = Taken::Young; // as far as we know, if somebody looks at it just now
    if (ConditionalLockBuffer(*buf)) {
        if (reusable(rel, heap, block, BufferGetPage(*buf)))
            return Taken::Ours;
        if (!is_free(BufferGetPage(*buf)))
            taken = Taken::Used;
        LockBuffer(*buf, BUFFER_LOCK_UNLOCK);
    }
    ReleaseBuffer(*buf);
    return taken;
}

Buffer recycled_block(Relation rel, Relation heap, BlockNumber block)
{
    Buffer buf;
    if (look_at_offer(rel, heap, block, &buf) != Taken::Ours)
        return InvalidBuffer;
    withdraw_offer(rel, block);
    return buf;
}

constexpr int kTries = 64;      // pages looked at before the relation grows instead
constexpr int kYoungTries = 16; // the same of those known to be too young some time ago

// Pages that an open snapshot may still read are offered again behind all others.
Buffer recycled_page(Relation rel, Relation heap)
{
    for (int i = 0; i < kTries + kYoungTries; i++) {
        BlockNumber block = i < kTries ? take_offer(rel, false) : InvalidBlockNumber;
        if (block == InvalidBlockNumber) {
            i = Max(i, kTries);
            block = take_offer(rel, true);
        }
        if (block == InvalidBlockNumber)
            break;
        Buffer buf;
        const Taken taken = look_at_offer(rel, heap, block, &buf);
        if (taken == Taken::Ours)
            return buf;
        if (taken == Taken::Young)
            offer_young_page(rel, block);
    }
    return InvalidBuffer;
}

Buffer new_page(Relation rel, Relation heap)
{
    Buffer recycled = recycled_page(rel, heap);
    if (recycled != InvalidBuffer)
        return recycled;
    const bool lock = !RELATION_IS_LOCAL(rel);
    if (lock)
        LockRelationForExtension(rel, ExclusiveLock);
    Buffer buf = append_page(rel, MAIN_FORKNUM);
    if (lock)
        UnlockRelationForExtension(rel, ExclusiveLock);
    return buf;
}

void stamp_page(Page page)
{
    ((PageHeader)page)->pd_prune_xid = GetTopTransactionIdIfAny();
}

void claim_page(Page page)
{
    if (PageIsNew(page)) {
        init_page(page, PageKind::Tile);
        ((PageHeader)page)->pd_lower = kPayloadStart; // little to log, if it is logged
    }
    page_tail(page)->kind &= (uint16_t)~kFreed;
    stamp_page(page);
}

void log_claim(Relation rel, Buffer buf)
{
    GenericXLogState *state = GenericXLogStart(rel);
    claim_page(
        GenericXLogRegisterBuffer(state, buf, PageIsNew(BufferGetPage(buf)) ? GENERIC_XLOG_FULL_IMAGE : 0));
    GenericXLogFinish(state);
}

Buffer append_page(Relation rel, ForkNumber fork)
{
    Buffer buf = ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, nullptr);
    LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
    return buf;
}

// Of a page that is exclusively locked; lets go of it.
static void mark_freed(Relation rel, Buffer buf, TransactionId stamp)
{
    GenericXLogState *state = GenericXLogStart(rel);
    Page page = GenericXLogRegisterBuffer(state, buf, 0);
    page_tail(page)->kind |= kFreed;
    ((PageHeader)page)->pd_prune_xid = stamp;
    GenericXLogFinish(state);
    UnlockReleaseBuffer(buf);
}

static Buffer lock_page(Relation rel, BlockNumber block)
{
    check_block(rel, block);
    Buffer buf = ReadBuffer(rel, block);
    LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
    return buf;
}

void free_page(Relation rel, BlockNumber block)
{
    mark_freed(rel, lock_page(rel, block), XidFromFullTransactionId(freeing_xid()));
    offer_page_later(rel, block);
}

void free_lost_page(Relation rel, BlockNumber block, TransactionId over)
{
    Buffer buf = lock_page(rel, block);
    if (!is_lost(BufferGetPage(buf), over)) {
        UnlockReleaseBuffer(buf);
        return;
    }
    mark_freed(rel, buf, XidFromFullTransactionId(freeing_xid()));
    offer_page_later(rel, block);
}

void give_back_page(Relation rel, BlockNumber block)
{
    mark_freed(rel, lock_page(rel, block), kUnseen);
    offer_page(rel, block);
}

void free_chain(Relation rel, BlockNumber block, BlockNumber end, PageKind kind)
{
    while (block != end) {
        CHECK_FOR_INTERRUPTS();
        Buffer buf = lock_page_if(rel, block, kind);
        if (buf == InvalidBuffer) // a damaged link: to a page of another kind, or back to one just freed
            report_corrupted(rel, block, "chain leads to a page that is not its own");
        const BlockNumber next = next_of(BufferGetPage(buf));
        UnlockReleaseBuffer(buf);
        free_page(rel, block);
        block = next;
    }
}

} // namespace vq::ivf
