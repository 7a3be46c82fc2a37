// Vectors of another length: unit vectors for cosine.
#pragma once

#include "simd/kernels.h"

#include <cmath>
#include <cstddef>

namespace vq::ivf {

inline bool is_zero(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0)
            return false;
    return true;
}

// factor * x into out (n floats).
inline const float *scaled(const float *x, size_t n, float factor, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * factor;
    return out;
}

// 1 / ||x||, or 0 if x is zero. In double, so that neither huge nor tiny vectors over- or underflow.
inline double unit_factor(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sum > 0 ? 1.0 / std::sqrt(sum) : 0;
}

// x / ||x|| into out (n floats); all zero if x is.
inline const float *normalized(const float *x, size_t n, float *out)
{
    const double factor = unit_factor(x, n);
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(x[i] * factor);
    return out;
}

} // namespace vq::ivf
