#include "ivf/callbacks.h"
#include "ivf/fixed_parts.h"
#include "ivf/opclass.h"
#include "ivf/rows.h"
#include "ivf/vector_datum.h"
#include "ivf/writer.h"
#include "pg/page.h"

extern "C" {
#include "access/tableam.h"
#include "access/xloginsert.h"
#include "catalog/index.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "commands/progress.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"
}

namespace vq::ivf {

namespace {

struct Build
{
    Relation heap;
    Relation index;
    IndexInfo *info;
    ForkNumber fork;
    Training training;
    Index layout; // over training.image and training.meta
    RowEncoder encoder;
    RowBatch batch;
    MemoryContext row_memory;
    Tuplesortstate *sort;
    TupleTableSlot *sort_slot;
    uint32_t payload_bytes; // of a sorted row: tid, factors, code, record
    char *payload;
    double rows;
    double heap_rows;
};

FixedParts fixed_parts(Build *b)
{
    return {b->index, b->fork, &b->training, &b->layout};
}

// --- rows
// ----------------------------------------------------------------------------------------------------------------------------

// Rows come list by list, and by sub-list where there are some.
int64 sort_key(const Index &index, const EncodedRow &row)
{
    const uint32_t layers = index.meta.sublist_layers;
    const uint32_t key = layers > 0 ? index.codec->sublist_of(index.space.image, row.code, layers) : 0;
    return (int64)row.list << 32 | key;
}

void sort_row(Build *b, const EncodedRow &row)
{
    char *p = VARDATA(b->payload);
    memcpy(p, &row.tid, sizeof row.tid);
    memcpy(p + 8, &row.factors, sizeof row.factors);
    memcpy(p + 16, row.code, b->layout.shape.code_bytes);
    if (row.record)
        memcpy(p + 16 + b->layout.shape.code_bytes, row.record, b->layout.fine_record_bytes);
    ExecClearTuple(b->sort_slot);
    b->sort_slot->tts_values[0] = Int64GetDatum(sort_key(b->layout, row));
    b->sort_slot->tts_values[1] = PointerGetDatum(b->payload);
    b->sort_slot->tts_isnull[0] = b->sort_slot->tts_isnull[1] = false;
    ExecStoreVirtualTuple(b->sort_slot);
    tuplesort_puttupleslot(b->sort, b->sort_slot);
    b->rows++;
    b->training.residual_sum += b->encoder.distance;
}

void encode_batch(Build *b)
{
    batch_encode(&b->batch);
    for (uint32_t i = 0; i < b->batch.count; i++) {
        EncodedRow row;
        batch_row(&b->batch, i, &row);
        sort_row(b, row);
    }
    b->batch.count = 0;
    pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, (int64)b->rows);
}

void encode_heap_row(Relation, ItemPointer tid, Datum *values, bool *isnull, bool, void *arg)
{
    Build *b = (Build *)arg;
    if (isnull[0])
        return;
    MemoryContext old = MemoryContextSwitchTo(b->row_memory);
    batch_add(&b->batch, vector_of_datum(values[0], b->layout.element(), b->layout.space.dims, b->index),
              *tid);
    if (b->batch.count == kBatchRows)
        encode_batch(b);
    MemoryContextSwitchTo(old);
    MemoryContextReset(b->row_memory);
}

void begin_sort(Build *b)
{
    TupleDesc desc = CreateTemplateTupleDesc(2);
    TupleDescInitEntry(desc, 1, "list", INT8OID, -1, 0);
    TupleDescInitEntry(desc, 2, "row", BYTEAOID, -1, 0);
    AttrNumber keys[] = {1};
    Oid operators[] = {Int8LessOperator}, collations[] = {InvalidOid};
    bool nulls_first[] = {false};
    b->sort = tuplesort_begin_heap(desc, 1, keys, operators, collations, nulls_first,
                                   maintenance_work_mem / 2, nullptr, 0);
    b->sort_slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
    b->payload_bytes = 16 + b->layout.shape.code_bytes + b->layout.fine_record_bytes;
    b->payload = (char *)palloc0(VARHDRSZ + b->payload_bytes);
    SET_VARSIZE(b->payload, VARHDRSZ + b->payload_bytes);
}

struct Loader
{
    const Build *b;
    RunWriter run;
    SublistWriter sublists;
    FineWriter fine;
    Group *group;
    int64 group_number; // -1: none open
};

void close_group(Loader *l)
{
    if (l->group_number < 0)
        return;
    const Index &index = l->b->layout;
    run_end(&l->run, InvalidBlockNumber);
    fine_end(&l->fine, InvalidBlockNumber);
    l->group->record.tile_head = l->run.chain.first;
    l->group->record.tile_pages = l->run.chain.pages;
    l->group->record.fine_head = l->fine.chain.first;
    sublists_end(&l->sublists);
    l->group->record.sublist_head = l->sublists.chain.first;
    l->group->record.sublist_pages = l->sublists.chain.pages;
    l->group->record.fine_pages = l->fine.chain.pages;
    seal_group_record(index, l->group);
    Buffer buf = pg::read_page(l->b->index, directory_block(index, (uint32_t)l->group_number),
                               PageKind::Directory, BUFFER_LOCK_EXCLUSIVE);
    memcpy(group_on_page(index, BufferGetPage(buf), (uint32_t)l->group_number), l->group, group_bytes(index));
    MarkBufferDirty(buf);
    UnlockReleaseBuffer(buf);
    l->group_number = -1;
}

void open_group(Loader *l, uint32_t number)
{
    const Index &index = l->b->layout;
    const PageSource source = {l->b->index, l->b->heap, true};
    read_group(l->b->index, index, number, l->group);
    l->group_number = number;
    run_begin(&l->run, &index, source, number, l->group->entries,
              sublists_begin(&l->sublists, &index, source));
    fine_begin(&l->fine, &index, source, number);
}

void load_row(Loader *l, uint32_t list, const char *payload)
{
    const Index &index = l->b->layout;
    const uint32_t group = list / index.meta.group_lists;
    if (l->group_number != (int64)group) {
        close_group(l);
        open_group(l, group);
    }
    StoredRow row = {{}, {}, kNoFine, (const uint8_t *)payload + 16};
    memcpy(&row.tid, payload, sizeof row.tid);
    memcpy(&row.factors, payload + 8, sizeof row.factors);
    if (index.has_fine())
        row.fine = fine_add(&l->fine, (const uint8_t *)payload + 16 + index.shape.code_bytes);
    run_add(&l->run, list, row);
}

// Writes the sorted rows, list by list.
void load_lists(Build *b)
{
    TupleTableSlot *slot = MakeSingleTupleTableSlot(b->sort_slot->tts_tupleDescriptor, &TTSOpsMinimalTuple);
    Loader loader = {};
    loader.b = b;
    loader.group = (Group *)palloc(group_bytes(b->layout));
    loader.group_number = -1;
    int64 done = 0;
    while (tuplesort_gettupleslot(b->sort, true, false, slot, nullptr)) {
        CHECK_FOR_INTERRUPTS();
        bool isnull;
        const uint32_t list = (uint32_t)(DatumGetInt64(slot_getattr(slot, 1, &isnull)) >> 32);
        bytea *payload = (bytea *)DatumGetPointer(slot_getattr(slot, 2, &isnull));
        load_row(&loader, list, VARDATA_ANY(payload));
        pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, ++done);
    }
    close_group(&loader);
    ExecDropSingleTupleTableSlot(slot);
}

