// Sixteen centroids a subspace (product quantization) for every instruction set; see wide_vectors.h for the rules and
// for `L`.
#pragma once

#include "simd/kernels.h"
#include "simd/wide_vectors.h"

#include <cstdint>

namespace vq::simd {

namespace {

constexpr size_t kCentroids = 16;

template <class L>
struct Sixteen // one float for each centroid
{
    static constexpr size_t kParts = kCentroids / L::kWidth;
    typename L::F part[kParts];
};

// s[k] plus (or, with kSubtract, minus) <x, c_k> for the sixteen centroids c_k; each product and each sum is rounded.
template <class L, bool kSubtract>
Sixteen<L> add_products(Sixteen<L> s, const float *x, const float *coordinates, size_t width) noexcept
{
    using F = typename L::F;
    for (size_t d = 0; d < width; d++) {
        float value;
        __builtin_memcpy(&value, x + d, sizeof value); // x may be unaligned
        const F v(value);
        for (size_t i = 0; i < s.kParts; i++) {
            const F product = v * L::load(coordinates + kCentroids * d + i * L::kWidth);
            s.part[i] = kSubtract ? s.part[i] - product : s.part[i] + product;
        }
    }
    return s;
}

// Index of the smallest of sixteen floats; of equals the first.
template <class L>
uint8_t place_of_smallest(const Sixteen<L> &s) noexcept
{
    typename L::F least = s.part[0];
    for (size_t i = 1; i < s.kParts; i++)
        least = xsimd::min(least, s.part[i]);
    least = L::spread_min(least);
    uint32_t places = 0;
    for (size_t i = 0; i < s.kParts; i++)
        places |= L::equal(s.part[i], least) << (i * L::kWidth);
    return places == 0 ? 0 : (uint8_t)__builtin_ctz(places);
}

template <class L>
void nearest_codes(const float *x, const float *codebook, size_t dims, size_t sub_dims,
                   uint8_t *codes) noexcept
{
    for (size_t at = 0; at < dims; at += sub_dims) {
        const size_t width = dims - at < sub_dims ? dims - at : sub_dims;
        Sixteen<L> s;
        for (size_t i = 0; i < s.kParts; i++)
            s.part[i] = L::load(codebook + i * L::kWidth);
        *codes++ = place_of_smallest<L>(add_products<L, true>(s, x + at, codebook + kCentroids, width));
        codebook += kCentroids * (1 + width);
    }
}

template <class L>
void subspace_dots(const float *x, const float *codebook, size_t dims, size_t sub_dims, float *out) noexcept
{
    for (size_t at = 0; at < dims; at += sub_dims) {
        const size_t width = dims - at < sub_dims ? dims - at : sub_dims;
        Sixteen<L> s;
        for (size_t i = 0; i < s.kParts; i++)
            s.part[i] = typename L::F(0.0f);
        s = add_products<L, false>(s, x + at, codebook + kCentroids, width);
        for (size_t i = 0; i < s.kParts; i++)
            L::store(out + i * L::kWidth, s.part[i]);
        out += kCentroids;
        codebook += kCentroids * (1 + width);
    }
}

} // namespace

} // namespace vq::simd
