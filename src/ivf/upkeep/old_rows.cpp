#include "ivf/upkeep/old_rows.h"

#include "ivf/store/open_rows.h"
#include "ivf/store/tiles.h"
#include "ivf/upkeep/attempt.h"

extern "C" {
#include "access/heapam.h"
#include "access/heapam_xlog.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "commands/vacuum.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace vq::ivf {

namespace {

// --- row ids

Tuplesortstate *begin_ids(int memory)
{
    return tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false, Max(memory, 64), nullptr, 0);
}

int64 id_of(const ItemPointerData &tid)
{
    return (int64)ItemPointerGetBlockNumberNoCheck(&tid) << 16 | ItemPointerGetOffsetNumberNoCheck(&tid);
}

int64 next_id(Tuplesortstate *ids)
{
    Datum value;
    bool isnull;
    return compat_tuplesort_getdatum(ids, &value, &isnull) ? DatumGetInt64(value) : -1;
}

void add_id(Tuplesortstate *ids, const ItemPointerData &tid, double *count)
{
    tuplesort_putdatum(ids, Int64GetDatum(id_of(tid)), false);
    *count += 1;
}

void add_tiles(Relation rel, const Index &index, uint32_t list, const ListEntry &entry, Tuplesortstate *ids,
               double *count)
{
    TileReader reader;
    tiles_open(&reader, rel, &index, list, entry, nullptr);
    while (tiles_next(&reader) > 0) {
        tile_skip_codes(&reader);
        const TileRows tile = tile_rows(&reader);
        for (uint32_t v = 0; v < tile.rows; v++)
            if (!tile.dead(v))
                add_id(ids, tile.tid(v), count);
    }
}

void add_open(Relation rel, const Index &index, const Group *group, Tuplesortstate *ids, double *count)
{
    OpenReader reader;
    open_rows_begin(&reader, rel, &index, group->record.group, group->record.open_head);
    reader.vacuum = true;
    while (open_rows_next(&reader))
        for (const OpenRow &row : reader)
            if (!is_dead(row))
                add_id(ids, row.tid, count);
}

// All row ids of a generation, sorted.
Tuplesortstate *ids_of(Relation rel, const Index &index, int memory, double *count)
{
    Tuplesortstate *ids = begin_ids(memory);
    Group *group = (Group *)palloc(group_bytes(index));
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant row ids", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(scratch);
    *count = 0;
    for (uint32_t g = 0; g < index.groups; g++) {
        compat_vacuum_delay_point();
        lock_group(rel, g);
        read_group(rel, index, g, group);
        for (uint32_t l = 0; l < lists_of_group(index, g); l++)
            add_tiles(rel, index, g * index.meta.group_lists + l, group->entries[l], ids, count);
        add_open(rel, index, group, ids, count);
        unlock_group(rel, g);
        MemoryContextReset(scratch);
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(scratch);
    pfree(group);
    tuplesort_performsort(ids);
    return ids;
}

// Goes on to the next id that is in the current generation and not among the added ones.
void advance(RowIds *ids)
{
    do {
        ids->next = next_id(ids->current);
        while (ids->next >= 0 && ids->next_added >= 0 && ids->next_added < ids->next)
            ids->next_added = next_id(ids->added);
    } while (ids->next >= 0 && ids->next == ids->next_added);
}

BlockNumber block_of(int64 id)
{
    return (BlockNumber)(id >> 16);
}

void queue_id(OldRows *r, int64 id)
{
    if (r->first > 0 && r->first == r->queued)
        r->first = r->queued = 0;
    if (r->queued == r->capacity && r->first >= r->capacity / 2) {
        r->queued -= r->first;
        memmove(r->queue, r->queue + r->first, r->queued * sizeof(int64));
        r->first = 0;
    }
    if (r->queued == r->capacity)
        r->queue = (int64 *)repalloc(r->queue, (r->capacity *= 2) * sizeof(int64));
    r->queue[r->queued++] = id;
}

// NextBlock: queues the row ids of a block, all at once.
BlockNumber next_block(void *arg)
{
    OldRows *r = (OldRows *)arg;
    if (r->ids.next < 0)
        return InvalidBlockNumber;
    const BlockNumber block = block_of(r->ids.next);
    for (; r->ids.next >= 0 && block_of(r->ids.next) == block; advance(&r->ids))
        queue_id(r, r->ids.next);
    return block;
}

// --- rows of the table

// The last version of a row that is not dead to every snapshot, in r->tuple; of a page that is share locked. removed: the latest xid that
// removed one of those that are.
bool last_version(OldRows *r, OffsetNumber offset, HTSV_Result *state, TransactionId *removed)
{
    const Page page = BufferGetPage(r->buf);
    TransactionId xmax_before = InvalidTransactionId;
    bool found = false;
    for (bool root = true;; root = false) {
        if (offset < FirstOffsetNumber || offset > PageGetMaxOffsetNumber(page))
            return found;
        const ItemId item = PageGetItemId(page, offset);
        if (root && ItemIdIsRedirected(item)) {
            offset = ItemIdGetRedirect(item);
            continue;
        }
        if (!ItemIdIsNormal(item))
            return found;
        HeapTupleData tuple;
        tuple.t_data = (HeapTupleHeader)PageGetItem(page, item);
        tuple.t_len = ItemIdGetLength(item);
        tuple.t_tableOid = RelationGetRelid(r->heap);
        ItemPointerSet(&tuple.t_self, BufferGetBlockNumber(r->buf), offset);
        if ((root && HeapTupleIsHeapOnly(&tuple)) ||
            (TransactionIdIsValid(xmax_before) &&
             !TransactionIdEquals(xmax_before, HeapTupleHeaderGetXmin(tuple.t_data))))
            return found;
        const HTSV_Result now = HeapTupleSatisfiesVacuum(&tuple, r->oldest, r->buf);
        if (now == HEAPTUPLE_DEAD)
            compat_advance_horizon(tuple.t_data, removed);
        else {
            r->tuple = tuple;
            *state = now;
            found = true;
        }
        if (!HeapTupleIsHotUpdated(&tuple))
            return found;
        xmax_before = HeapTupleHeaderGetUpdateXid(tuple.t_data);
        offset = ItemPointerGetOffsetNumber(&tuple.t_data->t_ctid);
    }
}

// The values of the row in the slot, plain.
void form_values(OldRows *r)
{
    FormIndexDatum(r->info, r->slot, r->estate, r->values, r->nulls);
    const TupleDesc desc = RelationGetDescr(r->rel);
    for (int i = 0; i < r->info->ii_NumIndexKeyAttrs; i++)
        if (!r->nulls[i] && TupleDescAttr(desc, i)->attlen == -1)
            r->values[i] = PointerGetDatum(PG_DETOAST_DATUM(r->values[i]));
}

// Whether no snapshot sees the row in the slot any more, as of now.
bool is_dead_by_now(OldRows *r)
{
    r->oldest = compat_oldest_xid(r->heap);
    LockBuffer(r->buf, BUFFER_LOCK_SHARE);
    const bool dead = HeapTupleSatisfiesVacuum(&r->tuple, r->oldest, r->buf) == HEAPTUPLE_DEAD;
    LockBuffer(r->buf, BUFFER_LOCK_UNLOCK);
    return dead;
}

// The same of a row that was deleted. VACUUM of the TOAST table, which goes by a horizon of its own and does not wait for this one, may have
// taken its vector: then no snapshot sees the row any more. False if so.
bool form_deleted(OldRows *r)
{
    ErrorData *error = in_subtransaction([](void *arg) { form_values((OldRows *)arg); }, r);
    const bool missing =
        error && (error->sqlerrcode == ERRCODE_DATA_CORRUPTED || error->sqlerrcode == ERRCODE_INTERNAL_ERROR);
    if (error && !(missing && is_dead_by_now(r)))
        ReThrowError(error);
    return error == nullptr;
}

void note_removed(OldRows *r, TransactionId removed)
{
    if (TransactionIdIsValid(removed) &&
        (!TransactionIdIsValid(r->removed) || TransactionIdFollows(removed, r->removed)))
        r->removed = removed;
}

bool read_row(OldRows *r, int64 id)
{
    HTSV_Result state = HEAPTUPLE_LIVE;
    ResetPerTupleExprContext(r->estate);
    ExecClearTuple(r->slot);
    LockBuffer(r->buf, BUFFER_LOCK_SHARE);
    TransactionId removed = InvalidTransactionId;
    const bool found = last_version(r, (OffsetNumber)(id & 0xFFFF), &state, &removed);
    LockBuffer(r->buf, BUFFER_LOCK_UNLOCK);
    if (!found) {
        note_removed(r, removed);
        return false;
    }
    ExecStoreBufferHeapTuple(&r->tuple, r->slot, r->buf);
    MemoryContext old = MemoryContextSwitchTo(GetPerTupleMemoryContext(r->estate));
    bool formed = true;
    if (state == HEAPTUPLE_RECENTLY_DEAD || state == HEAPTUPLE_DELETE_IN_PROGRESS)
        formed = form_deleted(r);
    else
        form_values(r);
    MemoryContextSwitchTo(old);
    if (!formed)
        note_removed(r, HeapTupleHeaderGetUpdateXid(r->tuple.t_data));
    return formed;
}

void next_page(OldRows *r)
{
    ExecClearTuple(r->slot);
    if (BufferIsValid(r->buf))
        ReleaseBuffer(r->buf);
    r->buf = block_stream_next(&r->stream);
}

} // namespace

void old_rows_begin(OldRows *r, Relation heap, Relation rel, const Index &current, const Index &next,
                    int memory, BufferAccessStrategy strategy)
{
    *r = {};
    r->heap = heap;
    r->rel = rel;
    double added;
    r->ids.current = ids_of(rel, current, memory * 3 / 4, &r->count);
    r->ids.added = ids_of(rel, next, memory / 4, &added);
    r->ids.next_added = next_id(r->ids.added);
    advance(&r->ids);
    r->capacity = 1024;
    r->queue = (int64 *)palloc(r->capacity * sizeof(int64));
    r->buf = InvalidBuffer;
    r->oldest = compat_oldest_xid(heap);
    r->slot = table_slot_create(heap, nullptr);
    r->info = BuildIndexInfo(rel);
    r->estate = CreateExecutorState();
    GetPerTupleExprContext(r->estate)->ecxt_scantuple = r->slot;
    block_stream_begin(&r->stream, heap, next_block, r, strategy);
}

bool old_rows_next(OldRows *r, ItemPointerData *tid)
{
    for (;;) {
        while (r->first == r->queued || !BufferIsValid(r->buf) ||
               block_of(r->queue[r->first]) != BufferGetBlockNumber(r->buf)) {
            compat_vacuum_delay_point();
            next_page(r);
            if (!BufferIsValid(r->buf))
                return false;
        }
        const int64 id = r->queue[r->first++];
        if (read_row(r, id)) {
            ItemPointerSet(tid, block_of(id), (OffsetNumber)(id & 0xFFFF));
            return true;
        }
    }
}

void old_rows_end(OldRows *r)
{
    ExecClearTuple(r->slot);
    if (BufferIsValid(r->buf))
        ReleaseBuffer(r->buf);
    block_stream_end(&r->stream);
    ExecDropSingleTupleTableSlot(r->slot);
    FreeExecutorState(r->estate);
    tuplesort_end(r->ids.current);
    tuplesort_end(r->ids.added);
}

} // namespace vq::ivf
