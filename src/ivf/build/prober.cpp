#include "ivf/build/prober.h"

#include "core/half.h"
#include "core/random.h"

#include "ivf/row/normalize.h"
#include "ivf/scan/probes.h"

namespace vq::ivf {

// By blocks of rows against all queries.
// One of each `stride` rows, at random: a table's copies may lie at regular distances.
static size_t one_of(size_t rows, size_t part, size_t stride)
{
    const size_t first = part * stride;
    return first + (stride > 1 ? Random(part).below(Min(stride, rows - first)) : 0);
}

void nearest_in_sample(const Sample &sample, Metric metric, const CalibrationQueries &queries, size_t n,
                       size_t stride, Nearest *out)
{
    constexpr size_t kBlock = 64;
    const auto &k = simd::kernels();
    const size_t dims = sample.dims, all = sample.rows + sample.outliers;
    const size_t part = (all + stride - 1) / stride;
    float *dots = (float *)palloc(n * kBlock * sizeof(float));
    float *block = (float *)palloc(kBlock * dims * sizeof(float));
    for (size_t first = 0; first < part; first += kBlock) {
        CHECK_FOR_INTERRUPTS();
        const size_t rows = Min(kBlock, part - first);
        for (size_t j = 0; j < rows; j++)
            memcpy(block + j * dims, sample.vectors + one_of(all, first + j, stride) * dims,
                   dims * sizeof(float));
        k.dot_block(queries.vectors, n, dims, block, rows, dims, dims, dots, kBlock);
        for (size_t j = 0; j < rows; j++) {
            const size_t row = one_of(all, first + j, stride);
            const float norm_sq = metric == Metric::L2 ? k.dot(block + j * dims, block + j * dims, dims) : 0;
            const float factor = metric == Metric::L2 ? 2.0f : 1.0f;
            for (size_t i = 0; i < n; i++)
                if (row != queries.self[i])
                    out[i].offer(norm_sq - factor * dots[i * kBlock + j], (uint32_t)row);
        }
    }
    pfree(dots);
    pfree(block);
}

// The index's origins as rows without their mean see them.
static const Origin *origins_about_mean(const Index &index)
{
    const uint32_t count = 1 + index.meta.further_origins, dims = index.meta.options.dims;
    Origin *origins = (Origin *)palloc(count * sizeof(Origin));
    for (uint32_t i = 0; i < count; i++) {
        float *place = (float *)palloc(dims * sizeof(float));
        for (uint32_t d = 0; d < dims; d++)
            place[d] = (float)((double)index.origins[i].space.mean[d] - index.space().mean[d]);
        origins[i] = index.origins[i];
        origins[i].space.mean = origins[i].assign_space.mean = place;
    }
    return origins;
}

// The index as it has to be asked about the sample's rows, which are scaled, of unit length or centred already.
static const Index *in_units_of(const Sample &sample, const Index &index)
{
    Index *out = (Index *)palloc(sizeof(Index));
    *out = index;
    out->meta.scale = 1;
    if (sample.centred) {
        out->meta.metric = (uint8_t)Metric::L2;
        out->origins = origins_about_mean(index);
    }
    return out;
}

void open_prober(Prober *p, Relation rel, const Index *index, const Sample *sample)
{
    index = in_units_of(*sample, *index);
    const uint32_t nlist = index->meta.nlist;
    *p = {};
    p->index = index;
    p->sample = sample;
    about_open(&p->query, index, Scores::OfMetric, 0);
    encoder_open(&p->row, rel, index);
    p->order = (RoutedList *)palloc(nlist * sizeof(RoutedList));
    p->place = (uint32_t *)palloc(nlist * sizeof(uint32_t));
    p->memory = AllocSetContextCreate(CurrentMemoryContext, "vector_quant calibrate", ALLOCSET_DEFAULT_SIZES);
}

Estimate estimate_of(const Index &index, const void *state, const RoutedList &list, const EncodedRow &row)
{
    const QueryHead &head = *(const QueryHead *)state;
    const double dot = (double)head.mul * index.codec->scan_row(state, row.code) + head.offset;
    return {(double)list.add + row.factors.add + bf16_to_float(row.factors.scale) * dot,
            (double)error_distance(head, list.distance) * bf16_to_float(row.factors.err), row.list};
}

const float *visit_order(Prober *p, const float *x)
{
    const Index &index = *p->index;
    const uint32_t dims = index.meta.options.dims;
    if ((Metric)index.meta.metric == Metric::InnerProduct) {
        const float norm = std::sqrt(simd::kernels().dot(x, x, dims));
        if (norm > 0)
            x = scaled(x, dims, index.meta.query_norm / norm, (float *)palloc(dims * sizeof(float)));
    }
    about_vector(&p->query, x, 1);
    route_begin(&p->row.router, &p->query);
    route_next(&p->row.router, index.meta.nlist, p->order);
    for (uint32_t i = 0; i < index.meta.nlist; i++)
        p->place[p->order[i].list] = i;
    p->nearest = nearest_rank(index, p->order, index.meta.nlist);
    return x;
}

double sample_score(const Prober *p, const float *q, const float *x)
{
    const auto &k = simd::kernels();
    const size_t dims = p->sample->dims;
    return p->index->space().metric == Metric::L2 ? k.l2sq(q, x, dims) : -k.dot(q, x, dims);
}

bool estimate_row(Prober *p, const float *q, const float *x, Estimate *out, double *score)
{
    EncodedRow row;
    if (!encode_row(&p->row, x, &row))
        return false;
    const uint32_t origin = p->index->origin_of(row.list);
    const RoutedList &list = p->order[p->place[row.list]];
    *out = estimate_of(*p->index, tables_about(&p->query, origin), list, row);
    *score = sample_score(p, q, x);
    const double rounding = list_rounding(space_about(p->query, origin), moved_about(&p->query, origin),
                                          list.centroid_norm, list.distance);
    return says_something(*out, *score) && rounding < out->error;
}

float gap_of(const Prober *p, size_t place)
{
    return gap_behind(*p->index, p->nearest, p->order[place]);
}

} // namespace vq::ivf
