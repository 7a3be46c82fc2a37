// Integer kernels that AVX2 and AVX-512 have in common: the same operations on vectors of 32 and of 64 bytes. Included by
// those two level files only; everything is in an anonymous namespace, for the reason given in wide_vectors.h.
//
// Sums, differences, shifts and ands are operators of the compiler's vector types, one instruction each. A level's `V`
// derives from Vectors<bytes of a vector> and adds what has no operator:
//     shuffle(table, index)   VPSHUFB: byte i of each 128-bit lane is the table's byte index[i] (0..15) in that lane
//     pairs(a, b)             VPMADDWD: sums of two products of signed 16-bit numbers
//     sums(bytes)             VPSADBW: sums of eight bytes
//     every_lane(x)           the same 16 bytes in each 128-bit lane
//     one_row(p)              the 32 bytes at p, then zeros: a code row where a vector holds two
//     add(s, shift, acc)      acc[v] += (sum of row v in s) << shift, for the 32 rows of a tile
#pragma once

#include "simd/kernels.h"
#include "simd/nibble_lookup.h"
#include "simd/wide_bytes.h"

#include <immintrin.h>

namespace vq::simd {

namespace {

template <size_t n>
struct Vectors
{
    static constexpr size_t kBytes = n;
    typedef uint8_t Bytes __attribute__((vector_size(n)));
    typedef uint16_t Words __attribute__((vector_size(n)));
    typedef int16_t SignedWords __attribute__((vector_size(n)));
    typedef uint32_t Longs __attribute__((vector_size(n)));
    typedef uint64_t Quads __attribute__((vector_size(n)));

    static Bytes load(const void *p) noexcept
    {
        Bytes v;
        __builtin_memcpy(&v, p, n);
        return v;
    }
};

// --- FastScan ---
//
// The two columns of a code row lie in two 128-bit lanes, as their tables do in 32 bytes of lut. VPSHUFB looks up the low
// nibbles (rows 0..15 of the tile) and, after a shift, the high nibbles (rows 16..31).
//
// The bytes are summed in 16-bit numbers without unpacking: `all` adds two neighbours as they are, even + 256 * odd, and
// `odd` the same shifted down; the even sum is all - 256 * odd modulo 2^16. The columns are added at the end, so 16 bits
// hold 65,535 / (255 * 2) = 128 code rows. One set of sums is enough: an addition takes one cycle and a step several
// (eleven instructions: nearly four cycles on the three ports of AVX2, 5.5 on the two of AVX-512), so nothing waits.

constexpr size_t kChunkRows = 128;

template <class V>
struct Sums // of one table
{
    typename V::Words all_low, odd_low, all_high, odd_high;
};

template <class V>
struct FastScan
{
    using Bytes = typename V::Bytes;
    using Words = typename V::Words;

    __attribute__((always_inline)) static void look_up(Sums<V> &s, Bytes low, Bytes high,
                                                       Bytes table) noexcept
    {
        const Words a = (Words)V::shuffle(table, low), b = (Words)V::shuffle(table, high);
        s.all_low += a;
        s.odd_low += a >> 8;
        s.all_high += b;
        s.odd_high += b >> 8;
    }

