#include "ivf/row/heap_reader.h"

#include "ivf/row/normalize.h"
#include "ivf/row/vector_datum.h"
#include "ivf/store/page.h"

extern "C" {
#include "catalog/index.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

void heap_reader_open(HeapReader *reader, Relation heap, Relation index, Snapshot snapshot,
                      simd::Element element, uint32_t dims)
{
    *reader = {};
    reader->element = element;
    reader->datum_bytes = vector_datum_bytes(element, dims);
    reader->heap = heap;
    reader->index = index;
    reader->snapshot = snapshot;
    reader->fetch = compat_table_index_fetch_begin(heap);
    reader->slot = table_slot_create(heap, nullptr);
    reader->column = index->rd_index->indkey.values[0];
    reader->row_memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant row", ALLOCSET_DEFAULT_SIZES);
    reader->blocks = RelationGetNumberOfBlocks(heap);
    if (reader->column == 0) {
        reader->info = BuildIndexInfo(index);
        reader->estate = CreateExecutorState();
        GetPerTupleExprContext(reader->estate)->ecxt_scantuple = reader->slot;
    }
}

void heap_reader_close(HeapReader *reader)
{
    if (reader->fetch == nullptr)
        return;
    if (reader->estate)
        FreeExecutorState(reader->estate);
    pg::toast_close(&reader->toast);
    ExecDropSingleTupleTableSlot(reader->slot);
    table_index_fetch_end(reader->fetch);
    MemoryContextDelete(reader->row_memory);
    reader->fetch = nullptr;
}

static Datum indexed_value(HeapReader *reader, bool *isnull)
{
    if (reader->column != 0)
        return slot_getattr(reader->slot, reader->column, isnull);
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
    ResetPerTupleExprContext(reader->estate);
    FormIndexDatum(reader->info, reader->slot, reader->estate, values, nulls);
    *isnull = nulls[0];
    return values[0];
}

static bool possible_tid(HeapReader *reader, const ItemPointerData &tid)
{
    const BlockNumber block = ItemPointerGetBlockNumberNoCheck(&tid);
    if (block >= reader->blocks)
        reader->blocks = RelationGetNumberOfBlocks(reader->heap);
    return block < reader->blocks && tid.ip_posid <= MaxOffsetNumber;
}

void check_tid(HeapReader *reader, const ItemPointerData &tid)
{
    if (!possible_tid(reader, tid))
        report_corrupted(reader->index, InvalidBlockNumber, "row id beyond the end of the table");
}

bool heap_visible(HeapReader *reader, const ItemPointerData &tid)
{
    ItemPointerData root = tid;
    bool call_again = false;
    check_tid(reader, tid);
    return table_index_fetch_tuple(reader->fetch, &root, reader->snapshot, reader->slot, &call_again,
                                   nullptr);
}

// The only vectors without a place in an index are those that cosine has no distance for (belongs_in_index).
static bool is_indexed(HeapReader *reader, const ExactQuery &query, Datum value, double distance)
{
    if (query.metric != Metric::Cosine || !std::isnan(distance))
        return true;
    return !is_zero(vector_of_datum(value, reader->element, query.dims, reader->index), query.dims);
}

// What the index is about in the slot's row; read from the TOAST table where that needs no copy. Called, and leaves its copies, in the
// reader's row memory. owner: what lives as long as the scan. False if it is NULL.
static bool row_value(HeapReader *reader, MemoryContext owner, Datum *value)
{
    bool isnull;
    *value = indexed_value(reader, &isnull);
    if (isnull)
        return false;
    MemoryContextSwitchTo(owner);
    const struct varlena *plain = pg::toast_read(&reader->toast, *value, reader->datum_bytes);
    if (plain)
        *value = PointerGetDatum(plain);
    MemoryContextSwitchTo(reader->row_memory);
    return true;
}

bool row_distance(HeapReader *reader, const ExactQuery &query, double *distance)
{
    MemoryContext owner = MemoryContextSwitchTo(reader->row_memory);
    Datum value;
    bool found = row_value(reader, owner, &value);
    if (found) {
        *distance = exact_distance(query, value, reader->index);
        found = is_indexed(reader, query, value, *distance);
    }
    MemoryContextSwitchTo(owner);
    MemoryContextReset(reader->row_memory);
    return found;
}

bool heap_vector(HeapReader *reader, const ItemPointerData &tid, uint32_t dims, float *x)
{
    if (!heap_visible(reader, tid))
        return false;
    MemoryContext owner = MemoryContextSwitchTo(reader->row_memory);
    Datum value;
    const bool found = row_value(reader, owner, &value);
    if (found)
        memcpy(x, vector_of_datum(value, reader->element, dims, reader->index), dims * sizeof(float));
    MemoryContextSwitchTo(owner);
    MemoryContextReset(reader->row_memory);
    return found;
}

void publish_distance(HeapReader *reader, const ExactQuery &query, const ItemPointerData &tid,
                      double distance)
{
    if (reader->toast.recent.ring == nullptr || query.own == nullptr || reader->column == 0)
        return;
    bool isnull = true;
    const Datum value =
        heap_visible(reader, tid) ? slot_getattr(reader->slot, reader->column, &isnull) : (Datum)0;
    if (!isnull)
        pg::recent_distance_is(&reader->toast.recent, (const struct varlena *)DatumGetPointer(value),
                               query.own, (const struct varlena *)DatumGetPointer(query.datum), distance);
}

int heap_vector_blocks(HeapReader *reader, const ItemPointerData &tid, BlockNumber *blocks, int most)
{
    if (reader->column == 0 || !possible_tid(reader, tid) || !heap_visible(reader, tid))
        return 0;
    bool isnull;
    const Datum value = slot_getattr(reader->slot, reader->column, &isnull);
    return isnull ? 0 : pg::toast_blocks(&reader->toast, value, reader->datum_bytes, blocks, most);
}

bool heap_distance(HeapReader *reader, const ExactQuery &query, const ItemPointerData &tid, double *distance)
{
    return heap_visible(reader, tid) && row_distance(reader, query, distance);
}

} // namespace vq::ivf
