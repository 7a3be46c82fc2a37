#include "ivf/row/table_walk.h"

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "storage/bufmgr.h"
#include "utils/relcache.h"
}

namespace vq::ivf {

bool can_walk(Relation heap)
{
    return heap->rd_tableam == GetHeapamTableAmRoutine();
}

void walk_begin(TableWalk *walk, HeapReader *reader)
{
    *walk = {};
    walk->reader = reader;
    walk->block = InvalidBlockNumber;
    walk->roots = (OffsetNumber *)palloc(MaxHeapTuplesPerPage * sizeof(OffsetNumber));
    List *predicate = RelationGetIndexPredicate(reader->index);
    if (predicate != NIL) {
        walk->estate = CreateExecutorState();
        walk->predicate = ExecPrepareQual(predicate, walk->estate);
        GetPerTupleExprContext(walk->estate)->ecxt_scantuple = reader->slot;
    }
    ExecClearTuple(reader->slot);
}

void walk_end(TableWalk *walk)
{
    if (walk->scan)
        table_endscan(walk->scan);
    ExecClearTuple(walk->reader->slot);
    if (walk->estate)
        FreeExecutorState(walk->estate);
}

bool walk_predicate_holds(TableWalk *walk)
{
    if (walk->predicate == nullptr)
        return true;
    ResetPerTupleExprContext(walk->estate);
    return ExecQual(walk->predicate, GetPerTupleExprContext(walk->estate));
}

bool walk_next(TableWalk *walk)
{
    if (walk->scan == nullptr)
        walk->scan = compat_table_beginscan(walk->reader->heap, walk->reader->snapshot);
    while (table_scan_getnextslot(walk->scan, ForwardScanDirection, walk->reader->slot))
        if (walk_predicate_holds(walk))
            return true;
    return false;
}

bool walk_draw(TableWalk *walk, Random *random)
{
    if (walk->reader->blocks == 0)
        return false;
    const BlockNumber block = (BlockNumber)random->below(walk->reader->blocks);
    const Buffer buf = ReadBuffer(walk->reader->heap, block);
    LockBuffer(buf, BUFFER_LOCK_SHARE);
    const OffsetNumber most = PageGetMaxOffsetNumber(BufferGetPage(buf));
    UnlockReleaseBuffer(buf);
    if (most == 0)
        return false;
    ItemPointerData tid;
    ItemPointerSet(&tid, block, (OffsetNumber)(FirstOffsetNumber + random->below(most)));
    return heap_visible(walk->reader, tid);
}

// The scan's pin keeps the page from being pruned, so that chains stay as they are.
static void find_roots(TableWalk *walk, BlockNumber block)
{
    const Buffer buf = ReadBuffer(walk->reader->heap, block);
    LockBuffer(buf, BUFFER_LOCK_SHARE);
    heap_get_root_tuples(BufferGetPage(buf), walk->roots);
    UnlockReleaseBuffer(buf);
    walk->block = block;
}

ItemPointerData walk_tid(TableWalk *walk)
{
    TupleTableSlot *slot = walk->reader->slot;
    ItemPointerData tid = slot->tts_tid;
    if (!HeapTupleIsHeapOnly(ExecFetchSlotHeapTuple(slot, false, nullptr)))
        return tid;
    const BlockNumber block = ItemPointerGetBlockNumber(&tid);
    if (walk->block != block)
        find_roots(walk, block);
    const OffsetNumber root = walk->roots[ItemPointerGetOffsetNumber(&tid) - 1];
    if (OffsetNumberIsValid(root))
        ItemPointerSetOffsetNumber(&tid, root);
    return tid;
}

} // namespace vq::ivf
