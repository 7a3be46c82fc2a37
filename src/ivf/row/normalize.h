// Vectors of another length: unit vectors for cosine.
#pragma once

#include "ivf/store/index.h"

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

// What a row or a query is multiplied by before anything else; 0 if it has no direction under cosine.
inline double vector_factor(const Index &index, const float *x)
{
    return index.cosine() ? unit_factor(x, index.meta.options.dims) : (double)index.meta.scale;
}

// How far the score of a row may be off because the operator squares its length in float, where products below the least normal
// number are rounded to its last digit. Nothing but for rows shorter than 1e-18 under cosine.
inline float length_rounding(const Index &index, const float *x)
{
    if (!index.cosine())
        return 0;
    const double factor = unit_factor(x, index.meta.options.dims);
    return (float)(2.0 * index.meta.options.dims * 0x1p-149 * factor * factor);
}

} // namespace vq::ivf
