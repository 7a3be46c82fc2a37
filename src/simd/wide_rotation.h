// fwht and flip_signs for every instruction set; see wide_vectors.h for the rules and for `L`.
#pragma once

#include "simd/wide_vectors.h"

#include <cstdint>

namespace vq::simd {

namespace {

// log2(R) stages on R batches that lie h floats apart. R is a power of two up to 8: eight batches fit the
// sixteen registers of AVX2 with their temporaries, and three stages a pass divide the loads and stores by
// three.
template <size_t R, class F>
__attribute__((always_inline)) inline void cross_stages(F (&v)[R]) noexcept
{
#pragma GCC unroll 8
    for (size_t h = 1; h < R; h *= 2)
#pragma GCC unroll 8
        for (size_t i = 0; i < R; i++)
            if ((i & h) == 0) {
                F sum = v[i] + v[i + h];
                v[i + h] = v[i] - v[i + h];
                v[i] = sum;
            }
}

template <class L>
typename L::F lane_stages(typename L::F v) noexcept
{
    v = L::template butterfly<1>(v);
    v = L::template butterfly<2>(v);
    if constexpr (L::kWidth > 4)
        v = L::template butterfly<4>(v);
    if constexpr (L::kWidth > 8)
        v = L::template butterfly<8>(v);
    return v;
}

// log2(R) stages of the transform, on batches h floats apart. kLanes: the first pass, where batches are neighbours
// (h = kWidth); the stages inside a batch come first.
template <class L, size_t R, bool kLanes>
void fwht_pass(float *x, size_t n, size_t h) noexcept
{
    using F = typename L::F;
    for (size_t base = 0; base < n; base += R * h)
        for (size_t i = base; i < base + h; i += L::kWidth) {
            F v[R];
#pragma GCC unroll 8
            for (size_t r = 0; r < R; r++)
                v[r] = kLanes ? lane_stages<L>(L::load(x + i + r * h)) : L::load(x + i + r * h);
            cross_stages(v);
#pragma GCC unroll 8
            for (size_t r = 0; r < R; r++)
                L::store(x + i + r * h, v[r]);
        }
}

template <class L>
void fwht(float *x, size_t n) noexcept
{
    constexpr size_t W = L::kWidth;
    if (n < W) {
        float v[W] = {};
        __builtin_memcpy(v, x, n * sizeof(float));
        for (size_t h = 1; h < n; h *= 2)
            for (size_t i = 0; i < n; i++)
                if ((i & h) == 0) {
                    float sum = v[i] + v[i + h];
                    v[i + h] = v[i] - v[i + h];
                    v[i] = sum;
                }
        __builtin_memcpy(x, v, n * sizeof(float));
        return;
    }
    size_t h = W;
    if (n >= 8 * W)
        fwht_pass<L, 8, true>(x, n, h), h *= 8;
    else
        fwht_pass<L, 1, true>(x, n, h);
    for (; n / h >= 8; h *= 8)
        fwht_pass<L, 8, false>(x, n, h);
    if (n / h == 4)
        fwht_pass<L, 4, false>(x, n, h);
    else if (n / h == 2)
        fwht_pass<L, 2, false>(x, n, h);
}

// The kWidth sign bits from bit i on; `left` bits remain, bytes behind them are not read.
template <size_t W>
unsigned sign_bits(const uint8_t *bits, size_t i, size_t left) noexcept
{
    unsigned word = bits[i / 8];
    if (W > 8 && left > 8)
        word |= (unsigned)bits[i / 8 + 1] << 8;
    return word >> (i % 8);
}

template <class L>
void flip_signs(float *x, const uint8_t *bits, size_t n) noexcept
{
    constexpr size_t W = L::kWidth;
    size_t i = 0;
    for (; i + W <= n; i += W)
        L::store(x + i, L::flip(L::load(x + i), sign_bits<W>(bits, i, W)));
    if (i < n)
        L::store_first(x + i, L::flip(L::load_first(x + i, n - i), sign_bits<W>(bits, i, n - i)), n - i);
}

} // namespace

} // namespace vq::simd