void encode_rows(Build *b)
{
    encoder_open(&b->encoder, b->index, &b->layout);
    batch_open(&b->batch, &b->encoder);
    b->row_memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant build row", ALLOCSET_DEFAULT_SIZES);
    begin_sort(b);
    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kEncoding);
    b->heap_rows =
        table_index_build_scan(b->heap, b->index, b->info, true, true, encode_heap_row, b, nullptr);
    encode_batch(b);
    tuplesort_performsort(b->sort);
    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kLoading);
    pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64)b->rows);
    load_lists(b);
    tuplesort_end(b->sort);
}

// What only the loaded rows tell: counts and calibration.
void finish_meta(Build *b, const Sample &sample)
{
    MetaPage *meta = &b->training.meta;
    meta->build_rows = (uint64_t)b->rows;
    meta->residual_norm = b->rows > 0 ? b->training.residual_sum / b->rows : 0;
    calibrate(meta, b->index, &b->layout, sample, b->training.centroids);
    Buffer buf = pg::read_page(b->index, 0, PageKind::Meta, BUFFER_LOCK_EXCLUSIVE);
    const FixedParts parts = fixed_parts(b);
    write_meta(&parts, buf);
    UnlockReleaseBuffer(buf);
}

void notice_little_data(Relation index, const Sample &sample)
{
    if (sample.rows > 0)
        return;
    ereport(DEBUG1,
            (errmsg_internal("index \"%s\" is built without rows and will hold one list until it is rebuilt",
                             RelationGetRelationName(index))));
}

