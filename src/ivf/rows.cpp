#include "ivf/rows.h"

#include "core/half.h"
#include "ivf/fine.h"
#include "ivf/normalize.h"
#include "ivf/tiles.h"
#include "pg/memory.h"

extern "C" {
#include "utils/memutils.h"
}

namespace vq::ivf {

void encoder_open(RowEncoder *e, Relation rel, const Index *index)
{
    const size_t dims = index->meta.options.dims, D = index->shape.space_dims;
    *e = {};
    e->rel = rel;
    e->index = index;
    e->route_memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant route", ALLOCSET_DEFAULT_SIZES);
    e->unit = (float *)palloc(dims * sizeof(float));
    e->scratch = (float *)palloc(dims * sizeof(float));
    e->moved = (float *)pg::aligned_palloc(D * sizeof(float));
    e->centre = (float *)pg::aligned_palloc(D * sizeof(float));
    e->residual = (float *)pg::aligned_palloc(D * sizeof(float));
    e->direction = (float *)pg::aligned_palloc(D * sizeof(float));
    e->code = (uint8_t *)palloc(index->shape.code_bytes);
    e->codec_fine = (uint8_t *)palloc(index->shape.fine_bytes + 1);
    e->record = (uint8_t *)palloc(index->fine_record_bytes + 1);
    e->centroid = (uint8_t *)palloc(D * sizeof(uint16_t));
    e->state = pg::aligned_palloc(index->shape.query_bytes);
}

uint32_t nearest_list(RowEncoder *e, const float *x)
{
    const Index &index = *e->index;
    SpaceQuery query = space_query(index.assign_space, x, e->moved, e->scratch);
    e->overflow = query.overflow;
    if (index.meta.nlist == 1)
        return 0;
    index.codec->prepare(index.space.image, e->moved, 6, e->state);
    MemoryContext old = MemoryContextSwitchTo(e->route_memory);
    Router router;
    RoutedList best;
    route_begin(&router, e->rel, e->index, &index.assign_space, query, e->state);
    route_next(&router, 1, &best);
    MemoryContextSwitchTo(old);
    MemoryContextReset(e->route_memory);
    return best.list;
}

void read_centre(Relation rel, const Index &index, uint32_t list, uint8_t *stored, float *centre)
{
    const size_t D = index.shape.space_dims;
    const uint64_t at = list * centroid_record_bytes(index.shape) + sizeof(CentroidTerms);
    const uint8_t *centroid = stored;
    if (index.centroid_records)
        centroid = index.centroid_records + at;
    else
        read_part(rel, PageKind::Centroid, index.meta.centroids, at, D * sizeof(uint16_t), stored);
    for (size_t i = 0; i < D; i++) {
        uint16_t h;
        memcpy(&h, centroid + 2 * i, sizeof h);
        centre[i] = bf16_to_float(h);
    }
}

// Where an error of the code costs most (core/codec.h): the row as it was before centring, or its residual.
static const float *direction(RowEncoder *e)
{
    const Space &space = e->index->space;
    if (space.metric == Metric::L2)
        return e->residual;
    memcpy(e->direction, e->moved, space.space_dims * sizeof(float));
    simd::kernels().axpy(1, space.mean_moved, e->direction, space.space_dims);
    return e->direction;
}

bool encode_row(RowEncoder *e, const float *x, EncodedRow *row)
{
    const Index &index = *e->index;
    const size_t dims = index.meta.options.dims, D = index.shape.space_dims;
    const float *scored = x;
    if (index.cosine()) {
        scored = normalized(x, dims, e->unit);
        if (simd::kernels().dot(scored, scored, dims) == 0)
            return false;
    }
    row->list = nearest_list(e, scored);
    read_centre(e->rel, index, row->list, e->centroid, e->centre);
    for (size_t i = 0; i < D; i++)
        e->residual[i] = e->moved[i] - e->centre[i];
    e->distance = std::sqrt((double)simd::kernels().dot(e->residual, e->residual, D));
    float fine_factors[3];
    RowCode code =
        index.codec->encode(index.space.image, e->residual, e->centre, direction(e), e->code, e->codec_fine);
    row->factors = row_factors(index.space, code, e->residual, e->centre, fine_factors);
    if (e->overflow)
        row->factors = {-INFINITY, 0, 0}; // no estimate: always looked at exactly
    row->code = e->code;
    row->record = nullptr;
    if (index.has_fine()) {
        build_fine(index, x, fine_factors, e->codec_fine, e->record);
        row->record = e->record;
    }
    return true;
}

} // namespace vq::ivf
