// AVX-512 F, BW, VL, DQ and CD (Skylake-X and later, Zen 4 and later). CD because newer versions of xsimd ask for it.
// Tails are masked: a masked load touches nothing outside its mask.
#if defined(__x86_64__)

// GCC before 13 takes its own _mm512_undefined_* for uninitialised variables (PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "simd/levels.h"
#include "simd/nibble_lookup.h"
#include "simd/wide_bytes.h"
#include "simd/wide_table.h"

#include <immintrin.h>

namespace vq::simd {

namespace {

struct Lanes
{
    using F = xsimd::batch<float, xsimd::avx512bw>;
    static constexpr size_t kWidth = 16;
    static constexpr size_t kBlockRows = 6;

    static __mmask16 first(size_t n) noexcept { return (__mmask16)((1u << n) - 1); }
    static F load(const float *p) noexcept { return F::load_unaligned(p); }
    static F load_first(const float *p, size_t n) noexcept { return _mm512_maskz_loadu_ps(first(n), p); }
    static void store(float *p, F v) noexcept { v.store_unaligned(p); }
    static void store_first(float *p, F v, size_t n) noexcept { _mm512_mask_storeu_ps(p, first(n), v); }
    static F fma(F a, F b, F c) noexcept { return _mm512_fmadd_ps(a, b, c); }
    static float sum(F v) noexcept { return _mm512_reduce_add_ps(v); }

