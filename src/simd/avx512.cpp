// AVX-512 F, BW, VL, DQ and CD (Skylake-X and later, Zen 4 and later). CD because newer versions of xsimd ask for it.
// Tails are masked: a masked load touches nothing outside its mask.
#if defined(__x86_64__)

// GCC before 13 takes its own _mm512_undefined_* for uninitialised variables (PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "simd/levels.h"
#include "simd/wide_table.h"
#include "simd/x86_integers.h"

#include <immintrin.h>

namespace vq::simd {

namespace {

struct Lanes : Batch<xsimd::avx512bw, 6>
{
    static __mmask16 first(size_t n) noexcept { return (__mmask16)((1u << n) - 1); }
    static F load_first(const float *p, size_t n) noexcept { return _mm512_maskz_loadu_ps(first(n), p); }
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
        const __m512 other = H < 4 ? _mm512_permute_ps(v, H == 1 ? 0xB1 : 0x4E) // within 128 bits
                                   : _mm512_shuffle_f32x4(v, v, H == 4 ? 0xB1 : 0x4E);
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
    static F from_bytes(const int8_t *p) noexcept
    {
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
    }
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
        // In each 128-bit lane are four bytes of a, b, c and d; now all those of a first, then of b, c, d.
        const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        const __m512i bytes = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(ab, cd));
        _mm512_storeu_si512(p, _mm512_xor_si512(bytes, _mm512_set1_epi8(-128)));
    }
    static uint32_t below(F a, F b) noexcept { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
    static uint32_t equal(F a, F b) noexcept { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
    static F spread_min(F v) noexcept { return _mm512_set1_ps(_mm512_reduce_min_ps(v)); }
};

// The integer vectors of x86_integers.h. Two code rows fill one:
//
//     lane         0           1           2           3
//     code row     r           r           r + 1       r + 1
//     column       2r          2r + 1      2r + 2      2r + 3
//     byte j       entry of tile row j (low nibbles) or j + 16 (high nibbles)
struct Integers : Vectors<64>
{
    static Bytes shuffle(Bytes table, Bytes index) noexcept
    {
        return (Bytes)_mm512_shuffle_epi8((__m512i)table, (__m512i)index);
    }
    static __m512i pairs(Words a, Words b) noexcept { return _mm512_madd_epi16((__m512i)a, (__m512i)b); }
    static Quads sums(Bytes v) noexcept { return (Quads)_mm512_sad_epu8((__m512i)v, _mm512_setzero_si512()); }
    static Bytes every_lane(__m128i x) noexcept { return (Bytes)_mm512_broadcast_i32x4(x); }
    static Bytes one_row(const void *p) noexcept
    {
        return (Bytes)_mm512_zextsi256_si512(_mm256_loadu_si256((const __m256i *)p));
    }
    static Bytes load_first(const uint8_t *p, size_t n) noexcept
    {
        return (Bytes)_mm512_maskz_loadu_epi8((1ull << n) - 1, p);
    }

    // The lanes a0 + a1, a2 + a3, b0 + b1, b2 + b3.
    static __m512i add_lanes(__m512i a, __m512i b) noexcept
    {
        return _mm512_add_epi16(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));
    }
    // Sums of rows 0..7 from lanes 0 and 1, and from 2 and 3; sums of rows 8..15 likewise.
    static __m512i unpack(Words all, Words odd) noexcept
    {
        const __m512i even = (__m512i)(all - (odd << 8));
        return add_lanes(_mm512_unpacklo_epi16(even, (__m512i)odd),
                         _mm512_unpackhi_epi16(even, (__m512i)odd));
    }
    static void add(const Sums<Integers> &s, size_t shift, uint32_t *acc) noexcept
    {
        // The 32 sums as 16-bit numbers in row order.
        const __m512i words = add_lanes(unpack(s.all_low, s.odd_low), unpack(s.all_high, s.odd_high));
        const __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(words)),
                      high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(words, 1));
        const auto add_to = [=](uint32_t *to, __m512i part) {
            part = _mm512_slli_epi32(part, (unsigned)shift);
            _mm512_storeu_si512(to, _mm512_add_epi32(_mm512_loadu_si512(to), part));
        };
        add_to(acc, low);
        add_to(acc + 16, high);
    }
};

using Bytes = PairedBytes<Integers, 10>;
using Words = PairedWords<Integers, 20>;

// The tail is read masked.
uint32_t keys_within(const uint64_t *keys, size_t n, uint64_t low, uint64_t high) noexcept
{
    const __m512i least = _mm512_set1_epi64((int64_t)low), width = _mm512_set1_epi64((int64_t)(high - low));
    uint32_t mask = 0;
    for (size_t v = 0; v < n; v += 8) {
        const __mmask8 first = n - v < 8 ? (__mmask8)((1u << (n - v)) - 1) : (__mmask8)0xFF;
        const __m512i above = _mm512_sub_epi64(_mm512_maskz_loadu_epi64(first, keys + v), least);
        mask |= (uint32_t)_mm512_mask_cmple_epu64_mask(first, above, width) << v;
    }
    return mask;
}

// The tail is read masked.
uint32_t bit_planes_dot(const uint8_t *code, const uint8_t *planes, size_t bytes, unsigned nplanes) noexcept
{
    using V = Integers;
    const size_t whole = bytes / 64 * 64;
    const V::Bytes last = V::load_first(code + whole, bytes - whole);
    const V::Quads sum = sum_planes<V>(code, planes, bytes, nplanes, [=](const uint8_t *plane) {
        return last & V::load_first(plane + whole, bytes - whole);
    });
    return (uint32_t)_mm512_reduce_add_epi64((__m512i)sum);
}

} // namespace

// In this file, because Lanes is.
void codeword_scores_vnni(const int8_t *x, size_t nx, const Codebook &book, const float *unit,
                          const float *error, float *score, float *least) noexcept
{
    codeword_scores<Lanes, byte_dots_vnni>(x, nx, book, unit, error, score, least);
}

constinit const Kernels kAvx512 = wide_table<Lanes, FastScan<Integers>>(
    "avx512f", bytescan_shuffled, bit_planes_dot, byte_dots<Bytes>, few_bit_dots<Bytes>, word_dots<Words>,
    codeword_scores<Lanes, byte_dots<Bytes>>, keys_within);

} // namespace vq::simd

#endif
