#include "pg/page.h"

#include "pg/reuse.h"

extern "C" {
#include "access/transam.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/freespace.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
}

namespace vq::pg {

using namespace vq::ivf;

void report_corrupted(Relation rel, BlockNumber block, const char *detail)
{
    ereport(ERROR,
            (errcode(ERRCODE_INDEX_CORRUPTED),
             errmsg("index \"%s\" is corrupted at block %u: %s", RelationGetRelationName(rel), block, detail),
             errhint("Please REINDEX it.")));
    pg_unreachable();
}

void chain_step(Relation rel, BlockNumber block, uint32_t *steps)
{
    constexpr uint32_t kAsk = 1024; // asking for the relation's size costs a system call
    if (++*steps % kAsk == 0 && *steps > RelationGetNumberOfBlocks(rel))
        report_corrupted(rel, block, "chain of pages runs in a circle");
}

// Whether the relation has that block. Asking costs a system call, so the last answer is kept: a file never
// shrinks, and a rebuilt index has another relfilenode.
static bool block_exists(Relation rel, BlockNumber block)
{
    static Oid known_relation = InvalidOid, known_file = InvalidOid;
    static BlockNumber known_blocks = 0;
    const bool same = known_relation == RelationGetRelid(rel) && known_file == rel->rd_rel->relfilenode;
    if (same && block < known_blocks)
        return true;
    known_blocks = RelationGetNumberOfBlocks(rel);
    known_relation = RelationGetRelid(rel);
    known_file = rel->rd_rel->relfilenode;
    return block < known_blocks;
}

void check_block(Relation rel, BlockNumber block)
{
    if (!block_exists(rel, block))
        report_corrupted(rel, block, "no such block");
}

static bool is_ours(Page page)
{
    const PageHeader header = (PageHeader)page;
    return header->pd_special == BLCKSZ - sizeof(PageTail) && page_tail(page)->magic == kTailMagic;
}

bool is_page_of(Page page, PageKind kind)
{
    return !PageIsNew(page) && is_ours(page) && page_tail(page)->kind == (uint16_t)kind;
}

Buffer lock_page_if(Relation rel, BlockNumber block, PageKind kind)
{
    check_block(rel, block);
    Buffer buf = ReadBuffer(rel, block);
    LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
    if (is_page_of(BufferGetPage(buf), kind))
        return buf;
    UnlockReleaseBuffer(buf);
    return InvalidBuffer;
}

Buffer check_page(Relation rel, Buffer buf, PageKind kind, int lock)
{
    LockBuffer(buf, lock);
    Page page = BufferGetPage(buf);
    const char *why = nullptr;
    if (PageIsNew(page))
        why = "empty page";
    else if (!is_ours(page))
        why = "not a vector_quant page";
    else if ((page_tail(page)->kind & ~kFreed) != (uint16_t)kind)
        why = "unexpected page kind";
    if (why) {
        const BlockNumber block = BufferGetBlockNumber(buf);
        UnlockReleaseBuffer(buf);
        report_corrupted(rel, block, why);
    }
    return buf;
}

Buffer read_page(Relation rel, BlockNumber block, PageKind kind, int lock)
{
    check_block(rel, block);
    return check_page(rel, ReadBuffer(rel, block), kind, lock);
}

void init_page(Page page, PageKind kind)
{
    PageInit(page, BLCKSZ, sizeof(PageTail));
    // GenericXLog and full-page images leave out what lies between pd_lower and pd_upper.
    ((PageHeader)page)->pd_lower = ((PageHeader)page)->pd_upper;
    *page_tail(page) = {InvalidBlockNumber, (uint16_t)kind, kTailMagic};
}

// pd_prune_xid holds the low half of the xid; the page was freed less than 2^32 transactions ago, or waits a
// little longer.
static FullTransactionId freed_by(Page page)
{
    const FullTransactionId now = ReadNextFullTransactionId();
    const TransactionId low = ((PageHeader)page)->pd_prune_xid;
    const uint32_t epoch = EpochFromFullTransactionId(now) - (low > XidFromFullTransactionId(now) ? 1 : 0);
    return FullTransactionIdFromEpochAndXid(epoch, low);
}

static bool is_free(Page page)
{
    return PageIsNew(page) || (is_ours(page) && (page_tail(page)->kind & kFreed));
}

static bool reusable(Relation rel, Relation heap, BlockNumber block, Page page)
{
    if (PageIsNew(page))
        return true;
    if (!is_free(page))
        return false;
    if (!snapshots_passed(heap, freed_by(page)))
        return false;
    // A standby's queries may still read the old content: tell it first, as nbtree does.
    if (RelationNeedsWAL(rel) && XLogStandbyInfoActive())
        log_page_reuse(rel, heap, block, freed_by(page));
    return true;
}

// A reusable page that the free space map offers, exclusively locked, or InvalidBuffer. Pages too young (an
// open snapshot may still read them, and those just freed always are) are set aside and offered again: older
// ones wait behind them. The map may offer a page to two backends at once, and the slower one gives it back
// to the map although it is in use by now: such pages are left out when they are met.
static Buffer recycled_page(Relation rel, Relation heap)
{
    constexpr int kTries = 64; // pages looked at before the relation grows instead
    BlockNumber young[kTries];
    int count = 0;
    Buffer found = InvalidBuffer;
    while (found == InvalidBuffer && count < kTries) {
        const BlockNumber block = GetFreeIndexPage(rel);
        if (block == InvalidBlockNumber)
            break;
        if (!block_exists(rel, block))
            continue; // the free space map outlived a truncation
        Buffer buf = ReadBuffer(rel, block);
        bool free = true; // as far as we know, if somebody looks at it just now
        if (ConditionalLockBuffer(buf)) {
            if (reusable(rel, heap, block, BufferGetPage(buf))) {
                found = buf;
                break;
            }
            free = is_free(BufferGetPage(buf));
            LockBuffer(buf, BUFFER_LOCK_UNLOCK);
        }
        ReleaseBuffer(buf);
        if (free)
            young[count++] = block;
    }
    while (count > 0)
        RecordFreeIndexPage(rel, young[--count]);
    return found;
}

Buffer new_page(Relation rel, Relation heap)
{
    Buffer recycled = recycled_page(rel, heap);
    if (recycled != InvalidBuffer)
        return recycled;
    const bool lock = !RELATION_IS_LOCAL(rel);
    if (lock)
        LockRelationForExtension(rel, ExclusiveLock);
    Buffer buf = extend(rel, MAIN_FORKNUM);
    if (lock)
        UnlockRelationForExtension(rel, ExclusiveLock);
    return buf;
}

void claim_page(Page page, PageKind kind)
{
    if (PageIsNew(page))
        init_page(page, kind);
    else
        page_tail(page)->kind &= (uint16_t)~kFreed;
}

Buffer extend(Relation rel, ForkNumber fork)
{
    Buffer buf = ReadBufferExtended(rel, fork, P_NEW, RBM_NORMAL, nullptr);
    LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
    return buf;
}

void free_page(Relation rel, BlockNumber block)
{
    check_block(rel, block);
    Buffer buf = ReadBuffer(rel, block);
    LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
    GenericXLogState *state = GenericXLogStart(rel);
    Page page = GenericXLogRegisterBuffer(state, buf, 0);
    page_tail(page)->kind |= kFreed;
    ((PageHeader)page)->pd_prune_xid = XidFromFullTransactionId(ReadNextFullTransactionId());
    GenericXLogFinish(state);
    UnlockReleaseBuffer(buf);
    RecordFreeIndexPage(rel, block);
}

} // namespace vq::pg