    // Four vectors are added pairwise within the 128-bit lanes until a lane reads a b c d, then the lanes are
    // added.
    static void store_sums(float *out, F a, F b, F c, F d) noexcept
    {
        __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
        __m512 low = _mm512_shuffle_ps(ab, cd, 0x44), high = _mm512_shuffle_ps(ab, cd, 0xEE);
        __m512 lanes = _mm512_add_ps(low, high);
        __m256 half = _mm256_add_ps(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps(lanes, 1));
        _mm_storeu_ps(out, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
    }

    template <size_t H>
    static F butterfly(F v) noexcept
    {
        __m512 other;
        if constexpr (H == 1)
            other = _mm512_permute_ps(v, 0xB1);
        else if constexpr (H == 2)
            other = _mm512_permute_ps(v, 0x4E);
        else if constexpr (H == 4)
            other = _mm512_shuffle_f32x4(v, v, 0xB1);
        else
            other = _mm512_shuffle_f32x4(v, v, 0x4E);
        constexpr unsigned kUpper = H == 1 ? 0xAAAA : H == 2 ? 0xCCCC : H == 4 ? 0xF0F0 : 0xFF00;
        return _mm512_mask_sub_ps(_mm512_add_ps(v, other), (__mmask16)kUpper, other, v);
    }

    static F flip(F v, unsigned bits) noexcept
    {
        __m512i raw = _mm512_castps_si512(v);
        return _mm512_castsi512_ps(
            _mm512_mask_xor_epi32(raw, (__mmask16)bits, raw, _mm512_set1_epi32(INT32_MIN)));
    }

    static F from_int(const uint32_t *p) noexcept { return _mm512_cvtepi32_ps(_mm512_loadu_si512(p)); }
    static F fp16(const uint8_t *p) noexcept
    {
        return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
    }
    static void store_fp16(uint8_t *p, F v) noexcept
    {
        _mm256_storeu_si256((__m256i *)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
    }
    static F bf16(const uint8_t *p) noexcept
    {
        __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
        return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
    }
    static F quads(const uint8_t *p) noexcept
    {
        const __m128i low = _mm_unpacklo_epi32(_mm_loadu_si32(p), _mm_loadu_si32(p + 64)),
                      high = _mm_unpacklo_epi32(_mm_loadu_si32(p + 128), _mm_loadu_si32(p + 192));
        const __m128i bytes = _mm_xor_si128(_mm_unpacklo_epi64(low, high), _mm_set1_epi8(-128));
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
    }
    static float fold(F v) noexcept
    {
        const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
        __m128 s = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
        s = _mm_add_ps(s, _mm_movehl_ps(s, s));
        return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
    }
    static void store_bytes(int8_t *p, F a, F b, F c, F d) noexcept
    {
        const __m512i ab = _mm512_packs_epi32(_mm512_cvttps_epi32(a), _mm512_cvttps_epi32(b)),
                      cd = _mm512_packs_epi32(_mm512_cvttps_epi32(c), _mm512_cvttps_epi32(d));
        // Fours of a, b, c, d in each 128-bit lane: all of a first.
        const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        const __m512i bytes = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(ab, cd));
        _mm512_storeu_si512(p, _mm512_xor_si512(bytes, _mm512_set1_epi8(-128)));
    }
    static uint32_t below(F a, F b) noexcept { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
    static uint32_t equal(F a, F b) noexcept { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
    static F spread_min(F v) noexcept { return _mm512_set1_ps(_mm512_reduce_min_ps(v)); }
};

// --- FastScan
// -----------------------------------------------------------------------------------------------------
//
// A step takes two code rows: 64 bytes of codes, four 128-bit lanes with the tables of four columns. VPSHUFB
// looks up the low nibbles (rows 0..15 of the tile) and, after a shift, the high nibbles (rows 16..31):
//
//     lane         0           1           2           3
//     code row     r           r           r + 1       r + 1
//     column       2r          2r + 1      2r + 2      2r + 3
//     byte j       entry of tile row j (low nibbles) or j + 16 (high nibbles)
//
// The bytes are summed in 16-bit lanes without unpacking: `all` adds the pair as it is, even + 256 * odd,
// `odd` the pair shifted down; the even sum is all - 256 * odd modulo 2^16. The four lanes are added at the
// end, so 16 bits hold 65,535 / (255 * 2) = 128 code rows. One set of sums is enough: an addition takes one
// cycle, a step 5.5 (eleven instructions on two ports), so nothing waits. The end of a tile costs some twenty
// instructions.

constexpr size_t kChunkRows = 128;

// Codes are fetched this far ahead (a hint, which never faults, even behind the end). The CPU's own prefetch
// stops at 4 kB borders and short of what one core can draw: from memory 2 kB ahead gave half as much again,
// 1 kB a third, 4 kB little more than 2 kB, and what is fetched behind a run of tiles is lost.
constexpr size_t kAhead = 2048;

struct Sums // of one table
{
    __m512i all_low, odd_low, all_high, odd_high;
};

__attribute__((always_inline)) inline void look_up(Sums &s, __m512i low, __m512i high, __m512i table) noexcept
{
    __m512i a = _mm512_shuffle_epi8(table, low), b = _mm512_shuffle_epi8(table, high);
    s.all_low = _mm512_add_epi16(s.all_low, a);
    s.odd_low = _mm512_add_epi16(s.odd_low, _mm512_srli_epi16(a, 8));
    s.all_high = _mm512_add_epi16(s.all_high, b);
    s.odd_high = _mm512_add_epi16(s.odd_high, _mm512_srli_epi16(b, 8));
}

// The 32 sums as 16-bit numbers in row order.
__attribute__((always_inline)) inline __m512i fold(const Sums &s) noexcept
{
    __m512i even_low = _mm512_sub_epi16(s.all_low, _mm512_slli_epi16(s.odd_low, 8));
    __m512i even_high = _mm512_sub_epi16(s.all_high, _mm512_slli_epi16(s.odd_high, 8));
    __m512i a = _mm512_unpacklo_epi16(even_low, s.odd_low);   // rows 0..7 in each lane
    __m512i b = _mm512_unpackhi_epi16(even_low, s.odd_low);   // rows 8..15
    __m512i c = _mm512_unpacklo_epi16(even_high, s.odd_high); // rows 16..23
    __m512i d = _mm512_unpackhi_epi16(even_high, s.odd_high); // rows 24..31
    __m512i ab = _mm512_add_epi16(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));
    __m512i cd = _mm512_add_epi16(_mm512_shuffle_i32x4(c, d, 0x88), _mm512_shuffle_i32x4(c, d, 0xDD));
    return _mm512_add_epi16(_mm512_shuffle_i32x4(ab, cd, 0x88), _mm512_shuffle_i32x4(ab, cd, 0xDD));
}

// kTables: 1 for byte entries, 2 where the second table holds the high bytes.
template <size_t kTables>
__attribute__((always_inline)) inline void fastscan(const uint8_t *codes,
                                                    const uint8_t *const (&lut)[kTables], size_t rows,
                                                    uint32_t acc[kTileRows]) noexcept
{
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i out_low = _mm512_loadu_si512(acc), out_high = _mm512_loadu_si512(acc + 16);
    for (size_t start = 0; start < rows; start += kChunkRows) {
        const size_t end = rows - start < kChunkRows ? rows : start + kChunkRows;
        Sums sums[kTables] = {};
        size_t r = start;
        for (; r + 2 <= end; r += 2) {
            _mm_prefetch((const char *)((uintptr_t)codes + 32 * r + kAhead), _MM_HINT_T0);
            __m512i code = _mm512_loadu_si512(codes + 32 * r);
            __m512i low = _mm512_and_si512(code, nibble);
            __m512i high = _mm512_and_si512(_mm512_srli_epi16(code, 4), nibble);
            for (size_t t = 0; t < kTables; t++)
                look_up(sums[t], low, high, _mm512_loadu_si512(lut[t] + 32 * r));
        }
        if (r < end) // the last code row alone: the upper half looks up zeros
        {
            auto half = [](const uint8_t *p) {
                return _mm512_zextsi256_si512(_mm256_loadu_si256((const __m256i *)p));
            };
            __m512i code = half(codes + 32 * r);
            __m512i low = _mm512_and_si512(code, nibble);
            __m512i high = _mm512_and_si512(_mm512_srli_epi16(code, 4), nibble);
            for (size_t t = 0; t < kTables; t++)
                look_up(sums[t], low, high, half(lut[t] + 32 * r));
        }
        for (size_t t = 0; t < kTables; t++) {
            __m512i words = fold(sums[t]);
            __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(words));
            __m512i high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(words, 1));
            out_low = _mm512_add_epi32(out_low, _mm512_slli_epi32(low, (unsigned)(8 * t)));
            out_high = _mm512_add_epi32(out_high, _mm512_slli_epi32(high, (unsigned)(8 * t)));
        }
    }
    _mm512_storeu_si512(acc, out_low);
    _mm512_storeu_si512(acc + 16, out_high);
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
        __m512i even, odd;
    };
    using Four = Codes;
    using Sum = __m512i;
    static constexpr size_t kLanes = 16, kSums = 10;
    static Codes load(const uint8_t *p) noexcept
    {
        const __m512i c = _mm512_loadu_si512(p);
        return {_mm512_and_si512(c, _mm512_set1_epi16(255)), _mm512_srli_epi16(c, 8)};
    }
    static Four spread(const int8_t *p) noexcept
    {
        int32_t four;
        __builtin_memcpy(&four, p, 4);
        const __m512i x = _mm512_set1_epi32(four);
        return {_mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8), _mm512_srai_epi16(x, 8)};
    }
    static int32_t excess(const int8_t *x, size_t n) noexcept { return plain_excess(x, n); }
    static Sum start(int32_t s) noexcept { return _mm512_set1_epi32(s); }
    static Sum add(Sum s, const Codes &c, const Four &x) noexcept
    {
        const __m512i both =
            _mm512_add_epi32(_mm512_madd_epi16(c.even, x.even), _mm512_madd_epi16(c.odd, x.odd));
        return _mm512_add_epi32(s, both);
    }
    static void store(int32_t *out, Sum s) noexcept { _mm512_storeu_si512(out, s); }
};

