// Encoded vectors and tile bounds for every instruction set; see wide_vectors.h for the rules and for `L`.
#pragma once

#include "simd/kernels.h"
#include "simd/wide_vectors.h"

#include <cstdint>

namespace vq::simd {

namespace {

// How kWidth elements of a format lie in the code: `kStep` bytes of their own, `kRead` bytes touched when
// decoding.
template <class L, Element E>
struct Format
{
    static constexpr size_t kBits = E == Element::SQ6    ? 6
                                    : E == Element::SQ8  ? 8
                                    : E == Element::FP32 ? 32
                                                         : 16;
    static constexpr size_t kStep = L::kWidth * kBits / 8;
    static constexpr size_t kRead = E == Element::SQ6 ? L::kSixBitRead : kStep;

    static typename L::F decode(const uint8_t *p) noexcept
    {
        if constexpr (E == Element::SQ6)
            return L::u6(p);
        else if constexpr (E == Element::SQ8)
            return L::u8(p);
        else if constexpr (E == Element::FP16)
            return L::fp16(p);
        else if constexpr (E == Element::BF16)
            return L::bf16(p);
        else
            return L::load(reinterpret_cast<const float *>(p));
    }
};

// term(s, i, m, v) adds the terms of the decoded elements v at i .. i + m - 1, m = kWidth except in the last
// batch. Two chains: decoding takes several instructions a batch, so two already cover the latency of the
// additions.
template <class L, Element E, class Term>
float sum_elements(const uint8_t *code, size_t n, Term term) noexcept
{
    using F = typename L::F;
    using Layout = Format<L, E>;
    constexpr size_t W = L::kWidth;
    F s0(0.0f), s1(0.0f);
    const size_t bytes = (n * Layout::kBits + 7) / 8;
    size_t i = 0, at = 0;
    for (; i + 2 * W <= n && at + Layout::kStep + Layout::kRead <= bytes;
         i += 2 * W, at += 2 * Layout::kStep) {
        s0 = term(s0, i, W, Layout::decode(code + at));
        s1 = term(s1, i + W, W, Layout::decode(code + at + Layout::kStep));
    }
    for (; i + W <= n && at + Layout::kRead <= bytes; i += W, at += Layout::kStep)
        s0 = term(s0, i, W, Layout::decode(code + at));
    if (i < n) {
        // What is left is shorter than one read plus one step; it continues in zeros.
        uint8_t rest[2 * (Layout::kRead + Layout::kStep)] = {};
        __builtin_memcpy(rest, code + at, bytes - at);
        if (n * Layout::kBits % 8 != 0) // bits behind the last element may be anything
            rest[bytes - at - 1] &= (uint8_t)((1u << n * Layout::kBits % 8) - 1);
        for (const uint8_t *p = rest; i < n; i += W, p += Layout::kStep)
            s1 = term(s1, i, n - i < W ? n - i : W, Layout::decode(p));
    }
    return L::sum(s0 + s1);
}

template <class L>
typename L::F load_up_to(const float *p, size_t m) noexcept
{
    return m == L::kWidth ? L::load(p) : L::load_first(p, m);
}

template <class L, Element E>
float element_l2(const float *a, const float *s, const uint8_t *code, size_t n) noexcept
{
    using F = typename L::F;
    if (s == nullptr)
        return sum_elements<L, E>(code, n, [=](F sum, size_t i, size_t m, F v) {
            F d = load_up_to<L>(a + i, m) - v;
            return L::fma(d, d, sum);
        });
    return sum_elements<L, E>(code, n, [=](F sum, size_t i, size_t m, F v) {
        F d = L::fnma(load_up_to<L>(s + i, m), v, load_up_to<L>(a + i, m));
        return L::fma(d, d, sum);
    });
}

template <class L, Element E>
float element_dot(const float *w, const uint8_t *code, size_t n) noexcept
{
    using F = typename L::F;
    return sum_elements<L, E>(
        code, n, [=](F sum, size_t i, size_t m, F v) { return L::fma(load_up_to<L>(w + i, m), v, sum); });
}

// The first m < kWidth elements of a bfloat16 array.
template <class L>
typename L::F bf16_up_to(const uint16_t *p, size_t m) noexcept
{
    if (m == L::kWidth)
        return L::bf16(reinterpret_cast<const uint8_t *>(p));
    uint8_t rest[2 * L::kWidth] = {};
    __builtin_memcpy(rest, p, m * sizeof *p);
    return L::bf16(rest);
}

// Rows are independent, so the lanes are the rows. Products and sums stay separate operations, in the scalar
// order.
template <class L>
uint32_t tile_bounds(const uint32_t acc[kTileRows], const float *add, const uint16_t *scale,
                     const uint16_t *err, size_t n, float mul, float offset, float list_add, float list_err,
                     float threshold, float lower[kTileRows]) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    uint32_t mask = 0;
    for (size_t v = 0; v < n; v += W) {
        const size_t m = n - v < W ? n - v : W;
        F inner = F(mul) * L::from_int(acc + v) + F(offset);
        F scaled = bf16_up_to<L>(scale + v, m) * inner;
        F estimate = (load_up_to<L>(add + v, m) + F(list_add)) + scaled;
        F bound = estimate - F(list_err) * bf16_up_to<L>(err + v, m);
        L::store(lower + v, bound);
        mask |= L::below(bound, F(threshold)) << v;
    }
    return n < kTileRows ? mask & ((1u << n) - 1) : mask;
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
        const float v = element_dot<L, Element::FP16>(x, m, n);
        __builtin_memcpy(out + i, &v, sizeof v);
    }
}

} // namespace

} // namespace vq::simd