    // kTables: 1 for byte entries, 2 where the second table holds the high bytes.
    template <size_t kTables>
    __attribute__((always_inline)) static void scan(const uint8_t *codes,
                                                    const uint8_t *const (&lut)[kTables], size_t rows,
                                                    uint32_t acc[kTileRows]) noexcept
    {
        constexpr size_t kStep = V::kBytes / 32; // code rows
        for (size_t start = 0; start < rows; start += kChunkRows) {
            const size_t end = rows - start < kChunkRows ? rows : start + kChunkRows;
            Sums<V> sums[kTables] = {};
            const auto step = [&](size_t r, auto load) __attribute__((always_inline))
            {
                const Bytes code = load(codes + 32 * r);
                const Bytes low = code & 15, high = (Bytes)((Words)code >> 4) & 15;
                for (size_t t = 0; t < kTables; t++)
                    look_up(sums[t], low, high, load(lut[t] + 32 * r));
            };
            size_t r = start;
            for (; r + kStep <= end; r += kStep) {
                _mm_prefetch((const char *)((uintptr_t)codes + 32 * r + kAhead), _MM_HINT_T0);
                step(r, V::load);
            }
            if constexpr (kStep > 1)
                if (r < end) // the last code row alone: the upper half looks up zeros
                    step(r, V::one_row);
            for (size_t t = 0; t < kTables; t++)
                V::add(sums[t], 8 * t, acc);
        }
    }
};

// --- products of bytes ---

// The bytes of a codeword's four dimensions are taken apart, 0 and 2 from 1 and 3, into the 16-bit pairs of VPMADDWD.
// kMost: see kSums in wide_bytes.h.
template <class V, size_t kMost>
struct PairedBytes
{
    using Words = typename V::Words;
    using SignedWords = typename V::SignedWords;
    using Sum = typename V::Longs;
    struct Codes
    {
        Words even, odd;
    };
    using Four = Codes;
    static constexpr size_t kLanes = V::kBytes / 4, kSums = kMost;
    static Codes load(const uint8_t *p) noexcept
    {
        const Words c = (Words)V::load(p);
        return {c & 255, c >> 8};
    }
    static Codes load_numbers(const uint8_t *p) noexcept { return load(p); }
    template <unsigned kBits>
    static Codes numbers(const Codes &c, size_t group) noexcept
    {
        constexpr int kMask = (1 << kBits) - 1;
        return {(c.even >> (int)(group * kBits)) & kMask, (c.odd >> (int)(group * kBits)) & kMask};
    }
    static Four spread(const int8_t *p) noexcept
    {
        uint32_t four;
        __builtin_memcpy(&four, p, 4);
        const Words x = (Words)(Sum{} + four);
        return {(Words)((SignedWords)(x << 8) >> 8), (Words)((SignedWords)x >> 8)};
    }
    static int32_t excess(const int8_t *x, size_t n) noexcept { return plain_excess(x, n); }
    static Sum start(int32_t s) noexcept { return Sum{} + (uint32_t)s; }
    static Sum add(Sum s, const Codes &c, const Four &x) noexcept
    {
        return s + ((Sum)V::pairs(c.even, x.even) + (Sum)V::pairs(c.odd, x.odd));
    }
    static void store(int32_t *out, Sum s) noexcept { __builtin_memcpy(out, &s, sizeof s); }
};

// Two words of a row where a codeword has four bytes, which is what VPMADDWD takes.
template <class V, size_t kMost>
struct PairedWords
{
    using Codes = typename V::Words;
    using Four = Codes;
    using Sum = typename V::Longs;
    static constexpr size_t kLanes = V::kBytes / 4, kSums = kMost;
    static Codes load(const uint8_t *p) noexcept
    {
        Codes c = (Codes)V::load(p);
        keep_loaded(c);
        return c;
    }
    static Four spread(const int8_t *p) noexcept
    {
        uint32_t two;
        __builtin_memcpy(&two, p, 4);
        return (Four)(Sum{} + two);
    }
    static int32_t excess(const int8_t *, size_t) noexcept { return 0; }
    static Sum start(int32_t s) noexcept { return Sum{} + (uint32_t)s; }
    static Sum add(Sum s, Codes c, Four x) noexcept { return s + (Sum)V::pairs(c, x); }
    static void store(int32_t *out, Sum s) noexcept { __builtin_memcpy(out, &s, sizeof s); }
};

// --- bit planes ---

// Bits set in each byte: two look-ups of nibbles.
template <class V>
typename V::Bytes byte_counts(typename V::Bytes v) noexcept
{
    using Bytes = typename V::Bytes;
    const Bytes table = V::every_lane(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const Bytes low = v & 15, high = (Bytes)((typename V::Words)v >> 4) & 15;
    return V::shuffle(table, low) + V::shuffle(table, high);
}

// Planes from the highest down, total = 2 * total + count. Counts stay in bytes (at most 8 each) for 31 vectors.
// tail(plane): the bits that code and plane have in common behind the last whole vector.
template <class V, class Tail>
typename V::Quads sum_planes(const uint8_t *code, const uint8_t *planes, size_t bytes, unsigned nplanes,
                             Tail tail) noexcept
{
    constexpr size_t kSegment = 31 * V::kBytes;
    typename V::Quads sum = {};
    for (size_t start = 0; start < bytes; start += kSegment) {
        const size_t end = bytes - start < kSegment ? bytes : start + kSegment;
        typename V::Quads total = {};
        for (unsigned p = nplanes; p-- > 0;) {
            const uint8_t *plane = planes + p * bytes;
            typename V::Bytes counts = {};
            size_t i = start;
            for (; i + V::kBytes <= end; i += V::kBytes)
                counts += byte_counts<V>(V::load(code + i) & V::load(plane + i));
            if (i < end)
                counts += byte_counts<V>(tail(plane));
            total = total + total + V::sums(counts);
        }
        sum += total;
    }
    return sum;
}

} // namespace

} // namespace vq::simd
