// Dot products with codewords of bytes, and with rows of words, for every instruction set. A level's `B` holds:
//   Codes: four dimensions of kLanes codewords; load(p) reads 4 * kLanes bytes
//   Four: four elements of x, the same for all lanes; spread(p)
//   Sum: kLanes 32-bit sums; start(s): all are s; add(sum, codes, four): plus the dot products of four bytes, c unsigned;
//       store(out, sum)
//   excess(x, n): 128 times the sum of x, which is too much because c, not c - 128, is multiplied; sums start at minus that
//   kLanes: divides 16; kSums: how many Sums fit into the registers beside the rest
#pragma once

#include "simd/kernels.h"

namespace vq::simd {

namespace {

// What is loaded once for several rows stays in a register: GCC would load it again for each row.
template <class V>
inline void keep_loaded(V &v) noexcept
{
#if defined(__x86_64__)
    asm("" : "+v"(v));
#endif
}

constexpr size_t kTogether = 5; // rows whose sums are in registers: the beginnings of one row's code

// Blocks whose sums, for so many rows, fit into the registers.
template <class B>
constexpr size_t kBlocksTogether = B::kSums *B::kLanes < 16 * kTogether
                                       ? 1
                                       : B::kSums *B::kLanes / (16 * kTogether);

inline int32_t plain_excess(const int8_t *x, size_t n) noexcept
{
    int32_t sum = 0;
    for (size_t d = 0; d < n; d++)
        sum += x[d];
    return 128 * sum;
}

// Inline, so that the sums need not leave their registers before.
template <class B, size_t kRows, size_t kVectors>
[[gnu::always_inline]] inline void store_sums(const typename B::Sum (&sum)[kRows][kVectors], int32_t *out,
                                              size_t out_stride) noexcept
{
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; i++)
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; v++)
            B::store(out + i * out_stride + v * B::kLanes, sum[i][v]);
}

// kBlocks blocks of codewords against kRows rows: each byte of the book is loaded once for all rows, each element of x
// once for all blocks.
template <class B, size_t kRows, size_t kBlocks>
void dots_of_blocks(const int8_t *x, size_t x_stride, const int32_t *excess_of, const uint8_t *book,
                    size_t block_stride, size_t quads, int32_t *out, size_t out_stride) noexcept
{
    constexpr size_t kParts = 16 / B::kLanes, kVectors = kBlocks * kParts;
    typename B::Sum sum[kRows][kVectors];
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; i++)
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; v++)
            sum[i][v] = B::start(-excess_of[i]);
    for (size_t q = 0; q < quads; q++) {
        typename B::Codes codes[kVectors];
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; v++)
            codes[v] = B::load(book + v / kParts * block_stride + 64 * q + v % kParts * 4 * B::kLanes);
#pragma GCC unroll 16
        for (size_t i = 0; i < kRows; i++) {
            const typename B::Four four = B::spread(x + i * x_stride + 4 * q);
#pragma GCC unroll 16
            for (size_t v = 0; v < kVectors; v++)
                sum[i][v] = B::add(sum[i][v], codes[v], four);
        }
    }
    store_sums<B>(sum, out, out_stride);
}

// All rows against kBlocks blocks, which then come from the first-level cache: 24 kB for 64 codewords of 384 dimensions.
template <class B, size_t kBlocks>
void dots_of_rows(const int8_t *x, size_t nx, size_t x_stride, const int32_t *excess_of, const uint8_t *book,
                  size_t block_stride, size_t quads, int32_t *out, size_t out_stride) noexcept
{
    const auto rows = [&](auto dots, size_t i) {
        dots(x + i * x_stride, x_stride, excess_of + i, book, block_stride, quads, out + i * out_stride,
             out_stride);
    };
    size_t i = 0;
    for (; i + kTogether <= nx; i += kTogether)
        rows(dots_of_blocks<B, kTogether, kBlocks>, i);
    switch (nx - i) {
    case 1:
        return rows(dots_of_blocks<B, 1, kBlocks>, i);
    case 2:
        return rows(dots_of_blocks<B, 2, kBlocks>, i);
    case 3:
        return rows(dots_of_blocks<B, 3, kBlocks>, i);
    case 4:
        return rows(dots_of_blocks<B, 4, kBlocks>, i);
    }
}

