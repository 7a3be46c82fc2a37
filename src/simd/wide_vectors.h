// Kernels on float32 vectors, written once for every instruction set. Included by the level files only;
// everything is in an anonymous namespace, so that no copy compiled for one CPU can be linked in for another.
//
// `L` is the level's struct of lanes, defined in its file. It has
//     F, kWidth, kBlockRows   xsimd batch, its floats, rows of x that dot_block keeps in registers
//     load, store             any alignment
//     load_first, store_first the first n < kWidth floats and not a byte more; the other lanes load as zero
//     fma, fnma(a, b, c)      c + a * b, c - a * b in one instruction: xsimd 8 makes two of it on AVX-512
//     sum(v)                  of all lanes
//     store_sums(out, a..d)   out[0..3] = sums of four batches
//     butterfly<H>(v)         lane i: v[i] + v[i ^ H] if bit H of i is clear, else v[i ^ H] - v[i]
//     flip(v, bits)           negates lane i where bit i is set
//     from_int(p)             kWidth int32 to float
//     bf16, fp16, u8, u6(p)   kWidth encoded elements to float; reads kWidth elements, u6 kSixBitRead bytes
//     quads(p)                kWidth bytes less 128 to float, four every 64 bytes
//     fold(v)                 sum of lanes, halves added to halves
//     store_bytes(p, a..d)    4 kWidth bytes: lanes of four, 0 <= v < 256, cut to integers, less 128
//     below(a, b)             bit i: lane i of a < lane i of b
#pragma once

#include <xsimd/xsimd.hpp>

#include <cstddef>

namespace vq::simd {

namespace {

// term(s, x, y) adds the term of one batch to the running sums s. Four of them: a fused multiply-add takes
// four cycles and two loads feed one, so the loads are the limit from four on, and more would only lengthen
// the final sum.
template <class L, class Term>
float sum_pairs(const float *a, const float *b, size_t n, Term term) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    F s0(0.0f), s1(0.0f), s2(0.0f), s3(0.0f);
    size_t i = 0;
    for (; i + 4 * W <= n; i += 4 * W) {
        s0 = term(s0, L::load(a + i), L::load(b + i));
        s1 = term(s1, L::load(a + i + W), L::load(b + i + W));
        s2 = term(s2, L::load(a + i + 2 * W), L::load(b + i + 2 * W));
        s3 = term(s3, L::load(a + i + 3 * W), L::load(b + i + 3 * W));
    }
    for (; i + W <= n; i += W)
        s0 = term(s0, L::load(a + i), L::load(b + i));
    if (i < n)
        s1 = term(s1, L::load_first(a + i, n - i), L::load_first(b + i, n - i));
    return L::sum((s0 + s1) + (s2 + s3));
}

template <class L>
float dot(const float *a, const float *b, size_t n) noexcept
{
    using F = typename L::F;
    return sum_pairs<L>(a, b, n, [](F s, F x, F y) { return L::fma(x, y, s); });
}

template <class L>
float l2sq(const float *a, const float *b, size_t n) noexcept
{
    using F = typename L::F;
    return sum_pairs<L>(a, b, n, [](F s, F x, F y) {
        F d = x - y;
        return L::fma(d, d, s);
    });
}

template <class L>
float l1(const float *a, const float *b, size_t n) noexcept
{
    using F = typename L::F;
    return sum_pairs<L>(a, b, n, [](F s, F x, F y) { return s + xsimd::abs(x - y); });
}

// Three sums of two chains each: six fused multiply-adds for four loads keep both units busy over their four
// cycles.
template <class L>
void dot_norms(const float *a, const float *b, size_t n, float out[3]) noexcept
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
        add(L::load(a + i), L::load(b + i), ab0, aa0, bb0);
        add(L::load(a + i + W), L::load(b + i + W), ab1, aa1, bb1);
    }
    for (; i + W <= n; i += W)
        add(L::load(a + i), L::load(b + i), ab0, aa0, bb0);
    if (i < n)
        add(L::load_first(a + i, n - i), L::load_first(b + i, n - i), ab1, aa1, bb1);
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

} // namespace

} // namespace vq::simd
