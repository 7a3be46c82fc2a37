#include "ivf/build/encode_table.h"

#include "ivf/row/filter_keys.h"
#include "ivf/row/vector_datum.h"

extern "C" {
#include "access/tableam.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

struct Encoding
{
    const TableShare *share;
    RowSort *sort;
    RowEncoder encoder;
    KeyMaker keys;
    RowBatch batch;
    MemoryContext row_memory;
    EncodedCounts counts;
};

void encode_batch(Encoding *e)
{
    batch_encode(&e->batch);
    for (uint32_t i = 0; i < e->batch.count; i++) {
        EncodedRow row;
        batch_row(&e->batch, i, &row);
        row_sort_add(e->sort, row);
        e->counts.distance_sum += usual_distance(*e->share->layout, e->encoder.distance);
    }
    e->counts.rows += e->batch.count;
    const uint64 done = pg_atomic_fetch_add_u64(e->share->rows_done, (int64)e->batch.count) + e->batch.count;
    e->batch.count = 0;
    if (e->share->progress)
        phase_done(e->share->progress, (int64)done);
}

void encode_heap_row(Relation, ItemPointer tid, Datum *values, bool *isnull, bool, void *arg)
{
    Encoding *e = (Encoding *)arg;
    if (isnull[0])
        return;
    MemoryContext old = MemoryContextSwitchTo(e->row_memory);
    const uint32_t dims = e->share->layout->space().dims;
    batch_add(&e->batch, vector_of_datum(values[0], e->share->layout->element(), dims, e->share->index), *tid,
              make_keys(&e->keys, values, isnull));
    if (e->batch.count == kBatchRows)
        encode_batch(e);
    MemoryContextSwitchTo(old);
    MemoryContextReset(e->row_memory);
}

} // namespace

EncodedCounts encode_table(const TableShare &share, RowSort *sort)
{
    Encoding *e = (Encoding *)palloc0(sizeof(Encoding));
    e->share = &share;
    e->sort = sort;
    encoder_open(&e->encoder, share.index, share.layout);
    key_maker_open(&e->keys, share.index);
    batch_open(&e->batch, &e->encoder);
    e->row_memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant build row", ALLOCSET_DEFAULT_SIZES);
    e->counts.heap_rows = table_index_build_scan(share.heap, share.index, share.info, true,
                                                 share.progress != nullptr, encode_heap_row, e, share.scan);
    encode_batch(e);
    e->counts.broken_hot_chain = share.info->ii_BrokenHotChain;
    row_sort_perform(sort);
    return e->counts;
}

} // namespace vq::ivf
