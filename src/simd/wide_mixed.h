// Sums over a float32 vector and one of 16-bit elements (bfloat16, IEEE half), for every instruction set; see wide_vectors.h
// for the rules and for `L`.
#pragma once

#include "simd/wide_vectors.h"

#include <cstdint>

namespace vq::simd {

namespace {

// widen: L::bf16 or L::fp16. term(s, x, v) adds the terms of one batch to the running sums s. There are two sums: widening
// takes several instructions a batch, so two already cover the latency of the additions.
template <class L, typename L::F (*widen)(const uint8_t *) noexcept, class Term>
float sum_mixed(const float *x, const uint8_t *elements, size_t n, Term term) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    F s0(0.0f), s1(0.0f);
    size_t i = 0;
    for (; i + 2 * W <= n; i += 2 * W) {
        s0 = term(s0, L::load(x + i), widen(elements + 2 * i));
        s1 = term(s1, L::load(x + i + W), widen(elements + 2 * (i + W)));
    }
    for (; i + W <= n; i += W)
        s0 = term(s0, L::load(x + i), widen(elements + 2 * i));
    if (i < n) {
        uint8_t rest[2 * W] = {};
        __builtin_memcpy(rest, elements + 2 * i, 2 * (n - i));
        s1 = term(s1, L::load_first(x + i, n - i), widen(rest));
    }
    return L::sum(s0 + s1);
}

template <class L>
float bf16_dot(const float *a, const uint8_t *b, size_t n) noexcept
{
    using F = typename L::F;
    return sum_mixed<L, L::bf16>(a, b, n, [](F s, F x, F v) { return L::fma(x, v, s); });
}

template <class L>
float bf16_l2sq(const float *a, const uint8_t *b, size_t n) noexcept
{
    using F = typename L::F;
    return sum_mixed<L, L::bf16>(a, b, n, [](F s, F x, F v) {
        F d = x - v;
        return L::fma(d, d, s);
    });
}

// Four rows side by side: x is loaded once for them, and four chains cover the latency of the additions.
template <class L>
void half_matvec(const float *x, const uint8_t *m, size_t rows, size_t n, size_t stride, float *out) noexcept
{
    using F = typename L::F;
    constexpr size_t kRows = 4, W = L::kWidth;
    size_t i = 0;
    for (; i + kRows <= rows; i += kRows, m += 2 * kRows * stride) {
        F sum[kRows] = {F(0.0f), F(0.0f), F(0.0f), F(0.0f)};
        size_t j = 0;
        for (; j + W <= n; j += W) {
            const F v = L::load(x + j);
            for (size_t r = 0; r < kRows; r++)
                sum[r] = L::fma(v, L::fp16(m + 2 * (r * stride + j)), sum[r]);
        }
        if (j < n) {
            const F v = L::load_first(x + j, n - j);
            for (size_t r = 0; r < kRows; r++) {
                uint8_t rest[2 * W] = {};
                __builtin_memcpy(rest, m + 2 * (r * stride + j), 2 * (n - j));
                sum[r] = L::fma(v, L::fp16(rest), sum[r]);
            }
        }
        for (size_t r = 0; r < kRows; r++) {
            const float v = L::sum(sum[r]);
            __builtin_memcpy(out + i + r, &v, sizeof v);
        }
    }
    for (; i < rows; i++, m += 2 * stride) {
        const float v = sum_mixed<L, L::fp16>(x, m, n, [](F s, F a, F h) { return L::fma(a, h, s); });
        __builtin_memcpy(out + i, &v, sizeof v);
    }
}

} // namespace

} // namespace vq::simd
