// Beam search of residual quantization for every instruction set; see wide_vectors.h for the rules and for `L`. Codes
// depend on all of it, so every level gives the scalar table's bits: no fused multiply-add, sums in one order.
#pragma once

#include "simd/kernels.h"
#include "simd/wide_bytes.h"
#include "simd/wide_vectors.h"

#include <cstdint>

namespace vq::simd {

namespace {

constexpr size_t kStep = 16; // floats of a step, on every level

inline float float_at(const float *p, size_t i) noexcept
{
    float value;
    __builtin_memcpy(&value, p + i, sizeof value);
    return value;
}

inline uint32_t number_at(const uint32_t *p, size_t i) noexcept
{
    uint32_t value;
    __builtin_memcpy(&value, p + i, sizeof value);
    return value;
}

template <class L>
float largest(typename L::F v) noexcept // of lanes
{
    using F = typename L::F;
    float lanes[L::kWidth];
    L::store(lanes, F(0.0f) - L::spread_min(F(0.0f) - v));
    return lanes[0];
}

// x in units of most / 127. Four vectors a step: narrowing them together takes half the instructions.
template <class L>
float to_bytes(const float *x, size_t n, float most, int8_t *out) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    const float inverse = most > kLeastRounded ? 127 / most : 0;
    const auto rounded = [=](size_t d) { return L::load(x + d) * F(inverse) + F(128.5f); };
    size_t d = 0;
    for (; d + 4 * W <= n; d += 4 * W)
        L::store_bytes(out + d, rounded(d), rounded(d + W), rounded(d + 2 * W), rounded(d + 3 * W));
    for (; d + W <= n; d += W) {
        int8_t bytes[4 * W];
        L::store_bytes(bytes, rounded(d), F(0.0f), F(0.0f), F(0.0f));
        __builtin_memcpy(out + d, bytes, W);
    }
    for (; d < n; d++)
        out[d] = (int8_t)((int)(float_at(x, d) * inverse + 128.5f) - 128);
    return most / 127;
}

// Two vectors a step, so that the maximum does not wait for itself.
template <class L>
float round_to_bytes(const float *x, size_t n, int8_t *out) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    F a(0.0f), b(0.0f);
    size_t d = 0;
    for (; d + 2 * W <= n; d += 2 * W) {
        a = xsimd::max(a, xsimd::abs(L::load(x + d)));
        b = xsimd::max(b, xsimd::abs(L::load(x + d + W)));
    }
    float most = largest<L>(xsimd::max(a, b));
    for (; d < n; d++) {
        const float size = __builtin_fabsf(float_at(x, d));
        most = size > most ? size : most;
    }
    return to_bytes<L>(x, n, most, out);
}

template <class L>
float take_off(const float *x, const uint8_t *codeword, float scale, size_t quads, float *left, int8_t *bytes,
               float *unit) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth, kParts = kStep / W;
    F parts[kParts], sizes(0.0f);
    for (size_t i = 0; i < kParts; i++)
        parts[i] = F(0.0f);
    float most = 0;
    size_t d = 0;
    for (; d + kStep <= 4 * quads; d += kStep)
        for (size_t i = 0; i < kParts; i++) {
            const size_t at = d + i * W;
            const F v = L::load(x + at) - F(scale) * L::quads(codeword + 16 * at);
            L::store(left + at, v);
            parts[i] = parts[i] + v * v;
            sizes = xsimd::max(sizes, xsimd::abs(v));
        }
    if (d < 4 * quads) {
        float sum[kStep];
        for (size_t i = 0; i < kParts; i++)
            L::store(sum + i * W, parts[i]);
        for (; d < 4 * quads; d++) {
            const float v = float_at(x, d) - scale * ((float)codeword[d / 4 * 64 + d % 4] - 128);
            __builtin_memcpy(left + d, &v, sizeof v);
            sum[d % kStep] += v * v;
            most = __builtin_fabsf(v) > most ? __builtin_fabsf(v) : most;
        }
        for (size_t i = 0; i < kParts; i++)
            parts[i] = L::load(sum + i * W);
    }
    if (bytes) {
        const float whole = largest<L>(sizes);
        *unit = to_bytes<L>(left, 4 * quads, whole > most ? whole : most, bytes);
    }
    for (size_t half = kParts / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            parts[i] = parts[i] + parts[i + half];
    return L::fold(parts[0]);
}

