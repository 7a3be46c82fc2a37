// AVX2 with FMA and F16C (Haswell and later, Zen and later).
#if defined(__x86_64__)

#include "simd/levels.h"
#include "simd/nibble_lookup.h"
#include "simd/wide_bytes.h"
#include "simd/wide_table.h"

#include <immintrin.h>

namespace vq::simd {

namespace {

// Eight words from kMaskWords + 8 - n on have the first n set.
alignas(64) constexpr int32_t kMaskWords[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

struct Lanes
{
    using F = xsimd::batch<float, xsimd::fma3<xsimd::avx2>>;
    static constexpr size_t kWidth = 8;
    static constexpr size_t kBlockRows = 3;

    static __m256i first(size_t n) noexcept
    {
        return _mm256_loadu_si256((const __m256i *)(kMaskWords + 8 - n));
    }
    static F load(const float *p) noexcept { return F::load_unaligned(p); }
    static F load_first(const float *p, size_t n) noexcept { return _mm256_maskload_ps(p, first(n)); }
    static void store(float *p, F v) noexcept { v.store_unaligned(p); }
    static void store_first(float *p, F v, size_t n) noexcept { _mm256_maskstore_ps(p, first(n), v); }
    static F fma(F a, F b, F c) noexcept { return _mm256_fmadd_ps(a, b, c); }
    // Neighbours first. Not xsimd's own, which has another name and order from version to version.
    static float sum(F v) noexcept
    {
        __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
        s = _mm_hadd_ps(s, s);
        return _mm_cvtss_f32(_mm_hadd_ps(s, s));
    }

    static void store_sums(float *out, F a, F b, F c, F d) noexcept
    {
        __m256 lanes = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
        _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1)));
    }

    template <size_t H>
    static F butterfly(F v) noexcept
    {
        __m256 other;
        if constexpr (H == 1)
            other = _mm256_permute_ps(v, 0xB1);
        else if constexpr (H == 2)
            other = _mm256_permute_ps(v, 0x4E);
        else
            other = _mm256_permute2f128_ps(v, v, 1);
        constexpr int kUpper = H == 1 ? 0xAA : H == 2 ? 0xCC : 0xF0;
        return _mm256_blend_ps(_mm256_add_ps(v, other), _mm256_sub_ps(other, v), kUpper);
    }

    // Bit i is shifted up to the sign of lane i.
    static F flip(F v, unsigned bits) noexcept
    {
        __m256i up = _mm256_sllv_epi32(_mm256_set1_epi32((int)bits),
                                       _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24));
        __m256i sign = _mm256_and_si256(up, _mm256_set1_epi32(INT32_MIN));
        return _mm256_xor_ps(v, _mm256_castsi256_ps(sign));
    }

    static F from_int(const uint32_t *p) noexcept
    {
        return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)p));
    }
    static F fp16(const uint8_t *p) noexcept { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
    static void store_fp16(uint8_t *p, F v) noexcept
    {
        _mm_storeu_si128((__m128i *)p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
    }
    static F bf16(const uint8_t *p) noexcept
    {
        __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p));
        return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
    }
    static F quads(const uint8_t *p) noexcept
    {
        const __m128i bytes = _mm_unpacklo_epi32(_mm_loadu_si32(p), _mm_loadu_si32(p + 64));
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_xor_si128(bytes, _mm_set1_epi8(-128))));
    }
    static float fold(F v) noexcept
    {
        __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
        s = _mm_add_ps(s, _mm_movehl_ps(s, s));
        return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
    }
    static void store_bytes(int8_t *p, F a, F b, F c, F d) noexcept
    {
        const __m256i ab = _mm256_packs_epi32(_mm256_cvttps_epi32(a), _mm256_cvttps_epi32(b)),
                      cd = _mm256_packs_epi32(_mm256_cvttps_epi32(c), _mm256_cvttps_epi32(d));
        // Fours of a, b, c, d in each 128-bit lane: all of a first.
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(ab, cd), order);
        _mm256_storeu_si256((__m256i *)p, _mm256_xor_si256(bytes, _mm256_set1_epi8(-128)));
    }
    static uint32_t below(F a, F b) noexcept
    {
        return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_LT_OQ));
    }
    static uint32_t equal(F a, F b) noexcept
    {
        return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_EQ_OQ));
    }
    // Every lane becomes the smallest: halves, pairs, neighbours.
    static F spread_min(F v) noexcept
    {
        __m256 m = _mm256_min_ps(v, _mm256_permute2f128_ps(v, v, 1));
        m = _mm256_min_ps(m, _mm256_permute_ps(m, 0x4E));
        return _mm256_min_ps(m, _mm256_permute_ps(m, 0xB1));
    }
};

