#include "ivf/build/calibration_queries.h"

#include "core/random.h"
#include "ivf/build/train.h"
#include "ivf/row/normalize.h"

namespace vq::ivf {

CalibrationQueries draw_queries(const Sample &sample, size_t count)
{
    CalibrationQueries q = {count, sample.dims,
                            (float *)palloc_extended(count * sample.dims * sizeof(float), MCXT_ALLOC_HUGE),
                            (size_t *)palloc(count * sizeof(size_t))};
    Random random(kTrainingSeed + 1);
    for (size_t i = 0; i < count; i++) {
        q.self[i] = random.below(sample.rows);
        memcpy(query_vector(q, i), sample.vectors + q.self[i] * sample.dims, sample.dims * sizeof(float));
    }
    return q;
}

// Another row so much nearer than the centroid is a copy. Rows of lists of a hundred are about as far from the nearest one as
// from their centroid.
static bool has_copy(const float *query, const QueryPlace &place, uint32_t dims)
{
    constexpr float kNearer = 0.5f;
    const auto &k = simd::kernels();
    return k.l2sq(query, place.nearest, dims) < kNearer * kNearer * k.l2sq(query, place.centroid, dims);
}

bool leave_copies(CalibrationQueries *q, const QueryPlace *places, bool unit)
{
    constexpr double kFew = 0.1; // that many copies do not hide what the other queries need
    const uint32_t dims = q->dims;
    size_t copied = 0;
    for (size_t i = 0; i < q->count; i++)
        copied += has_copy(query_vector(*q, i), places[i], dims);
    if ((double)copied < kFew * (double)q->count)
        return false;
    float *rows = (float *)palloc_extended(q->count * dims * sizeof(float), MCXT_ALLOC_HUGE);
    memcpy(rows, q->vectors, q->count * dims * sizeof(float));
    for (size_t i = 0; i < q->count; i++) {
        if (!has_copy(rows + i * dims, places[i], dims))
            continue;
        const size_t other = (i + q->count / 2) % q->count;
        float *x = query_vector(*q, i);
        for (uint32_t d = 0; d < dims; d++)
            x[d] = places[i].centroid[d] + rows[other * dims + d] - places[other].centroid[d];
        if (unit)
            normalized(x, dims, x);
        q->self[i] = kNoRow;
    }
    pfree(rows);
    return true;
}

} // namespace vq::ivf
