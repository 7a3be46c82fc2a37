// Distances between vectors of floats or of IEEE halfs, as SQL shows them. The operators and the index's rerank
// both call these functions, so that the order an index gives out equals the order of the operator bit for bit.
// Results for halfs are those for the same values as floats, bit for bit: so an index may compare decoded floats instead.
//
// T: float, or uint16_t for halfs. Sums are float (the kernels'), the last step is double: as pgvector. Overflow
// gives infinity, never an error.
#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>

#include "simd/half.h"
#include "simd/kernels.h"

namespace vq {

// The kernels for pairs of floats or of halfs, and one element.
template <class T>
struct PairKernels
{
    static constexpr bool kFloats = std::is_same_v<T, float>;
    static_assert(kFloats || std::is_same_v<T, uint16_t>);

    static constexpr auto choose(auto of_floats, auto of_halfs) noexcept
    {
        if constexpr (kFloats)
            return of_floats;
        else
            return of_halfs;
    }
    static constexpr auto dot = choose(&simd::Kernels::dot, &simd::Kernels::half_dot);
    static constexpr auto l2sq = choose(&simd::Kernels::l2sq, &simd::Kernels::half_l2sq);
    static constexpr auto l1 = choose(&simd::Kernels::l1, &simd::Kernels::half_l1);
    static constexpr auto dot_norms = choose(&simd::Kernels::dot_norms, &simd::Kernels::half_dot_norms);

    static double element(T x) noexcept
    {
        if constexpr (kFloats)
            return (double)x;
        else
            return (double)half_to_float(x);
    }
};

template <class T>
double l2_squared(const T *a, const T *b, size_t n) noexcept
{
    return (double)(simd::kernels().*PairKernels<T>::l2sq)(a, b, n);
}

template <class T>
double l2_distance(const T *a, const T *b, size_t n) noexcept
{
    return std::sqrt(l2_squared(a, b, n));
}

template <class T>
double inner_product(const T *a, const T *b, size_t n) noexcept
{
    return (double)(simd::kernels().*PairKernels<T>::dot)(a, b, n);
}

// What operator <#> shows: ascending order is the order of descending inner product.
template <class T>
double negative_inner_product(const T *a, const T *b, size_t n) noexcept
{
    return -inner_product(a, b, n);
}

// Rounding may carry a cosine past 1. NaN stays NaN.
inline double clamp_cosine(double similarity) noexcept
{
    return similarity > 1 ? 1.0 : similarity < -1 ? -1.0 : similarity;
}

// NaN if a or b is a zero vector, or if a squared norm overflows float. One square root of the product of the squared norms,
// not a product of two roots: equal vectors then give exactly 0.
template <class T>
double cosine_distance(const T *a, const T *b, size_t n) noexcept
{
    float sums[3];
    (simd::kernels().*PairKernels<T>::dot_norms)(a, b, n, sums);
    return 1.0 - clamp_cosine((double)sums[0] / std::sqrt((double)sums[1] * (double)sums[2]));
}

// Angle over pi, for unit vectors (norms are not looked at). Unlike the cosine distance it obeys the triangle
// inequality.
template <class T>
double spherical_distance(const T *a, const T *b, size_t n) noexcept
{
    constexpr double kPi = 3.14159265358979323846;
    return std::acos(clamp_cosine(inner_product(a, b, n))) / kPi;
}

template <class T>
double l1_distance(const T *a, const T *b, size_t n) noexcept
{
    return (double)(simd::kernels().*PairKernels<T>::l1)(a, b, n);
}

// Euclidean norm, summed in double so that it cannot overflow. Four sums, so that an addition need not wait for the last.
template <class T>
double l2_norm(const T *a, size_t n) noexcept
{
    const auto square = [](T x) { return PairKernels<T>::element(x) * PairKernels<T>::element(x); };
    double sum[4] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t j = 0; j < 4; j++)
            sum[j] += square(a[i + j]);
    for (; i < n; i++)
        sum[0] += square(a[i]);
    return std::sqrt((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

} // namespace vq
