#include "ivf/build/row_encoding.h"

#include "ivf/row/vector_datum.h"

extern "C" {
#include "utils/memutils.h"
}

namespace vq::ivf {

static void encode_batch(RowEncoding *e)
{
    batch_encode(&e->batch);
    for (uint32_t i = 0; i < e->batch.count; i++) {
        EncodedRow row;
        batch_row(&e->batch, i, &row);
        row_sort_add(e->sort, row);
        e->distance_sum += usual_distance(*e->encoder.index, e->encoder.distance);
        if (e->rows_of_list)
            e->rows_of_list[row.list]++;
    }
    e->rows += e->batch.count;
    const uint64 done = pg_atomic_fetch_add_u64(e->rows_done, (int64)e->batch.count) + e->batch.count;
    e->batch.count = 0;
    if (e->progress)
        phase_done(e->progress, (int64)done);
}

void encoding_begin(RowEncoding *e, Relation rel, const Index *index, RowSort *sort)
{
    *e = {};
    e->sort = sort;
    encoder_open(&e->encoder, rel, index);
    key_maker_open(&e->keys, rel);
    batch_open(&e->batch, &e->encoder);
    e->row_memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant build row", ALLOCSET_DEFAULT_SIZES);
}

void encoding_add(RowEncoding *e, const ItemPointerData &tid, const Datum *values, const bool *nulls)
{
    if (nulls[0])
        return;
    MemoryContext old = MemoryContextSwitchTo(e->row_memory);
    const Index &index = *e->encoder.index;
    batch_add(&e->batch, vector_of_datum(values[0], index.element(), index.space().dims, e->encoder.rel), tid,
              make_keys(&e->keys, values, nulls));
    if (e->batch.count == kBatchRows)
        encode_batch(e);
    MemoryContextSwitchTo(old);
    MemoryContextReset(e->row_memory);
}

void encoding_end(RowEncoding *e)
{
    MemoryContext old = MemoryContextSwitchTo(e->row_memory);
    encode_batch(e);
    MemoryContextSwitchTo(old);
    MemoryContextReset(e->row_memory);
}

} // namespace vq::ivf
