#include "ivf/row/rows.h"

#include "core/half.h"
#include "ivf/store/fine.h"
#include "ivf/row/normalize.h"
#include "ivf/store/centroids.h"
#include "ivf/store/tiles.h"
#include "pg/memory.h"

extern "C" {
#include "utils/memutils.h"
}

namespace vq::ivf {

constexpr int kRoutingBits = 6; // of tables that rows are routed with

void encoder_open(RowEncoder *e, Relation rel, const Index *index)
{
    const size_t D = index->shape.space_dims;
    *e = {};
    e->rel = rel;
    e->index = index;
    e->route_memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant route", ALLOCSET_DEFAULT_SIZES);
    route_open(&e->router, rel, index);
    about_open(&e->about, index, Scores::ByL2, kRoutingBits);
    e->centre = (float *)pg::aligned_palloc(D * sizeof(float));
    e->residual = (float *)pg::aligned_palloc(D * sizeof(float));
    e->direction = (float *)pg::aligned_palloc(D * sizeof(float));
    e->code = (uint8_t *)palloc(index->shape.code_bytes);
    e->codec_fine = (uint8_t *)palloc(index->shape.fine_bytes + 1);
    e->record = (uint8_t *)palloc(index->fine_record_bytes + 1);
    e->centroid = (uint8_t *)palloc(D * sizeof(uint16_t));
}

double usual_distance(const Index &index, double distance)
{
    const double most = index.meta.far_distance;
    if (most > 0)
        return distance <= most ? distance : most;
    return std::isfinite(distance) ? distance : 0;
}

// Rows are the ones that rows.about are about; take(i, list) gets the list of each. bounds: together_floats, or null for one row.
template <class Take>
static void route_rows(RowEncoder *e, RowsTogether *rows, float *bounds, Take take)
{
    const Index &index = *e->index;
    MemoryContext old = MemoryContextSwitchTo(e->route_memory);
    route_together(rows, index, bounds);
    for (uint32_t i = 0; i < rows->count; i++) {
        if (index.meta.nlist == 1) {
            take(i, 0);
            continue;
        }
        RoutedList best;
        route_begin(&e->router, *rows, i);
        route_next(&e->router, 1, &best);
        take(i, list_of_row(index, best));
    }
    MemoryContextSwitchTo(old);
    MemoryContextReset(e->route_memory);
}

uint32_t nearest_list(RowEncoder *e, const float *x)
{
    uint32_t nearest = 0;
    about_vector(&e->about, x, vector_factor(*e->index, x));
    RowsTogether row = {1, {&e->about}, nullptr};
    route_rows(e, &row, nullptr, [&](uint32_t, uint32_t list) { nearest = list; });
    return nearest;
}

// Where a row goes, and what the codec is to encode of it; space_dims floats each.
struct Placed
{
    float *residual;
    float *centre;
    float *direction; // where an error costs most (core/codec.h): the residual, or the row before centring
    uint32_t list;
    double distance;
    bool overflow;
};

static bool is_indexed(const Index &index, const float *x)
{
    return !index.cosine() || !is_zero(x, index.meta.options.dims);
}

// about: the row, whose list is p->list.
static void place(RowEncoder *e, AboutOrigins *about, Placed *p)
{
    const Index &index = *e->index;
    const size_t D = index.shape.space_dims;
    const SpaceQuery &row = moved_about(about, index.origin_of(p->list));
    p->overflow = row.overflow;
    read_centre(e->rel, index, p->list, e->centroid, p->centre);
    for (size_t i = 0; i < D; i++)
        p->residual[i] = row.moved[i] - p->centre[i];
    p->distance = std::sqrt((double)simd::kernels().dot(p->residual, p->residual, D));
    if (index.by_residual())
        memcpy(p->direction, p->residual, D * sizeof(float));
    else {
        memcpy(p->direction, row.moved, D * sizeof(float));
        simd::kernels().axpy(1, index.space_of(p->list).mean_moved, p->direction, D);
    }
}

// From what the codec found to what is stored.
static void finish(RowEncoder *e, const float *x, const Placed &p, const RowCode &found, const uint8_t *code,
                   const uint8_t *fine, EncodedRow *row)
{
    const Index &index = *e->index;
    float fine_factors[3];
    row->list = p.list;
    row->factors = row_factors(index.space_of(p.list), found, p.residual, p.centre, fine_factors);
    if (p.overflow)
        row->factors = {-INFINITY, 0, 0}; // no estimate: always looked at exactly
    row->code = code;
    row->record = nullptr;
    e->distance = p.distance;
    const float rounding = length_rounding(index, x);
    row->factors.add -= rounding;
    fine_factors[0] -= rounding;
    if (index.has_fine()) {
        build_fine(index, x, fine_factors, fine, e->record);
        row->record = e->record;
    }
}

bool encode_row(RowEncoder *e, const float *x, EncodedRow *row)
{
    const Index &index = *e->index;
    if (!is_indexed(index, x))
        return false;
    Placed p = {e->residual, e->centre, e->direction, nearest_list(e, x), 0, false};
    place(e, &e->about, &p);
    const RowCode found = index.codec->encode(index.space().image, encoder_of(index), p.residual, p.centre,
                                              p.direction, e->code, e->codec_fine);
    finish(e, x, p, found, e->code, e->codec_fine, row);
    return true;
}

// --- batches

static Placed placed(RowBatch *b, uint32_t i)
{
    const size_t at = (size_t)i * b->encoder->index->shape.space_dims;
    return {b->residuals + at, b->centres + at, b->directions + at,
            b->lists[i],       b->distances[i], b->overflow[i]};
}

void batch_open(RowBatch *b, RowEncoder *encoder)
{
    const CodecShape &shape = encoder->index->shape;
    const size_t floats = kBatchRows * (size_t)shape.space_dims * sizeof(float);
    b->encoder = encoder;
    b->count = 0;
    memset(b->overflow, 0, sizeof b->overflow); // placed() reads it of rows that have no place yet
    for (AboutOrigins &about : b->about)
        about_open(&about, encoder->index, Scores::ByL2, kRoutingBits);
    b->bounds = (float *)palloc(together_floats(*encoder->index) * sizeof(float));
    b->vectors = (float *)palloc(kBatchRows * (size_t)encoder->index->meta.options.dims * sizeof(float));
    b->residuals = (float *)pg::aligned_palloc(floats);
    b->centres = (float *)pg::aligned_palloc(floats);
    b->directions = (float *)pg::aligned_palloc(floats);
    b->codes = (uint8_t *)palloc(kBatchRows * (size_t)shape.code_bytes);
    b->fine = (uint8_t *)palloc(kBatchRows * (size_t)shape.fine_bytes + 1);
}

bool batch_add(RowBatch *b, const float *x, const ItemPointerData &tid, const FilterKeys &keys)
{
    const uint32_t i = b->count;
    const size_t dims = b->encoder->index->meta.options.dims;
    if (!is_indexed(*b->encoder->index, x))
        return false;
    b->tids[i] = tid;
    b->keys[i] = keys;
    memcpy(b->vectors + i * dims, x, dims * sizeof(float));
    b->count++;
    return true;
}

// Of the rows from `first` on, at most kBoundTogether.
static void place_rows(RowBatch *b, uint32_t first)
{
    const Index &index = *b->encoder->index;
    RowsTogether rows = {Min(b->count - first, (uint32_t)kBoundTogether), {}, nullptr};
    for (uint32_t i = 0; i < rows.count; i++) {
        const float *x = b->vectors + (first + i) * (size_t)index.meta.options.dims;
        about_vector(&b->about[i], x, vector_factor(index, x));
        rows.about[i] = &b->about[i];
    }
    move_together(rows.about, rows.count);
    route_rows(b->encoder, &rows, b->bounds, [&](uint32_t i, uint32_t list) { b->lists[first + i] = list; });
    for (uint32_t i = 0; i < rows.count; i++) {
        Placed p = placed(b, first + i);
        place(b->encoder, rows.about[i], &p);
        b->distances[first + i] = p.distance;
        b->overflow[first + i] = p.overflow;
    }
}

void batch_place(RowBatch *b)
{
    for (uint32_t first = 0; first < b->count; first += kBoundTogether)
        place_rows(b, first);
}

void batch_encode(RowBatch *b)
{
    const Index &index = *b->encoder->index;
    batch_place(b);
    index.codec->encode_rows(index.space().image, encoder_of(index), b->count, b->residuals, b->centres,
                             b->directions, b->codes, b->fine, b->found);
}

void batch_row(RowBatch *b, uint32_t i, EncodedRow *row)
{
    const Index &index = *b->encoder->index;
    row->tid = b->tids[i];
    row->keys = b->keys[i];
    finish(b->encoder, b->vectors + i * (size_t)index.meta.options.dims, placed(b, i), b->found[i],
           b->codes + i * (size_t)index.shape.code_bytes, b->fine + i * (size_t)index.shape.fine_bytes, row);
}

} // namespace vq::ivf
