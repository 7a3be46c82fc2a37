#include "ivf/build/outliers.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

namespace {

// Longer rows have squares, and sums and differences of squares, beyond float.
constexpr float kLongest = 1e18f;
constexpr size_t kLeastRows = 100;   // of a sample that may have outliers
constexpr size_t kMiddleRows = 1023; // give the middle, evenly spaced

float *row(const Sample &s, size_t i)
{
    return s.vectors + i * s.dims;
}

void swap_rows(const Sample &s, size_t i, size_t j)
{
    if (i != j)
        std::swap_ranges(row(s, i), row(s, i) + s.dims, row(s, j));
}

// The median of every coordinate: half of the rows can be anywhere without moving it far.
float *middle_of(const Sample &s)
{
    const size_t n = Min(s.rows, kMiddleRows);
    float *middle = (float *)palloc(s.dims * sizeof(float)), *values = (float *)palloc(n * sizeof(float));
    for (uint32_t d = 0; d < s.dims; d++) {
        for (size_t i = 0; i < n; i++)
            values[i] = row(s, i * s.rows / n)[d];
        std::nth_element(values, values + n / 2, values + n);
        middle[d] = values[n / 2];
    }
    pfree(values);
    return middle;
}

// Rows that stay, to the front; the others behind them. Returns how many stay.
template <class Stays>
size_t partition_rows(const Sample &s, Stays stays)
{
    size_t kept = 0;
    for (size_t i = 0; i < s.rows; i++)
        if (stays(i))
            swap_rows(s, kept++, i);
    return kept;
}

} // namespace

float quantile(float *values, size_t n, double share)
{
    const size_t at = Min((size_t)(share * (double)n), n - 1);
    std::nth_element(values, values + at, values + n);
    return values[at];
}

double outlier_distance(float *distances, size_t n)
{
    const double limit = kOutlier * quantile(distances, n, 0.5);
    const auto beyond = std::count_if(distances, distances + n, [limit](float d) { return d > limit; });
    if ((double)beyond <= kMostOutliers * (double)n)
        return limit;
    // Distances of all sizes: only what stands out of the farthest hundredth, too.
    return kOutlier * quantile(distances, n, 1 - kMostOutliers);
}

void set_outliers_aside(Sample *s)
{
    const auto &k = simd::kernels();
    const size_t drawn = s->rows;
    s->rows = partition_rows(*s, [&](size_t i) {
        CHECK_FOR_INTERRUPTS();
        return k.dot(row(*s, i), row(*s, i), s->dims) <= kLongest * kLongest;
    });
    s->too_long = drawn - s->rows;
    if (s->rows < kLeastRows)
        return;
    float *middle = middle_of(*s),
          *distances = (float *)palloc_extended(2 * s->rows * sizeof(float), MCXT_ALLOC_HUGE);
    for (size_t i = 0; i < s->rows; i++) {
        CHECK_FOR_INTERRUPTS();
        distances[i] = std::sqrt(k.l2sq(row(*s, i), middle, s->dims));
    }
    memcpy(distances + s->rows, distances, s->rows * sizeof(float));
    const double limit = outlier_distance(distances + s->rows, s->rows);
    if (limit > 0) {
        const size_t all = s->rows;
        s->rows = partition_rows(*s, [&](size_t i) { return distances[i] <= limit; });
        s->outliers = all - s->rows;
    }
    pfree(middle);
    pfree(distances);
}

} // namespace vq::ivf