template <class B>
void byte_dots(const int8_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
               size_t block_stride, size_t quads, int32_t *out, size_t out_stride) noexcept
{
    constexpr size_t kBlocks = kBlocksTogether<B>;
    constexpr size_t kMost = 16 * kTogether; // rows whose excess is kept
    for (size_t first = 0; first < nx; first += kMost) {
        const size_t n = nx - first < kMost ? nx - first : kMost;
        const int8_t *rows = x + first * x_stride;
        int32_t excess_of[kMost];
        for (size_t i = 0; i < n; i++)
            excess_of[i] = B::excess(rows + i * x_stride, 4 * quads);
        int32_t *to = out + first * out_stride;
        size_t b = 0;
        for (; b + kBlocks <= blocks; b += kBlocks)
            dots_of_rows<B, kBlocks>(rows, n, x_stride, excess_of, book + b * block_stride, block_stride,
                                     quads, to + 16 * b, out_stride);
        for (; b < blocks; b++)
            dots_of_rows<B, 1>(rows, n, x_stride, excess_of, book + b * block_stride, block_stride, quads,
                               to + 16 * b, out_stride);
    }
}

// Numbers of few bits: what is loaded once is shifted and masked for each group of dimensions that it holds. B::load_numbers(p): as B::load, of
// bytes that become codes by B::numbers<kBits>(loaded, group).
template <class B, unsigned kBits, size_t kRows, size_t kBlocks>
void few_bit_dots_of_blocks(const int8_t *x, size_t x_stride, const uint8_t *book, size_t block_stride,
                            size_t quads, int32_t *out, size_t out_stride) noexcept
{
    constexpr size_t kParts = 16 / B::kLanes, kVectors = kBlocks * kParts, kGroups = 8 / kBits;
    typename B::Sum sum[kRows][kVectors];
#pragma GCC unroll 16
    for (size_t i = 0; i < kRows; i++)
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; v++)
            sum[i][v] = B::start(0);
    for (size_t q = 0; q < quads; q += kGroups) {
        typename B::Codes loaded[kVectors];
#pragma GCC unroll 16
        for (size_t v = 0; v < kVectors; v++)
            loaded[v] = B::load_numbers(book + v / kParts * block_stride + 64 * (q / kGroups) +
                                        v % kParts * 4 * B::kLanes);
        const size_t groups = quads - q < kGroups ? quads - q : kGroups;
        for (size_t g = 0; g < groups; g++) {
            typename B::Four four[kRows];
#pragma GCC unroll 16
            for (size_t i = 0; i < kRows; i++)
                four[i] = B::spread(x + i * x_stride + 4 * (q + g));
#pragma GCC unroll 16
            for (size_t v = 0; v < kVectors; v++) {
                const typename B::Codes codes = B::template numbers<kBits>(loaded[v], g);
#pragma GCC unroll 16
                for (size_t i = 0; i < kRows; i++)
                    sum[i][v] = B::add(sum[i][v], codes, four[i]);
            }
        }
    }
    store_sums<B>(sum, out, out_stride);
}

// Two rows at a time: a query, rounded twice. Enough sums that none waits for itself, where registers hold them.
template <class B, unsigned kBits>
void few_bit_dots_of(const int8_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
                     size_t block_stride, size_t quads, int32_t *out, size_t out_stride) noexcept
{
    constexpr size_t kBlocks = kBlocksTogether<B>;
    const auto some = [&](auto dots, size_t i, size_t b) {
        dots(x + i * x_stride, x_stride, book + b * block_stride, block_stride, quads,
             out + i * out_stride + 16 * b, out_stride);
    };
    size_t b = 0;
    for (; b + kBlocks <= blocks; b += kBlocks) {
        size_t i = 0;
        for (; i + 2 <= nx; i += 2)
            some(few_bit_dots_of_blocks<B, kBits, 2, kBlocks>, i, b);
        if (i < nx)
            some(few_bit_dots_of_blocks<B, kBits, 1, kBlocks>, i, b);
    }
    for (; b < blocks; b++)
        for (size_t i = 0; i < nx; i++)
            some(few_bit_dots_of_blocks<B, kBits, 1, 1>, i, b);
}

template <class B>
void few_bit_dots(const int8_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
                  size_t block_stride, unsigned bits, size_t quads, int32_t *out, size_t out_stride) noexcept
{
    const auto dots = bits == 4   ? few_bit_dots_of<B, 4>
                      : bits == 2 ? few_bit_dots_of<B, 2>
                                  : few_bit_dots_of<B, 1>;
    dots(x, nx, x_stride, book, blocks, block_stride, quads, out, out_stride);
}

// Of words: two of them lie where four bytes do above. `W` is such a `B` for which nothing is in excess.
template <class W>
void word_dots(const int16_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks, size_t pairs,
               int32_t *out, size_t out_stride) noexcept
{
    byte_dots<W>(reinterpret_cast<const int8_t *>(x), nx, 2 * x_stride, book, blocks, 64 * pairs, pairs, out,
                 out_stride);
}

} // namespace

} // namespace vq::simd
