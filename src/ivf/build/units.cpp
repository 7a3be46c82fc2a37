#include "ivf/build/units.h"

#include "core/magnitude.h"

#include "ivf/row/normalize.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

namespace {

constexpr double kLongest = 1e6; // of rows that need no scale: squares, and squares of those, fit float
constexpr double kShortest = 1e-6;
constexpr size_t kRows = 1023; // that say how long rows are, evenly spaced

size_t all_rows(const Sample &s)
{
    return s.rows + s.outliers + s.too_long;
}

// Median length of the rows that have one.
double usual_length(const Sample &s)
{
    double lengths[kRows];
    size_t n = 0;
    const size_t wanted = Min(s.rows, kRows);
    for (size_t i = 0; i < wanted; i++) {
        const double factor = unit_factor(s.vectors + i * s.rows / wanted * s.dims, s.dims);
        if (factor > 0)
            lengths[n++] = 1 / factor;
    }
    if (n == 0)
        return 1;
    std::nth_element(lengths, lengths + n / 2, lengths + n);
    return lengths[n / 2];
}

void multiply_rows(const Sample &s, float factor)
{
    if (factor == 1)
        return;
    CHECK_FOR_INTERRUPTS();
    for (size_t i = 0; i < all_rows(s) * s.dims; i++)
        s.vectors[i] *= factor;
}

} // namespace

void scale_sample(Sample *s)
{
    s->scale = 1;
    const double length = usual_length(*s);
    if (length < kShortest || length > kLongest)
        s->scale = (float)std::ldexp(1.0, std::clamp(-std::ilogb(length), -126, 127));
    multiply_rows(*s, s->scale);
}

void unscale_rows(const Sample &s)
{
    multiply_rows(s, 1 / s.scale);
}

void rescale_rows(const Sample &s)
{
    multiply_rows(s, s.scale);
}

void normalize_sample(Sample *s)
{
    const size_t all = all_rows(*s);
    unscale_rows(*s);
    s->unit = true;
    s->scale = 1;
    s->rows = s->outliers = s->too_long = 0;
    for (size_t i = 0; i < all; i++) {
        const float *x = s->vectors + i * s->dims;
        const double factor = unit_factor(x, s->dims);
        if (factor > 0 && all_finite(x, s->dims))
            normalized(x, s->dims, s->vectors + s->rows++ * s->dims);
    }
}

void centre_sample(Sample *s, const float *mean)
{
    s->centred = true;
    for (size_t i = 0; i < all_rows(*s); i++)
        simd::kernels().axpy(-1, mean, s->vectors + i * s->dims, s->dims);
}

void mean_of_sample(const Sample &s, float *mean)
{
    double *sum = (double *)palloc0(s.dims * sizeof(double));
    for (size_t i = 0; i < s.rows; i++)
        for (uint32_t d = 0; d < s.dims; d++)
            sum[d] += s.vectors[i * s.dims + d];
    for (uint32_t d = 0; d < s.dims; d++)
        mean[d] = s.rows > 0 ? (float)(sum[d] / (double)s.rows) : 0;
    pfree(sum);
}

} // namespace vq::ivf
