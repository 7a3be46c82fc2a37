#include "ivf/build/calibration_queries.h"

#include "core/random.h"
#include "ivf/build/prober.h"
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

static size_t count_copies(const float *query, const QueryPlace &place, uint32_t dims)
{
    const float limit = (float)(kNearCopy * kNearCopy) * simd::kernels().l2sq(query, place.centroid, dims);
    size_t n = 0;
    while (n < place.count && place.squares[n] < limit)
        n++;
    return n;
}

namespace {

// What the rows of copied queries tell of their lists.
struct Spread
{
    double copies;      // equal rows, on average: 1 where there are none
    double distinct;    // different rows of a list
    double of_centroid; // variance of a centroid that comes from having so few: of rows, over their number
};

constexpr double kLeastDistinct = 2; // a list of one: nobody knows how rows vary

Spread spread_of(const CalibrationQueries &q, const QueryPlace *places, const size_t *copies,
                 double list_rows)
{
    double squares = 0, rows = 0;
    for (size_t i = 0; i < q.count; i++) {
        squares += simd::kernels().l2sq(query_vector(q, i), places[i].centroid, q.dims);
        rows += (double)copies[i] + 1;
    }
    const double equal = rows / (double)q.count, m = Max(list_rows / equal, kLeastDistinct);
    // Squared distances of the rows that made a centroid are 1 - 1/m of the variance.
    return {equal, m, squares / (double)q.count / (m - 1)};
}

// Mean of the centroids nearest to one, itself left out.
void mean_of_neighbours(const Centroids &lists, const float *centroid, uint32_t dims, float *mean)
{
    constexpr uint32_t kNeighbours = 5;
    Nearest near = {};
    for (uint32_t c = 0; c < lists.count; c++) {
        const float *x = lists.vectors + (size_t)c * dims;
        if (x != centroid)
            near.offer(simd::kernels().l2sq(centroid, x, dims), c);
    }
    const size_t n = Min(near.found, (size_t)kNeighbours);
    memset(mean, 0, dims * sizeof(float));
    for (size_t k = 0; k < n; k++)
        simd::kernels().axpy(1 / (float)n, lists.vectors + (size_t)near.row[k] * dims, mean, dims);
}

// A query as far from the place of a list as rows are that did not make its centroid. The centroid of few rows lies off that place,
// towards them, by what the mean of so few varies; the centroids around tell how much of its distance from them that is.
// Then: 1 + (1 - w)/m of the variance of rows about their place, where w of the way is gone, for rows that have 1 - 1/m.
void held_out_query(const Spread &spread, const float *centroid, const float *around, const float *residual,
                    uint32_t dims, float *x)
{
    const double gap = simd::kernels().l2sq(centroid, around, dims);
    const double w = gap > 0 ? Min(spread.of_centroid / gap, 1.0) : 0;
    const float stretch = (float)std::sqrt((spread.distinct + 1 - w) / (spread.distinct - 1));
    for (uint32_t d = 0; d < dims; d++)
        x[d] = centroid[d] + (float)w * (around[d] - centroid[d]) + stretch * residual[d];
}

// Residuals of the queries' rows, count x dims.
float *residuals_of(const CalibrationQueries &q, const QueryPlace *places)
{
    float *residuals = (float *)palloc_extended(q.count * q.dims * sizeof(float), MCXT_ALLOC_HUGE);
    for (size_t i = 0; i < q.count; i++)
        for (uint32_t d = 0; d < q.dims; d++)
            residuals[i * q.dims + d] = query_vector(q, i)[d] - places[i].centroid[d];
    return residuals;
}

} // namespace

double leave_copies(CalibrationQueries *q, const QueryPlace *places, const Centroids &lists, double list_rows,
                    bool unit)
{
    const uint32_t dims = q->dims;
    size_t copied = 0;
    size_t *copies = (size_t *)palloc(q->count * sizeof(size_t));
    for (size_t i = 0; i < q->count; i++) {
        copies[i] = count_copies(query_vector(*q, i), places[i], dims);
        copied += copies[i] > 0;
    }
    if ((double)copied < kFewCopied * (double)q->count)
        return 1;
    const Spread spread = spread_of(*q, places, copies, list_rows);
    float *residuals = residuals_of(*q, places), *around = (float *)palloc(dims * sizeof(float));
    for (size_t i = 0; i < q->count; i++) {
        if (copies[i] == 0)
            continue;
        CHECK_FOR_INTERRUPTS();
        mean_of_neighbours(lists, places[i].centroid, dims, around);
        float *x = query_vector(*q, i);
        held_out_query(spread, places[i].centroid, around, residuals + (i + q->count / 2) % q->count * dims,
                       dims, x);
        if (unit)
            normalized(x, dims, x);
        q->self[i] = kNoRow;
    }
    pfree(residuals);
    return spread.copies;
}

} // namespace vq::ivf
