// What the codecs of residuals share.
#pragma once

#include "core/codec.h"

#include <cmath>

namespace vq {

constexpr double kLeastCosine = 0.1;      // of r and r~: below it the code says nothing
constexpr double kScaleRounding = 0x1p-9; // of a bfloat16

// Parts of images and of scratch memory begin at multiples of 64 bytes.
constexpr size_t padded(size_t bytes) noexcept
{
    return (bytes + 63) / 64 * 64;
}

// ||r||, also where its square does not fit float. Without a kernel: what decides about codes must be the same on every
// level of the CPU.
inline double residual_norm(const float *r, size_t n) noexcept
{
    double sum[4] = {};
    for (size_t i = 0; i < n; i++)
        sum[i % 4] += (double)r[i] * r[i];
    return std::sqrt((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

// A training row, dims floats in the original space.
inline const float *training_vector(const TrainingSet &set, size_t row, size_t dims) noexcept
{
    return set.vectors + (set.which ? set.which[row] : row) * dims;
}

// Its residual.
inline void training_residual(const TrainingSet &set, size_t row, size_t dims, float *out) noexcept
{
    const float *x = training_vector(set, row, dims), *c = set.centroids + set.lists[row] * dims;
    for (size_t d = 0; d < dims; d++)
        out[d] = x[d] - c[d];
}

} // namespace vq