void check_column(Relation index)
{
    const int dims = TupleDescAttr(index->rd_att, 0)->atttypmod;
    if (dims < 0)
        ereport(
            ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("column does not have dimensions"),
             errhint("Give the column's type a number of dimensions, as in vector(384) or halfvec(384).")));
}

// A copy: the relcache may replace its own while the build runs.
const IndexOptions *options_of(Relation index, const AccessMethod *am)
{
    if (index->rd_options == nullptr)
        return (const IndexOptions *)am->parse_options((Datum)0, false); // no WITH clause: all defaults
    void *copy = palloc(VARSIZE(index->rd_options));
    memcpy(copy, index->rd_options, VARSIZE(index->rd_options));
    return (const IndexOptions *)copy;
}

} // namespace

IndexBuildResult *build(Relation heap, Relation index, IndexInfo *info)
{
    if (RelationGetNumberOfBlocks(index) != 0)
        elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
    check_column(index);
    const AccessMethod *am = access_method(index);
    const IndexOptions *options = options_of(index, am);
    const Metric metric = opclass_metric(index);
    const uint32_t dims = (uint32_t)TupleDescAttr(index->rd_att, 0)->atttypmod;
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant build", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    Build *b = (Build *)palloc0(sizeof(Build));
    b->heap = heap;
    b->index = index;
    b->info = info;
    b->fork = MAIN_FORKNUM;

    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kSampling);
    Sample sample;
    draw_sample(&sample, heap, index, info, dims, metric == Metric::Cosine,
                sample_capacity(heap, dims, am, options));
    notice_little_data(index, sample);
    pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, kClustering);
    train(&b->training, am, options, metric, sample, index);
    const FixedParts parts = fixed_parts(b);
    write_fixed_parts(&parts, am);
    encode_rows(b);
    finish_meta(b, sample);
    if (RelationNeedsWAL(index))
        log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);

    MemoryContextSwitchTo(old);
    IndexBuildResult *result = (IndexBuildResult *)palloc0(sizeof(IndexBuildResult));
    result->heap_tuples = b->heap_rows;
    result->index_tuples = b->rows;
    MemoryContextDelete(memory);
    return result;
}

// The initial state of an unlogged index after a crash: untrained. GenericXLog logs nothing for unlogged
// relations, so this fork is logged by hand.
void build_empty(Relation index)
{
    const AccessMethod *am = access_method(index);
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant build", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    Build *b = (Build *)palloc0(sizeof(Build));
    b->index = index;
    b->fork = INIT_FORKNUM;
    Sample none = {};
    none.dims = (uint32_t)TupleDescAttr(index->rd_att, 0)->atttypmod;
    train(&b->training, am, options_of(index, am), opclass_metric(index), none, index);
    b->training.meta.error_scale = b->training.meta.sublist_share = 1;
    for (uint32_t i = 0; i < kCalibrationPoints; i++)
        b->training.meta.calibration[i] = 1;
    const FixedParts parts = fixed_parts(b);
    write_fixed_parts(&parts, am);
    log_newpage_range(index, INIT_FORKNUM, 0, RelationGetNumberOfBlocksInFork(index, INIT_FORKNUM), true);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
}

char *build_phase_name(int64 phase)
{
    switch (phase) {
    case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
        return pstrdup("initializing");
    case kSampling:
        return pstrdup("sampling rows");
    case kClustering:
        return pstrdup("clustering");
    case kTraining:
        return pstrdup("training codes");
    case kEncoding:
        return pstrdup("encoding rows");
    case kLoading:
        return pstrdup("writing lists");
    }
    return nullptr;
}

} // namespace vq::ivf
