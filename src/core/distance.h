// Distances between float vectors, as SQL shows them. The operators and the index's rerank both call these
// functions, so that the order an index gives out equals the order of the operator bit for bit.
//
// Sums are float (the kernels'), the last step is double: as pgvector. Overflow gives infinity, never an
// error.
#pragma once

#include <cmath>
#include <cstddef>

#include "simd/kernels.h"

namespace vq {

inline double l2_squared(const float *a, const float *b, size_t n) noexcept
{
    return (double)simd::kernels().l2sq(a, b, n);
}

inline double l2_distance(const float *a, const float *b, size_t n) noexcept
{
    return std::sqrt(l2_squared(a, b, n));
}

inline double inner_product(const float *a, const float *b, size_t n) noexcept
{
    return (double)simd::kernels().dot(a, b, n);
}

// What operator <#> shows: ascending order is the order of descending inner product.
inline double negative_inner_product(const float *a, const float *b, size_t n) noexcept
{
    return -inner_product(a, b, n);
}

// Rounding may carry a cosine past 1. NaN stays NaN.
inline double clamp_cosine(double similarity) noexcept
{
    return similarity > 1 ? 1.0 : similarity < -1 ? -1.0 : similarity;
}

// NaN if a or b is a zero vector, or if a norm overflows float. One square root of the product of the squared
// norms, not a product of roots: equal vectors then give exactly 0.
inline double cosine_distance(const float *a, const float *b, size_t n) noexcept
{
    float sums[3];
    simd::kernels().dot_norms(a, b, n, sums);
    return 1.0 - clamp_cosine((double)sums[0] / std::sqrt((double)sums[1] * (double)sums[2]));
}

// Angle over pi, for unit vectors (norms are not looked at). Unlike the cosine distance it obeys the triangle
// inequality.
inline double spherical_distance(const float *a, const float *b, size_t n) noexcept
{
    constexpr double kPi = 3.14159265358979323846;
    return std::acos(clamp_cosine(inner_product(a, b, n))) / kPi;
}

inline double l1_distance(const float *a, const float *b, size_t n) noexcept
{
    return (double)simd::kernels().l1(a, b, n);
}

// Euclidean norm, summed in double so that it cannot overflow. Four sums, added pairwise: an addition is not
// waited for.
inline double l2_norm(const float *a, size_t n) noexcept
{
    double sum[4] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t j = 0; j < 4; j++)
            sum[j] += (double)a[i + j] * (double)a[i + j];
    for (; i < n; i++)
        sum[0] += (double)a[i] * (double)a[i];
    return std::sqrt((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

} // namespace vq