// --- FastScan
// -----------------------------------------------------------------------------------------------------
//
// A step takes one code row: its two columns lie in the two 128-bit lanes, as their tables do in 32 bytes of
// lut. VPSHUFB looks up the low nibbles (rows 0..15 of the tile) and, after a shift, the high nibbles
// (rows 16..31).
//
// The bytes are summed in 16-bit lanes without unpacking: `all` adds the pair as it is, even + 256 * odd,
// `odd` the pair shifted down; the even sum is all - 256 * odd modulo 2^16. The two columns are added at the
// end, so 16 bits hold 65,535 / (255 * 2) = 128 code rows. One set of sums is enough: an addition takes one
// cycle, a step nearly four (eleven instructions on three ports), so nothing waits.

constexpr size_t kChunkRows = 128;

// Codes are fetched this far ahead (a hint, which never faults, even behind the end). The CPU's own prefetch
// stops at 4 kB borders and short of what one core can draw: from memory 2 kB ahead gave half as much again,
// 1 kB a third, 4 kB little more than 2 kB, and what is fetched behind a run of tiles is lost.
constexpr size_t kAhead = 2048;

struct Sums // of one table
{
    __m256i all_low, odd_low, all_high, odd_high;
};

__attribute__((always_inline)) inline void look_up(Sums &s, __m256i low, __m256i high, __m256i table) noexcept
{
    __m256i a = _mm256_shuffle_epi8(table, low), b = _mm256_shuffle_epi8(table, high);
    s.all_low = _mm256_add_epi16(s.all_low, a);
    s.odd_low = _mm256_add_epi16(s.odd_low, _mm256_srli_epi16(a, 8));
    s.all_high = _mm256_add_epi16(s.all_high, b);
    s.odd_high = _mm256_add_epi16(s.odd_high, _mm256_srli_epi16(b, 8));
}

// Sixteen sums as 16-bit numbers in row order.
__attribute__((always_inline)) inline __m256i fold(__m256i all, __m256i odd) noexcept
{
    __m256i even = _mm256_sub_epi16(all, _mm256_slli_epi16(odd, 8));
    __m256i a = _mm256_unpacklo_epi16(even, odd); // rows 0..7 of either column
    __m256i b = _mm256_unpackhi_epi16(even, odd); // rows 8..15
    return _mm256_add_epi16(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}

// acc[0..15] += words << shift
__attribute__((always_inline)) inline void add_words(uint32_t *acc, __m256i words, int shift) noexcept
{
    __m256i halves[2] = {_mm256_cvtepu16_epi32(_mm256_castsi256_si128(words)),
                         _mm256_cvtepu16_epi32(_mm256_extracti128_si256(words, 1))};
    for (size_t i = 0; i < 2; i++) {
        __m256i *to = (__m256i *)(acc + 8 * i);
        _mm256_storeu_si256(to,
                            _mm256_add_epi32(_mm256_loadu_si256(to), _mm256_slli_epi32(halves[i], shift)));
    }
}

// kTables: 1 for byte entries, 2 where the second table holds the high bytes.
template <size_t kTables>
__attribute__((always_inline)) inline void fastscan(const uint8_t *codes,
                                                    const uint8_t *const (&lut)[kTables], size_t rows,
                                                    uint32_t acc[kTileRows]) noexcept
{
    const __m256i nibble = _mm256_set1_epi8(15);
    for (size_t start = 0; start < rows; start += kChunkRows) {
        const size_t end = rows - start < kChunkRows ? rows : start + kChunkRows;
        Sums sums[kTables] = {};
        for (size_t r = start; r < end; r++) {
            _mm_prefetch((const char *)((uintptr_t)codes + 32 * r + kAhead), _MM_HINT_T0);
            __m256i code = _mm256_loadu_si256((const __m256i *)(codes + 32 * r));
            __m256i low = _mm256_and_si256(code, nibble);
            __m256i high = _mm256_and_si256(_mm256_srli_epi16(code, 4), nibble);
            for (size_t t = 0; t < kTables; t++)
                look_up(sums[t], low, high, _mm256_loadu_si256((const __m256i *)(lut[t] + 32 * r)));
        }
        for (size_t t = 0; t < kTables; t++) {
            add_words(acc, fold(sums[t].all_low, sums[t].odd_low), (int)(8 * t));
            add_words(acc + 16, fold(sums[t].all_high, sums[t].odd_high), (int)(8 * t));
        }
    }
}

void fastscan8(const uint8_t *codes, const uint8_t *lut, size_t rows, uint32_t acc[kTileRows]) noexcept
{
    fastscan<1>(codes, {lut}, rows, acc);
}

void fastscan16(const uint8_t *codes, const uint8_t *lut_lo, const uint8_t *lut_hi, size_t rows,
                uint32_t acc[kTileRows]) noexcept
{
    fastscan<2>(codes, {lut_lo, lut_hi}, rows, acc);
}

// --- bytes
// --------------------------------------------------------------------------------------------------------

// The bytes of a codeword's four dimensions are taken apart, 0 and 2 from 1 and 3, into the 16-bit pairs of VPMADDWD.
struct Bytes
{
    struct Codes
    {
        __m256i even, odd;
    };
    using Four = Codes;
    using Sum = __m256i;
    static constexpr size_t kLanes = 8, kSums = 4;
    static Codes load(const uint8_t *p) noexcept
    {
        const __m256i c = _mm256_loadu_si256((const __m256i *)p);
        return {_mm256_and_si256(c, _mm256_set1_epi16(255)), _mm256_srli_epi16(c, 8)};
    }
    static Four spread(const int8_t *p) noexcept
    {
        int32_t four;
        __builtin_memcpy(&four, p, 4);
        const __m256i x = _mm256_set1_epi32(four);
        return {_mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8), _mm256_srai_epi16(x, 8)};
    }
    static int32_t excess(const int8_t *x, size_t n) noexcept { return plain_excess(x, n); }
    static Sum start(int32_t s) noexcept { return _mm256_set1_epi32(s); }
    static Sum add(Sum s, const Codes &c, const Four &x) noexcept
    {
        const __m256i both =
            _mm256_add_epi32(_mm256_madd_epi16(c.even, x.even), _mm256_madd_epi16(c.odd, x.odd));
        return _mm256_add_epi32(s, both);
    }
    static void store(int32_t *out, Sum s) noexcept { _mm256_storeu_si256((__m256i *)out, s); }
};