// --- bit planes
// ---------------------------------------------------------------------------------------------------

// Bits set in each byte: two look-ups of nibbles.
__m512i byte_counts(__m512i v) noexcept
{
    const __m512i table =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i low = _mm512_and_si512(v, nibble), high = _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble);
    return _mm512_add_epi8(_mm512_shuffle_epi8(table, low), _mm512_shuffle_epi8(table, high));
}

// Planes from the highest down, total = 2 * total + count. Counts stay in bytes (at most 8 each) for 31
// vectors.
uint32_t bit_planes_dot(const uint8_t *code, const uint8_t *planes, size_t bytes, unsigned nplanes) noexcept
{
    constexpr size_t kSegment = 31 * 64;
    __m512i sum = _mm512_setzero_si512();
    for (size_t start = 0; start < bytes; start += kSegment) {
        const size_t end = bytes - start < kSegment ? bytes : start + kSegment;
        __m512i total = _mm512_setzero_si512();
        for (unsigned p = nplanes; p-- > 0;) {
            const uint8_t *plane = planes + p * bytes;
            __m512i counts = _mm512_setzero_si512();
            size_t i = start;
            for (; i + 64 <= end; i += 64) {
                __m512i both = _mm512_and_si512(_mm512_loadu_si512(code + i), _mm512_loadu_si512(plane + i));
                counts = _mm512_add_epi8(counts, byte_counts(both));
            }
            if (i < end) {
                const __mmask64 tail = (1ull << (end - i)) - 1;
                __m512i both = _mm512_and_si512(_mm512_maskz_loadu_epi8(tail, code + i),
                                                _mm512_maskz_loadu_epi8(tail, plane + i));
                counts = _mm512_add_epi8(counts, byte_counts(both));
            }
            total = _mm512_add_epi64(_mm512_add_epi64(total, total),
                                     _mm512_sad_epu8(counts, _mm512_setzero_si512()));
        }
        sum = _mm512_add_epi64(sum, total);
    }
    return (uint32_t)_mm512_reduce_add_epi64(sum);
}

} // namespace

// Here, where the lanes are.
void codeword_scores_vnni(const int8_t *x, size_t nx, const Codebook &book, const float *unit,
                          const float *error, float *score, float *least) noexcept
{
    codeword_scores<Lanes, byte_dots_vnni>(x, nx, book, unit, error, score, least);
}

constinit const Kernels kAvx512 =
    wide_table<Lanes>("avx512f", fastscan8, fastscan16, bytescan_shuffled, bit_planes_dot, byte_dots<Bytes>,
                      codeword_scores<Lanes, byte_dots<Bytes>>);

} // namespace vq::simd

#endif
