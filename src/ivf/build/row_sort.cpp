#include "ivf/build/row_sort.h"

extern "C" {
#include "catalog/index.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
}

namespace vq::ivf {

namespace {

enum Column
{
    kPlace, // list << 32 | sub-list
    kTid,
    kRow,
    kColumns
};
constexpr int kKeys = 2; // the columns sorted by

int64 place_of(const Index &index, const EncodedRow &row)
{
    const uint32_t layers = index.meta.sublist_layers;
    const uint32_t sublist = layers > 0 ? index.codec->sublist_of(index.space().image, row.code, layers) : 0;
    return (int64)row.list << 32 | sublist;
}

} // namespace

void row_sort_begin(RowSort *s, const Index *index, int memory, SortCoordinate coordinate)
{
    TupleDesc desc = CreateTemplateTupleDesc(kColumns);
    TupleDescInitEntry(desc, kPlace + 1, "place", INT8OID, -1, 0);
    TupleDescInitEntry(desc, kTid + 1, "tid", INT8OID, -1, 0);
    TupleDescInitEntry(desc, kRow + 1, "row", BYTEAOID, -1, 0);
    compat_tuple_desc_finalize(desc);
    AttrNumber keys[kKeys] = {kPlace + 1, kTid + 1};
    Oid operators[kKeys] = {Int8LessOperator, Int8LessOperator}, collations[kKeys] = {};
    bool nulls_first[kKeys] = {};
    s->index = index;
    s->sort =
        tuplesort_begin_heap(desc, kKeys, keys, operators, collations, nulls_first, memory, coordinate, 0);
    s->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
    s->key_bytes = index->meta.filter_columns * (uint32_t)sizeof(uint64_t);
    s->payload_bytes = sizeof(RowFactors) + index->shape.code_bytes + index->fine_record_bytes + s->key_bytes;
    s->payload = (char *)palloc0(VARHDRSZ + s->payload_bytes);
    SET_VARSIZE(s->payload, VARHDRSZ + s->payload_bytes);
}

void row_sort_add(RowSort *s, const EncodedRow &row)
{
    char *p = VARDATA(s->payload);
    memcpy(p, &row.factors, sizeof row.factors);
    memcpy(p + sizeof row.factors, row.code, s->index->shape.code_bytes);
    memcpy(p + s->payload_bytes - s->key_bytes, row.keys.key, s->key_bytes);
    if (row.record)
        memcpy(p + sizeof row.factors + s->index->shape.code_bytes, row.record, s->index->fine_record_bytes);
    ItemPointerData tid = row.tid;
    ExecClearTuple(s->slot);
    s->slot->tts_values[kPlace] = Int64GetDatum(place_of(*s->index, row));
    s->slot->tts_values[kTid] = Int64GetDatum(itemptr_encode(&tid));
    s->slot->tts_values[kRow] = PointerGetDatum(s->payload);
    memset(s->slot->tts_isnull, 0, kColumns * sizeof(bool));
    ExecStoreVirtualTuple(s->slot);
    tuplesort_puttupleslot(s->sort, s->slot);
}

void row_sort_perform(RowSort *s)
{
    ExecClearTuple(s->slot);
    tuplesort_performsort(s->sort);
}

bool row_sort_next(RowSort *s, EncodedRow *row)
{
    if (!tuplesort_gettupleslot(s->sort, true, false, s->slot, nullptr))
        return false;
    slot_getallattrs(s->slot);
    const char *p = VARDATA_ANY(DatumGetPointer(s->slot->tts_values[kRow]));
    row->list = (uint32_t)(DatumGetInt64(s->slot->tts_values[kPlace]) >> 32);
    itemptr_decode(&row->tid, DatumGetInt64(s->slot->tts_values[kTid]));
    memcpy(&row->factors, p, sizeof row->factors);
    row->code = (const uint8_t *)p + sizeof row->factors;
    memcpy(row->keys.key, p + s->payload_bytes - s->key_bytes, s->key_bytes);
    row->record = s->index->has_fine() ? row->code + s->index->shape.code_bytes : nullptr;
    return true;
}

void row_sort_end(RowSort *s)
{
    ExecDropSingleTupleTableSlot(s->slot);
    tuplesort_end(s->sort);
}

} // namespace vq::ivf
