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

} // namespace

} // namespace vq::simd