// --- bit planes
// ---------------------------------------------------------------------------------------------------

// Bits set in each byte: two look-ups of nibbles.
__m256i byte_counts(__m256i v) noexcept
{
    const __m256i table =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i low = _mm256_and_si256(v, nibble), high = _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table, low), _mm256_shuffle_epi8(table, high));
}

// A code shorter than a vector, by 64-bit words.
uint32_t short_planes_dot(const uint8_t *code, const uint8_t *planes, size_t bytes, unsigned nplanes) noexcept
{
    uint32_t total = 0;
    for (unsigned p = nplanes; p-- > 0;) {
        const uint8_t *plane = planes + p * bytes;
        uint32_t count = 0;
        size_t i = 0;
        for (; i + 8 <= bytes; i += 8) {
            uint64_t a, b;
            __builtin_memcpy(&a, code + i, 8);
            __builtin_memcpy(&b, plane + i, 8);
            count += (uint32_t)__builtin_popcountll(a & b);
        }
        for (; i < bytes; i++)
            count += (uint32_t)__builtin_popcount((unsigned)(code[i] & plane[i]));
        total = 2 * total + count;
    }
    return total;
}

// Planes from the highest down, total = 2 * total + count. Counts stay in bytes (at most 8 each) for 31
// vectors. The tail is read as the last 32 bytes, with those counted before masked off.
uint32_t bit_planes_dot(const uint8_t *code, const uint8_t *planes, size_t bytes, unsigned nplanes) noexcept
{
    alignas(64) static constexpr uint8_t kLastBytes[64] = {
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    constexpr size_t kSegment = 30 * 32; // and one for the tail
    if (bytes < 32)
        return short_planes_dot(code, planes, bytes, nplanes);
    auto load = [](const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)p); };
    const size_t whole = bytes / 32 * 32;
    const __m256i last = _mm256_and_si256(load(code + bytes - 32), load(kLastBytes + bytes % 32));
    __m256i sum = _mm256_setzero_si256();
    for (size_t start = 0; start < whole; start += kSegment) {
        const size_t end = whole - start < kSegment ? whole : start + kSegment;
        __m256i total = _mm256_setzero_si256();
        for (unsigned p = nplanes; p-- > 0;) {
            const uint8_t *plane = planes + p * bytes;
            __m256i counts = _mm256_setzero_si256();
            for (size_t i = start; i < end; i += 32)
                counts =
                    _mm256_add_epi8(counts, byte_counts(_mm256_and_si256(load(code + i), load(plane + i))));
            if (end < bytes && end == whole)
                counts =
                    _mm256_add_epi8(counts, byte_counts(_mm256_and_si256(last, load(plane + bytes - 32))));
            total = _mm256_add_epi64(_mm256_add_epi64(total, total),
                                     _mm256_sad_epu8(counts, _mm256_setzero_si256()));
        }
        sum = _mm256_add_epi64(sum, total);
    }
    __m128i pair = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    return (uint32_t)(_mm_cvtsi128_si64(pair) + _mm_extract_epi64(pair, 1));
}

} // namespace

constinit const Kernels kAvx2 =
    wide_table<Lanes>("avx2", fastscan8, fastscan16, bytescan_shuffled, bit_planes_dot, byte_dots<Bytes>,
                      codeword_scores<Lanes, byte_dots<Bytes>>);

} // namespace vq::simd

#endif