// Scores of n codewords, a multiple of 16, for one row; least is lowered to them.
template <class L>
void scores_of_dots(const int32_t *dots, const float *scale, const float *norm_sq, size_t n, float twice,
                    float error, float *score, float *least) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth, kParts = kStep / W;
    F low[kParts];
    for (size_t i = 0; i < kParts; i++)
        low[i] = L::load(least + i * W);
    for (size_t k = 0; k < n; k += kStep)
        for (size_t i = 0; i < kParts; i++) {
            const size_t at = k + i * W;
            const F dot = L::from_int(reinterpret_cast<const uint32_t *>(dots + at));
            const F v = F(error) + (L::load(norm_sq + at) - F(twice) * L::load(scale + at) * dot);
            L::store(score + at, v);
            low[i] = xsimd::min(low[i], v);
        }
    for (size_t i = 0; i < kParts; i++)
        L::store(least + i * W, low[i]);
}

// Scores are made of products that lie in the first-level cache. To make them of the sums in registers takes longer, for the
// compiler then keeps all sums in memory.
template <class L, decltype(Kernels::byte_dots) dots_of>
void codeword_scores(const int8_t *x, size_t nx, const Codebook &book, const float *unit, const float *error,
                     float *score, float *least) noexcept
{
    constexpr size_t kMost = 256; // codewords at a time
    const size_t n = kStep * book.blocks, width = 4 * book.quads;
    for (size_t j = 0; j < kStep * nx; j += L::kWidth)
        L::store(least + j, typename L::F(__builtin_inff()));
    for (size_t i = 0; i < nx; i += kTogether)
        for (size_t k = 0; k < n; k += kMost) {
            const size_t rows = nx - i < kTogether ? nx - i : kTogether, some = n - k < kMost ? n - k : kMost;
            int32_t dots[kTogether * kMost];
            dots_of(x + i * width, rows, width, book.bytes + k * width, some / kStep, 16 * width, book.quads,
                    dots, kMost);
            for (size_t r = 0; r < rows; r++)
                scores_of_dots<L>(dots + r * kMost, book.scale + k, book.norm_sq + k, some,
                                  2 * float_at(unit, i + r), float_at(error, i + r), score + (i + r) * n + k,
                                  least + (i + r) * kStep);
        }
}

// The beginnings' sums do not wait for one another, so that processors work on several at once.
template <class L>
void product_scores(const float *terms, const uint16_t *products, const uint32_t *rows, size_t nx,
                    size_t stride, size_t chosen, size_t n, const float *error, float *score,
                    float *least) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    for (size_t part = 0; part < kStep; part += W) {
        F low(__builtin_inff());
        for (size_t k = part; k < n; k += kStep)
            for (size_t i = 0; i < nx; i++) {
                F v = L::load(terms + k);
                for (size_t m = 0; m < chosen; m++)
                    v = v + elements<L>(products + number_at(rows, i * stride + m) + k);
                v = F(float_at(error, i)) + v;
                L::store(score + i * n + k, v);
                low = xsimd::min(low, v);
            }
        L::store(least + part, low);
    }
}

template <class L>
void add_halves(const uint16_t *x, float *y, size_t n) noexcept
{
    for (size_t i = 0; i < n; i += L::kWidth)
        L::store(y + i, L::load(y + i) + elements<L>(x + i));
}

template <class L>
typename L::F term_of_dots(const int32_t *dots, const float *scale, const float *norm_sq,
                           float twice) noexcept
{
    const typename L::F dot = L::from_int(reinterpret_cast<const uint32_t *>(dots));
    return L::load(norm_sq) - typename L::F(twice) * L::load(scale) * dot;
}

template <class L>
void terms_of_dots(const int32_t *dots, const float *scale, const float *norm_sq, float twice, size_t n,
                   float *terms) noexcept
{
    for (size_t k = 0; k < n; k += L::kWidth)
        L::store(terms + k, term_of_dots<L>(dots + k, scale + k, norm_sq + k, twice));
}

// Four vectors at a time, whose differences do not wait for one another, stay in registers for all rows.
template <class L>
void take_rows_off(const int8_t *const *row, const float *scale, size_t rows, size_t n, float *x) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth, kParts = 4;
    size_t d = 0;
    for (; d + kParts * W <= n; d += kParts * W) {
        F v[kParts];
#pragma GCC unroll 4
        for (size_t i = 0; i < kParts; i++)
            v[i] = L::load(x + d + i * W);
        for (size_t j = 0; j < rows; j++) {
            const F unit(float_at(scale, j));
#pragma GCC unroll 4
            for (size_t i = 0; i < kParts; i++)
                v[i] = v[i] - unit * L::from_bytes(row[j] + d + i * W);
        }
#pragma GCC unroll 4
        for (size_t i = 0; i < kParts; i++)
            L::store(x + d + i * W, v[i]);
    }
    for (; d < n; d++) {
        float v = float_at(x, d);
        for (size_t j = 0; j < rows; j++)
            v -= float_at(scale, j) * (float)row[j][d];
        __builtin_memcpy(x + d, &v, sizeof v);
    }
}

