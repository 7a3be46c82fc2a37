#include "ivf/build/sample.h"

#include "ivf/row/block_sample.h"
#include "ivf/row/normalize.h"
#include "ivf/row/vector_datum.h"

extern "C" {
#include "storage/bufmgr.h"
#include "access/tableam.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

constexpr uint64_t kSampleSeed = 42; // fixed: the same table gives the same index

struct SampleDrawing
{
    Sample *sample;
    Relation index;
    simd::Element element;
    bool cosine; // zero rows are left out
    MemoryContext row_memory;
    Reservoir reservoir;
};

void keep_vector(SampleDrawing *d, const float *x)
{
    Sample *s = d->sample;
    const size_t at = d->reservoir.place();
    if (at == s->capacity)
        return;
    memcpy(s->vectors + at * s->dims, x, s->dims * sizeof(float));
    s->rows = d->reservoir.rows();
}

void add_row(Relation, ItemPointer, Datum *values, bool *isnull, bool, void *arg)
{
    SampleDrawing *d = (SampleDrawing *)arg;
    if (isnull[0])
        return;
    MemoryContext old = MemoryContextSwitchTo(d->row_memory);
    const uint32_t dims = d->sample->dims;
    const float *x = vector_of_datum(values[0], d->element, dims, d->index);
    if (!d->cosine || !is_zero(x, dims))
        keep_vector(d, x);
    MemoryContextSwitchTo(old);
    MemoryContextReset(d->row_memory);
}

} // namespace

void draw_sample(Sample *sample, Relation heap, Relation index, IndexInfo *info, const IndexedColumn &column,
                 size_t capacity, BuildProgress *progress)
{
    begin_phase(progress, BuildPhase::Sampling, 0);
    *sample = {nullptr, 0, 0, 0, capacity, column.dims, false, 0, 1, false};
    sample->vectors =
        (float *)palloc_extended(Max(capacity, (size_t)1) * column.dims * sizeof(float), MCXT_ALLOC_HUGE);
    SampleDrawing drawing = {sample,         index,
                             column.element, column.metric == Metric::Cosine,
                             nullptr,        {capacity, Random(kSampleSeed), 0}};
    drawing.row_memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant sample", ALLOCSET_DEFAULT_SIZES);

    const BlockNumber blocks = RelationGetNumberOfBlocks(heap);
    BlockDraw draw;
    BlockNumber block;
    // Twice the rows: those of a block are often alike, and should not all be in the sample.
    block_draw_begin(&draw, blocks, kSampleSeed, 2 * (uint64_t)capacity);
    uint64_t visited = 0;
    while (block_draw_next(&draw, drawing.reservoir.seen, &block)) {
        compat_vacuum_delay_point();
        // Also rows that are not committed yet, except under a snapshot, which has no such choice.
        table_index_build_range_scan(heap, index, info, false, !info->ii_Concurrent, false, block, 1, add_row,
                                     &drawing, nullptr);
        phase_blocks(progress, (int64)++visited, (int64)draw.drawn); // more where they are not enough
        phase_done(progress, (int64)sample->rows);
    }
    sample->table_rows = visited > 0 ? (double)drawing.reservoir.seen * blocks / (double)visited : 0;
    MemoryContextDelete(drawing.row_memory);
    report_phase(progress, "%zu of about %.0f rows sampled, from %llu of %u blocks", sample->rows,
                 sample->table_rows, (unsigned long long)visited, blocks);
}

} // namespace vq::ivf
