#include "ivf/sample.h"

#include "ivf/normalize.h"
#include "ivf/opclass.h"
#include "ivf/vector_datum.h"

extern "C" {
#include "storage/bufmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/sampling.h"
}

namespace vq::ivf {

namespace {

constexpr uint64_t kSampleSeed = 42; // fixed: the same table gives the same index

struct Drawing
{
    Sample *sample;
    Relation index;
    simd::Element element;
    MemoryContext row_memory;
    Reservoir reservoir;
};

void add_row(Relation, ItemPointer, Datum *values, bool *isnull, bool, void *arg)
{
    Drawing *d = (Drawing *)arg;
    if (isnull[0])
        return;
    MemoryContext old = MemoryContextSwitchTo(d->row_memory);
    const uint32_t dims = d->sample->dims;
    const float *x = vector_of_datum(values[0], d->element, dims, d->index);
    bool zero = d->sample->unit;
    for (uint32_t i = 0; i < dims && zero; i++)
        zero = x[i] == 0;
    if (!zero) {
        const uint64_t at = d->reservoir.place();
        float *place = at < d->sample->capacity ? d->sample->vectors + at * dims : nullptr;
        if (place && d->sample->unit)
            normalized(x, dims, place);
        else if (place)
            memcpy(place, x, dims * sizeof(float));
    }
    MemoryContextSwitchTo(old);
    MemoryContextReset(d->row_memory);
}

} // namespace

double scan_sampled_blocks(Relation heap, Relation index, IndexInfo *info, uint64_t seed,
                           Reservoir *reservoir, IndexBuildCallback add, void *arg)
{
    const BlockNumber blocks = RelationGetNumberOfBlocks(heap);
    const uint64_t capacity = reservoir->capacity;
    // Blocks hold at least some rows each: twice as many blocks as rows wanted always suffice, and mean the
    // whole table if it is small.
    const BlockNumber targets = (BlockNumber)Min((uint64_t)blocks, 2 * capacity + 300);
    BlockSamplerData sampler;
    BlockSampler_Init(&sampler, blocks, (int)targets, (uint32)seed);
    uint64_t visited = 0;
    while (BlockSampler_HasMore(&sampler)) {
        CHECK_FOR_INTERRUPTS();
        const BlockNumber block = BlockSampler_Next(&sampler);
        table_index_build_range_scan(heap, index, info, false, true, false, block, 1, add, arg, nullptr);
        visited++;
        // Enough rows from enough blocks: the rest would only be drawn to be thrown away.
        if (reservoir->seen >= 2 * capacity && visited >= 300)
            break;
    }
    return blocks > 0 ? (double)visited / blocks : 1;
}

void draw_sample(Sample *sample, Relation heap, Relation index, IndexInfo *info, uint32_t dims, bool unit,
                 size_t capacity)
{
    *sample = {nullptr, 0, capacity, dims, unit, 0};
    sample->vectors =
        (float *)palloc_extended(Max(capacity, (size_t)1) * dims * sizeof(float), MCXT_ALLOC_HUGE);
    Drawing drawing = {sample, index, opclass_element(index), nullptr, {capacity, 0, Random(kSampleSeed)}};
    drawing.row_memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant sample", ALLOCSET_DEFAULT_SIZES);
    const double share =
        scan_sampled_blocks(heap, index, info, kSampleSeed, &drawing.reservoir, add_row, &drawing);
    sample->rows = drawing.reservoir.rows();
    sample->table_rows = share > 0 ? (double)drawing.reservoir.seen / share : 0;
    MemoryContextDelete(drawing.row_memory);
}

} // namespace vq::ivf