// Appends first + i for all i < kCount with x[i] <= limit: one branch for kCount of them, since few are found.
template <class L, size_t kCount>
size_t append_at_most(const float *x, float limit, size_t first, uint16_t *which, size_t count) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    uint64_t found = 0;
#pragma GCC unroll 16
    for (size_t i = 0; i < kCount; i += W)
        found |= (uint64_t)(~L::below(F(limit), L::load(x + i)) & ((1u << W) - 1)) << i;
    for (; found; found &= found - 1) {
        const uint16_t place = (uint16_t)(first + (size_t)__builtin_ctzll(found));
        __builtin_memcpy(which + count++, &place, sizeof place);
    }
    return count;
}

template <class L>
size_t at_most(const float *x, size_t n, float limit, uint16_t *which) noexcept
{
    size_t count = 0, i = 0;
    for (; i + 64 <= n; i += 64)
        count = append_at_most<L, 64>(x + i, limit, i, which, count);
    for (; i < n; i += kStep)
        count = append_at_most<L, kStep>(x + i, limit, i, which, count);
    return count;
}

// Said with a choice between numbers: of NaN, the smaller and the larger are something else on each CPU.
template <class L>
typename L::F finite(typename L::F v) noexcept
{
    using F = typename L::F;
    const F most(__FLT_MAX__), least(-__FLT_MAX__);
    return xsimd::select(v == v, xsimd::min(xsimd::max(v, least), most), least);
}

template <class L>
void finite_sums(float *x, size_t n, float add) noexcept
{
    using F = typename L::F;
    for (size_t i = 0; i < n; i += L::kWidth)
        L::store(x + i, finite<L>(L::load(x + i) + F(add)));
}

template <class L>
void finite_terms(const int32_t *dots, const float *scale, const float *norm_sq, float twice, size_t n,
                  float add, float *x) noexcept
{
    using F = typename L::F;
    for (size_t i = 0; i < n; i += L::kWidth)
        L::store(x + i, finite<L>(term_of_dots<L>(dots + i, scale + i, norm_sq + i, twice) + F(add)));
}

// Four chains at least, since a minimum takes four cycles: they are the numbers that are left.
template <class L>
void minima(const float *x, size_t n, float least[kMinima]) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth, kParts = kMinima / W;
    F low[kParts];
#pragma GCC unroll 16
    for (size_t j = 0; j < kParts; j++)
        low[j] = F(__builtin_inff());
    size_t i = 0;
    for (; i + kMinima <= n; i += kMinima)
#pragma GCC unroll 16
        for (size_t j = 0; j < kParts; j++)
            low[j] = xsimd::min(low[j], L::load(x + i + j * W));
#pragma GCC unroll 16
    for (size_t j = 0; j < kParts; j++) {
        if (i + j * W < n)
            low[j] = xsimd::min(low[j], L::load(x + i + j * W));
        L::store(least + j * W, low[j]);
    }
}

template <class L>
size_t count_at_most(const float *x, size_t n, float limit) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    size_t above = 0;
    for (size_t i = 0; i < n; i += kStep)
#pragma GCC unroll 16
        for (size_t j = 0; j < kStep; j += W)
            above += (size_t)__builtin_popcount(L::below(F(limit), L::load(x + i + j)));
    return n - above;
}

// The rank of each x is the number of those before it: no branches, and no swaps that wait for one another.
template <class L, size_t kFirst>
void order_first(const float x[16], uint8_t place[16]) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth, kParts = (kFirst + W - 1) / W;
    F all[kParts];
#pragma GCC unroll 16
    for (size_t i = 0; i < kParts; i++)
        all[i] = L::load(x + i * W);
#pragma GCC unroll 16
    for (size_t j = 0; j < kFirst; j++) {
        const F own(float_at(x, j));
        uint32_t below = 0, above = 0;
#pragma GCC unroll 16
        for (size_t i = 0; i < kParts; i++) {
            below |= L::below(all[i], own) << (i * W);
            above |= L::below(own, all[i]) << (i * W);
        }
        const uint32_t earlier = (1u << j) - 1;
        place[__builtin_popcount((below & ~earlier) | (~above & earlier))] = (uint8_t)j;
    }
}

// Two lengths only: a branch for each would be guessed wrong too often.
template <class L>
void order16(const float x[16], size_t n, uint8_t place[16]) noexcept
{
    __builtin_memset(place, 0, 16);
    n <= 8 ? order_first<L, 8>(x, place) : order_first<L, 16>(x, place);
}

} // namespace

} // namespace vq::simd
