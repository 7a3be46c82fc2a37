#include "ivf/store/page_offers.h"

#include "ivf/store/extend.h"

extern "C" {
#include "access/relation.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/freespace.h"
#include "storage/fsm_internals.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"
#include "storage/smgr.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

struct Later // pages of one index to be offered later
{
    Later *next;
    Oid relation;
    Oid file; // relfilenode: block numbers of another file mean nothing
    BlockNumber *blocks;
    uint32_t count, capacity;
};

Later *all_later = nullptr; // in TopMemoryContext: they outlive a rollback
bool ripen = false;

Later *later_of(Relation rel)
{
    for (Later *l = all_later; l; l = l->next)
        if (l->relation == RelationGetRelid(rel) && l->file == rel->rd_rel->relfilenode)
            return l;
    Later *added = (Later *)MemoryContextAllocZero(TopMemoryContext, sizeof(Later));
    added->capacity = 16;
    added->blocks = (BlockNumber *)MemoryContextAlloc(TopMemoryContext, 16 * sizeof(BlockNumber));
    added->relation = RelationGetRelid(rel);
    added->file = rel->rd_rel->relfilenode;
    added->next = all_later;
    return all_later = added;
}

// What the map says of pages: indexes know but free and used, so the bytes between tell young pages from the rest.
constexpr Size kFree = BLCKSZ - 1;     // as RecordFreeIndexPage says
constexpr Size kWantFree = BLCKSZ / 2; // as GetFreeIndexPage wants
constexpr Size kYoung = BLCKSZ / 4;
constexpr Size kWantYoung = BLCKSZ / 8;

constexpr BlockNumber kUpdatedTogether = 4000; // blocks: about a leaf page of the map

// The map's page that says how much is free on a block, as the map is laid out in freespace.c: leaves, and before them the upper
// pages that lead to them.
BlockNumber map_page_of(BlockNumber block)
{
    const int levels = SlotsPerFSMPage >= 1626 ? 3 : 4;
    BlockNumber place = block / SlotsPerFSMPage, pages = 0;
    for (int level = 0; level < levels; level++, place /= SlotsPerFSMPage)
        pages += place + 1;
    return pages - 1;
}

// How many of the blocks, ascending, the map has a place for; it is made longer if there is room for that.
uint32_t within_map(Relation rel, const BlockNumber *blocks, uint32_t count)
{
    SMgrRelation file = RelationGetSmgr(rel);
    const BlockNumber needed = count > 0 ? map_page_of(blocks[count - 1]) + 1 : 0;
    BlockNumber there = smgrexists(file, FSM_FORKNUM) ? smgrnblocks(file, FSM_FORKNUM) : 0;
    if (there < needed)
        there += extend_fork(rel, FSM_FORKNUM, needed - there).count;
    while (count > 0 && map_page_of(blocks[count - 1]) >= there)
        count--;
    return count;
}

// blocks: ascending. Every level of the map is brought up to date, for neighbours together.
void offer_all(Relation rel, const BlockNumber *blocks, uint32_t count, Size room)
{
    count = within_map(rel, blocks, count);
    for (uint32_t first = 0, end; first < count; first = end) {
        for (end = first; end < count && blocks[end] - blocks[first] < kUpdatedTogether; end++)
            RecordPageWithFreeSpace(rel, blocks[end], room);
        FreeSpaceMapVacuumRange(rel, blocks[first], blocks[end - 1] + 1);
    }
}

// Where the index is locked against us, or is no more, VACUUM has to find the pages.
void offer_those_of(Later *later)
{
    if (!ConditionalLockRelationOid(later->relation, RowExclusiveLock))
        return;
    Relation rel = try_relation_open(later->relation, NoLock);
    if (rel && rel->rd_rel->relfilenode == later->file) {
        std::sort(later->blocks, later->blocks + later->count);
        const BlockNumber end = RelationGetNumberOfBlocks(rel);
        while (later->count > 0 && later->blocks[later->count - 1] >= end)
            later->count--;
        offer_all(rel, later->blocks, later->count, kFree);
    }
    if (rel)
        relation_close(rel, NoLock);
    UnlockRelationOid(later->relation, RowExclusiveLock);
}

// A parallel VACUUM has to wait till here for an xid, because parallel mode has none to give.
void at_end_of_transaction(XactEvent event, void *)
{
    if (event == XACT_EVENT_ABORT)
        ripen = false;
    if (event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE)
        return;
    if (ripen)
        (void)GetTopTransactionId();
    ripen = false;
    while (all_later) {
        Later *later = all_later;
        offer_those_of(later);
        all_later = later->next;
        pfree(later->blocks);
        pfree(later);
    }
}

} // namespace

void begin_offers(Relation rel)
{
    const BlockNumber last = RelationGetNumberOfBlocks(rel) - 1;
    (void)within_map(rel, &last, 1);
}

void offer_page(Relation rel, BlockNumber block)
{
    offer_all(rel, &block, 1, kFree);
}

void offer_pages(Relation rel, const BlockNumber *blocks, uint32_t count, bool young)
{
    offer_all(rel, blocks, count, young ? kYoung : kFree);
}

void offer_page_later(Relation rel, BlockNumber block)
{
    Later *later = later_of(rel);
    if (later->count == later->capacity)
        later->blocks =
            (BlockNumber *)repalloc_huge(later->blocks, (size_t)(later->capacity *= 2) * sizeof(BlockNumber));
    later->blocks[later->count++] = block;
}

void offer_young_page(Relation rel, BlockNumber block)
{
    RecordPageWithFreeSpace(rel, block, kYoung);
}

void ripen_later()
{
    ripen = true;
}

BlockNumber take_offer(Relation rel, bool young)
{
    const BlockNumber block = GetPageWithFreeSpace(rel, young ? kWantYoung : kWantFree);
    if (block != InvalidBlockNumber)
        RecordUsedIndexPage(rel, block);
    return block;
}

void withdraw_offer(Relation rel, BlockNumber block)
{
    if (GetRecordedFreeSpace(rel, block) > 0)
        RecordUsedIndexPage(rel, block);
}

BlockNumber offered_pages(Relation rel, BlockNumber first)
{
    const BlockNumber end = RelationGetNumberOfBlocks(rel);
    BlockNumber count = 0;
    for (BlockNumber block = first; block < end; block++) {
        CHECK_FOR_INTERRUPTS();
        count += GetRecordedFreeSpace(rel, block) >= kWantYoung;
    }
    return count;
}

void init_page_offers()
{
    RegisterXactCallback(at_end_of_transaction, nullptr);
}

} // namespace vq::ivf
