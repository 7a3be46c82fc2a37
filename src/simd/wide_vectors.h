// Kernels on vectors of float32 and of IEEE halfs, written once for every instruction set. Included by the level files only;
// everything is in an anonymous namespace, so that no copy compiled for one CPU can be linked in for another.
//
// `L` is the level's struct of lanes, defined in its file. From Batch, below, it has
//     F, kWidth, kBlockRows   xsimd batch, its floats, rows of x that dot_block keeps in registers
//     load, store             any alignment
// and of its own
//     load_first, store_first the first n < kWidth floats and not a byte more; the other lanes load as zero
//     fma(a, b, c)            c + a * b in one instruction: xsimd 8 makes two of it on AVX-512
//     sum(v)                  of all lanes
//     store_sums(out, a..d)   out[0..3] = sums of four batches
//     butterfly<H>(v)         lane i: v[i] + v[i ^ H] if bit H of i is clear, else v[i ^ H] - v[i]
//     flip(v, bits)           negates lane i where bit i is set
//     from_int(p)             kWidth int32 to float
//     from_bytes(p)           kWidth int8 to float
//     bf16, fp16(p)           the kWidth bfloat16 numbers or IEEE halfs at p, to float
//     store_fp16(p, v)        kWidth floats to halfs, to nearest even
//     quads(p)                kWidth bytes less 128 to float, four every 64 bytes
//     fold(v)                 sum of all lanes: the upper half is added to the lower one until one lane is left
//     store_bytes(p, a..d)    4 kWidth bytes: the lanes of a, then of b, c, d, each 0 <= v < 256, cut to an integer, less 128
//     below, equal(a, b)      bit i: lane i of a < (or ==) lane i of b
//     spread_min(v)           the smallest lane in all lanes
#pragma once

#include <xsimd/xsimd.hpp>

#include <cstddef>
#include <cstdint>

namespace vq::simd {

namespace {

template <class Arch, size_t kRows>
struct Batch
{
    using F = xsimd::batch<float, Arch>;
    static constexpr size_t kWidth = F::size, kBlockRows = kRows;

    static F load(const float *p) noexcept { return F::load_unaligned(p); }
    static void store(float *p, F v) noexcept { v.store_unaligned(p); }
};

// kWidth elements of a vector as floats; T: float, or uint16_t for halfs.
template <class L, class T>
typename L::F elements(const T *p) noexcept
{
    if constexpr (sizeof(T) == sizeof(float))
        return L::load(p);
    else
        return L::fp16(reinterpret_cast<const uint8_t *>(p));
}

// The first n < kWidth of them, then zeros.
template <class L, class T>
typename L::F first_elements(const T *p, size_t n) noexcept
{
    if constexpr (sizeof(T) == sizeof(float))
        return L::load_first(p, n);
    uint8_t rest[2 * L::kWidth] = {};
    __builtin_memcpy(rest, p, 2 * n);
    return L::fp16(rest);
}

// term(s, x, y) adds the term of one batch to the running sums s. Four of them: a fused multiply-add takes
// four cycles and two loads feed one, so the loads are the limit from four on, and more would only lengthen
// the final sum.
template <class L, class T, class Term>
float sum_pairs(const T *a, const T *b, size_t n, Term term) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    F s0(0.0f), s1(0.0f), s2(0.0f), s3(0.0f);
    size_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) {
        s0 = term(s0, elements<L>(a + i), elements<L>(b + i));
        s1 = term(s1, elements<L>(a + i + W), elements<L>(b + i + W));
        s2 = term(s2, elements<L>(a + i + 2 * W), elements<L>(b + i + 2 * W));
        s3 = term(s3, elements<L>(a + i + 3 * W), elements<L>(b + i + 3 * W));
    }
    for (; i + W <= n; i += W)
        s0 = term(s0, elements<L>(a + i), elements<L>(b + i));
    if (i < n)
        s1 = term(s1, first_elements<L>(a + i, n - i), first_elements<L>(b + i, n - i));
    return L::sum((s0 + s1) + (s2 + s3));
}

template <class L, class T>
float dot(const T *a, const T *b, size_t n) noexcept
{
    using F = typename L::F;
    return sum_pairs<L>(a, b, n, [](F s, F x, F y) { return L::fma(x, y, s); });
}

template <class L, class T>
float l2sq(const T *a, const T *b, size_t n) noexcept
{
    using F = typename L::F;
    return sum_pairs<L>(a, b, n, [](F s, F x, F y) {
        F d = x - y;
        return L::fma(d, d, s);
    });
}

template <class L, class T>
float l1(const T *a, const T *b, size_t n) noexcept
{
    using F = typename L::F;
    return sum_pairs<L>(a, b, n, [](F s, F x, F y) { return s + xsimd::abs(x - y); });
}

// Three sums of two chains each: six fused multiply-adds for four loads keep both units busy over their four
// cycles.
template <class L, class T>
void dot_norms(const T *a, const T *b, size_t n, float out[3]) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    F ab0(0.0f), aa0(0.0f), bb0(0.0f), ab1(0.0f), aa1(0.0f), bb1(0.0f);
    auto add = [](F x, F y, F &xy, F &xx, F &yy) {
        xy = L::fma(x, y, xy);
        xx = L::fma(x, x, xx);
        yy = L::fma(y, y, yy);
    };
    size_t i = 0;
    for (; i + 2 * W <= n; i += 2 * W) {
        add(elements<L>(a + i), elements<L>(b + i), ab0, aa0, bb0);
        add(elements<L>(a + i + W), elements<L>(b + i + W), ab1, aa1, bb1);
    }
    for (; i + W <= n; i += W)
        add(elements<L>(a + i), elements<L>(b + i), ab0, aa0, bb0);
    if (i < n)
        add(first_elements<L>(a + i, n - i), first_elements<L>(b + i, n - i), ab1, aa1, bb1);
    float sums[4];
    L::store_sums(sums, ab0 + ab1, aa0 + aa1, bb0 + bb1, F(0.0f));
    __builtin_memcpy(out, sums, 3 * sizeof(float));
}

// No sums, so no chains: bound by the store.
template <class L>
void axpy(float alpha, const float *x, float *y, size_t n) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    const F factor(alpha);
    size_t i = 0;
    for (; i + W <= n; i += W)
        L::store(y + i, L::fma(factor, L::load(x + i), L::load(y + i)));
    if (i < n)
        L::store_first(y + i, L::fma(factor, L::load_first(x + i, n - i), L::load_first(y + i, n - i)),
                       n - i);
}

template <class L>
void half_to_float(const uint16_t *x, float *out, size_t n) noexcept
{
    constexpr size_t W = L::kWidth;
    size_t i = 0;
    for (; i + W <= n; i += W)
        L::store(out + i, elements<L>(x + i));
    if (i < n)
        L::store_first(out + i, first_elements<L>(x + i, n - i), n - i);
}

template <class L>
void float_to_half(const float *x, uint16_t *out, size_t n) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    const F most(65504.0f);
    // Of a NaN and a number, min and max give the second operand: so NaN stays.
    const auto within = [=](F v) { return xsimd::min(most, xsimd::max(-most, v)); };
    size_t i = 0;
    for (; i + W <= n; i += W)
        L::store_fp16(reinterpret_cast<uint8_t *>(out + i), within(L::load(x + i)));
    if (i < n) {
        uint8_t rest[2 * W];
        L::store_fp16(rest, within(L::load_first(x + i, n - i)));
        __builtin_memcpy(out + i, rest, 2 * (n - i));
    }
}

} // namespace

} // namespace vq::simd
