#include "ivf/write/truncate.h"

#include "ivf/store/free_pages.h"
#include "pg/pause.h"

extern "C" {
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/storage.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/smgr.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

struct Wanted
{
    Wanted *next;
    Oid relation;
    Oid file; // relfilenode
    BlockNumber first;
    int message_level;
};

Wanted *all_wanted = nullptr; // in TopTransactionContext

bool lock_soon(Oid relation)
{
    constexpr int kTries = 20;
    constexpr long kPause = 50; // ms
    for (int i = 0;; i++) {
        if (ConditionalLockRelationOid(relation, AccessExclusiveLock))
            return true;
        if (i == kTries)
            return false;
        pg::pause(kPause);
    }
}

bool page_is_free(Relation rel, BlockNumber block, BufferAccessStrategy strategy)
{
    Buffer buf = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
    LockBuffer(buf, BUFFER_LOCK_SHARE);
    const bool free = is_free(BufferGetPage(buf));
    UnlockReleaseBuffer(buf);
    return free;
}

// The file's length without the free pages at its end, as far as there is time to look.
BlockNumber end_of_used(Relation rel, BlockNumber first, BlockNumber end)
{
    constexpr BlockNumber kPages = 32; // looked at between two looks at who waits
    BufferAccessStrategy strategy = GetAccessStrategy(BAS_VACUUM);
    while (end > first && page_is_free(rel, end - 1, strategy)) {
        CHECK_FOR_INTERRUPTS();
        if (end % kPages == 0 && LockHasWaitersRelation(rel, AccessExclusiveLock))
            break;
        end--;
    }
    FreeAccessStrategy(strategy);
    return end;
}

// What took the pages out of their chains must survive a crash if their loss does. RelationTruncate flushes the log first, in some
// versions of PostgreSQL only where there is a free space map: VACUUM has made one, unless there was no room.
bool log_will_be_flushed(Relation rel)
{
    return !RelationNeedsWAL(rel) || smgrexists(RelationGetSmgr(rel), FSM_FORKNUM);
}

void truncate(const Wanted &wanted)
{
    if (!lock_soon(wanted.relation))
        return;
    Relation rel = try_relation_open(wanted.relation, NoLock);
    if (rel && rel->rd_rel->relfilenode == wanted.file && log_will_be_flushed(rel)) {
        const BlockNumber blocks = RelationGetNumberOfBlocks(rel);
        const BlockNumber end = end_of_used(rel, wanted.first, blocks);
        if (worth_truncating(blocks - end, blocks)) {
            RelationTruncate(rel, end);
            ereport(wanted.message_level, (errmsg("index \"%s\": truncated %u to %u pages",
                                                  RelationGetRelationName(rel), blocks, end)));
        }
        forget_blocks();
    }
    if (rel)
        relation_close(rel, NoLock);
    UnlockRelationOid(wanted.relation, AccessExclusiveLock);
}

void at_end_of_transaction(XactEvent event, void *)
{
    if (event == XACT_EVENT_PRE_COMMIT)
        for (const Wanted *w = all_wanted; w; w = w->next)
            truncate(*w);
    if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_ABORT)
        all_wanted = nullptr;
}

} // namespace

void truncate_later(Relation rel, BlockNumber first, int message_level)
{
    Wanted *wanted = (Wanted *)MemoryContextAlloc(TopTransactionContext, sizeof(Wanted));
    *wanted = {all_wanted, RelationGetRelid(rel), rel->rd_rel->relfilenode, first, message_level};
    all_wanted = wanted;
}

bool worth_truncating(BlockNumber free, BlockNumber blocks)
{
    return free >= 8 && (free >= 1000 || free >= blocks / 16);
}

void init_truncation()
{
    RegisterXactCallback(at_end_of_transaction, nullptr);
}

} // namespace vq::ivf
