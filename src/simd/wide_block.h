// dot_block for every instruction set; see wide_vectors.h for the rules and for `L`.
//
// One block is MX rows of x by MC rows of c: MX * MC accumulators of one vector each run down the dimensions
// and are summed across at the end. A step loads MX + MC vectors for MX * MC fused multiply-adds, so that the
// two load ports keep well ahead of the two multipliers, and it has more independent chains than the eight
// that hide the latency:
//     32 registers (AVX-512, NEON)  6 x 4: 24 sums + 6 of x + 1 of c;  10 loads for 24 multiply-adds
//     16 registers (AVX2)           3 x 4: 12 sums + 3 of x + 1 of c;   7 loads for 12
#pragma once

#include "simd/wide_vectors.h"

#include <cstdint>

namespace vq::simd {

namespace {

constexpr size_t kBlockColumns = 4; // what store_sums takes

// Rows of c are taken in groups that stay in the second-level cache while all rows of x pass; half of the
// smallest in use.
constexpr size_t kGroupBytes = 256 << 10;

template <class L, size_t MX, size_t MC>
void dot_one_block(const float *x, size_t x_stride, const float *c, size_t c_stride, size_t dims, float *out,
                   size_t out_stride) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    F sums[MX][MC];
#pragma GCC unroll 8
    for (size_t i = 0; i < MX; i++)
#pragma GCC unroll 8
        for (size_t j = 0; j < MC; j++)
            sums[i][j] = F(0.0f);
    auto step = [&](auto load) __attribute__((always_inline))
    {
        F xs[MX];
#pragma GCC unroll 8
        for (size_t i = 0; i < MX; i++)
            xs[i] = load(x + i * x_stride);
#pragma GCC unroll 8
        for (size_t j = 0; j < MC; j++) {
            F cs = load(c + j * c_stride);
#pragma GCC unroll 8
            for (size_t i = 0; i < MX; i++)
                sums[i][j] = L::fma(xs[i], cs, sums[i][j]);
        }
    };
    size_t k = 0;
    for (; k + W <= dims; k += W)
        step([k](const float *row) { return L::load(row + k); });
    if (k < dims)
        step([k, dims](const float *row) { return L::load_first(row + k, dims - k); });
#pragma GCC unroll 8
    for (size_t i = 0; i < MX; i++) {
        if constexpr (MC == kBlockColumns)
            L::store_sums(out + i * out_stride, sums[i][0], sums[i][1], sums[i][2], sums[i][3]);
        else
            for (size_t j = 0; j < MC; j++) {
                float sum = L::sum(sums[i][j]);
                __builtin_memcpy(out + i * out_stride + j, &sum, sizeof sum);
            }
    }
}

template <class L, size_t MX>
void dot_rows(const float *x, size_t x_stride, const float *c, size_t nc, size_t c_stride, size_t dims,
              float *out, size_t out_stride) noexcept
{
    size_t j = 0;
    for (; j + kBlockColumns <= nc; j += kBlockColumns)
        dot_one_block<L, MX, kBlockColumns>(x, x_stride, c + j * c_stride, c_stride, dims, out + j,
                                            out_stride);
    for (; j < nc; j++)
        dot_one_block<L, MX, 1>(x, x_stride, c + j * c_stride, c_stride, dims, out + j, out_stride);
}

// A load that crosses a cache line counts as two, and if all ten loads of a step do, they take longer than the
// multiplications. So rows of x that are not aligned to cache lines are copied to where they are; a copy serves a whole group
// of rows of c.
constexpr size_t kLine = 64;
constexpr size_t kPackedDims = 2048; // 48 kB of stack for six rows: no more than the first-level cache holds
constexpr size_t kPackedFrom = 16;   // rows of c that make a copy worth while

inline bool crosses_lines(const float *x, size_t x_stride) noexcept
{
    return (reinterpret_cast<uintptr_t>(x) | (x_stride * sizeof(float))) % kLine != 0;
}

template <class L, size_t MX>
void dot_packed_rows(const float *x, size_t x_stride, const float *c, size_t nc, size_t c_stride, size_t dims,
                     float *out, size_t out_stride) noexcept
{
    constexpr size_t kLineFloats = kLine / sizeof(float);
    alignas(kLine) float packed[MX * (kPackedDims + kLineFloats)];
    const size_t stride = (dims / kLineFloats + 1) * kLineFloats; // + 1: rows of 1,024 would share sets
    for (size_t i = 0; i < MX; i++)
        __builtin_memcpy(packed + i * stride, x + i * x_stride, dims * sizeof(float));
    dot_rows<L, MX>(packed, stride, c, nc, c_stride, dims, out, out_stride);
}

template <class L>
void dot_block(const float *x, size_t nx, size_t x_stride, const float *c, size_t nc, size_t c_stride,
               size_t dims, float *out, size_t out_stride) noexcept
{
    constexpr size_t R = L::kBlockRows;
    const size_t fit = kGroupBytes / (sizeof(float) * (dims + 1)) / kBlockColumns * kBlockColumns;
    const size_t group = fit < 4 * kBlockColumns ? 4 * kBlockColumns : fit;
    const bool pack = crosses_lines(x, x_stride) && dims <= kPackedDims && nc >= kPackedFrom;
    for (size_t first = 0; first < nc; first += group) {
        const size_t columns = nc - first < group ? nc - first : group;
        const float *rows = c + first * c_stride;
        float *to = out + first;
        size_t i = 0;
        for (; pack && i + R <= nx; i += R)
            dot_packed_rows<L, R>(x + i * x_stride, x_stride, rows, columns, c_stride, dims,
                                  to + i * out_stride, out_stride);
        for (; i + R <= nx; i += R)
            dot_rows<L, R>(x + i * x_stride, x_stride, rows, columns, c_stride, dims, to + i * out_stride,
                           out_stride);
        for (; i + 2 <= nx; i += 2)
            dot_rows<L, 2>(x + i * x_stride, x_stride, rows, columns, c_stride, dims, to + i * out_stride,
                           out_stride);
        if (i < nx)
            dot_rows<L, 1>(x + i * x_stride, x_stride, rows, columns, c_stride, dims, to + i * out_stride,
                           out_stride);
    }
}

} // namespace

} // namespace vq::simd
