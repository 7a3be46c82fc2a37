// AVX2 with FMA and F16C (Haswell and later, Zen and later).
#if defined(__x86_64__)

#include "simd/levels.h"
#include "simd/wide_table.h"
#include "simd/x86_integers.h"

#include <immintrin.h>

namespace vq::simd {

namespace {

// The eight words from kMaskWords + 8 - n on: the first n have all bits set, the others none.
alignas(64) constexpr int32_t kMaskWords[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

struct Lanes : Batch<xsimd::fma3<xsimd::avx2>, 3>
{
    static __m256i first(size_t n) noexcept
    {
        return _mm256_loadu_si256((const __m256i *)(kMaskWords + 8 - n));
    }
    static F load_first(const float *p, size_t n) noexcept { return _mm256_maskload_ps(p, first(n)); }
    static void store_first(float *p, F v, size_t n) noexcept { _mm256_maskstore_ps(p, first(n), v); }
    static F fma(F a, F b, F c) noexcept { return _mm256_fmadd_ps(a, b, c); }
    // Halves, then neighbours. Not xsimd's own sum, whose name and order differ from version to version.
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
        const __m256 other = H < 4 ? _mm256_permute_ps(v, H == 1 ? 0xB1 : 0x4E) // within 128 bits
                                   : _mm256_permute2f128_ps(v, v, 1);
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
    static F from_bytes(const int8_t *p) noexcept
    {
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadu_si64(p)));
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
        // In each 128-bit lane are four bytes of a, b, c and d; now all those of a first, then of b, c, d.
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
    // Minima of the two halves, then of pairs, then of neighbours.
    static F spread_min(F v) noexcept
    {
        __m256 m = _mm256_min_ps(v, _mm256_permute2f128_ps(v, v, 1));
        m = _mm256_min_ps(m, _mm256_permute_ps(m, 0x4E));
        return _mm256_min_ps(m, _mm256_permute_ps(m, 0xB1));
    }
};

// The integer vectors of x86_integers.h. A code row fills one: its two columns lie in the two lanes.
struct Integers : Vectors<32>
{
    static Bytes shuffle(Bytes table, Bytes index) noexcept
    {
        return (Bytes)_mm256_shuffle_epi8((__m256i)table, (__m256i)index);
    }
    static __m256i pairs(Words a, Words b) noexcept { return _mm256_madd_epi16((__m256i)a, (__m256i)b); }
    static Quads sums(Bytes v) noexcept { return (Quads)_mm256_sad_epu8((__m256i)v, _mm256_setzero_si256()); }
    static Bytes every_lane(__m128i x) noexcept { return (Bytes)_mm256_broadcastsi128_si256(x); }
    static Bytes one_row(const void *p) noexcept { return load(p); }

    // Sixteen sums as 16-bit numbers in row order.
    static __m256i fold(Words all, Words odd) noexcept
    {
        const __m256i even = (__m256i)(all - (odd << 8));
        const __m256i a = _mm256_unpacklo_epi16(even, (__m256i)odd); // rows 0..7 of either column
        const __m256i b = _mm256_unpackhi_epi16(even, (__m256i)odd); // rows 8..15
        return _mm256_add_epi16(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
    }
    // acc[0..15] += words << shift
    static void add_words(__m256i words, size_t shift, uint32_t *acc) noexcept
    {
        const __m256i halves[2] = {_mm256_cvtepu16_epi32(_mm256_castsi256_si128(words)),
                                   _mm256_cvtepu16_epi32(_mm256_extracti128_si256(words, 1))};
        for (size_t i = 0; i < 2; i++) {
            __m256i *to = (__m256i *)(acc + 8 * i);
            _mm256_storeu_si256(
                to, _mm256_add_epi32(_mm256_loadu_si256(to), _mm256_slli_epi32(halves[i], (int)shift)));
        }
    }
    static void add(const Sums<Integers> &s, size_t shift, uint32_t *acc) noexcept
    {
        add_words(fold(s.all_low, s.odd_low), shift, acc);
        add_words(fold(s.all_high, s.odd_high), shift, acc + 16);
    }
};

using Bytes = PairedBytes<Integers, 4>;
using Words = PairedWords<Integers, 10>;

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

// Key - low is at most high - low, as unsigned numbers; AVX2 compares signed ones, which are in that order when the sign is turned round.
uint32_t keys_within(const uint64_t *keys, size_t n, uint64_t low, uint64_t high) noexcept
{
    const __m256i sign = _mm256_set1_epi64x(INT64_MIN), least = _mm256_set1_epi64x((int64_t)low),
                  width = _mm256_xor_si256(_mm256_set1_epi64x((int64_t)(high - low)), sign);
    auto beyond = [=](__m256i key) {
        const __m256i above = _mm256_xor_si256(_mm256_sub_epi64(key, least), sign);
        return (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(above, width)));
    };
    uint32_t outside = 0;
    size_t v = 0;
    for (; v + 4 <= n; v += 4)
        outside |= beyond(_mm256_loadu_si256((const __m256i *)(keys + v))) << v;
    if (v < n) {
        const __m256i first = _mm256_loadu_si256((const __m256i *)(kMaskWords + 8 - 2 * (n - v)));
        outside |= beyond(_mm256_maskload_epi64((const long long *)(keys + v), first)) << v;
    }
    return ~outside & (uint32_t)((1ull << n) - 1);
}

// The tail is read as the last 32 bytes, of which those counted before are masked off.
uint32_t bit_planes_dot(const uint8_t *code, const uint8_t *planes, size_t bytes, unsigned nplanes) noexcept
{
    using V = Integers;
    alignas(64) static constexpr uint8_t kLastBytes[64] = {
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
        0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    if (bytes < 32)
        return short_planes_dot(code, planes, bytes, nplanes);
    const V::Bytes last = V::load(code + bytes - 32) & V::load(kLastBytes + bytes % 32);
    const V::Quads sum = sum_planes<V>(code, planes, bytes, nplanes, [=](const uint8_t *plane) {
        return last & V::load(plane + bytes - 32);
    });
    return (uint32_t)(sum[0] + sum[1] + sum[2] + sum[3]);
}

} // namespace

constinit const Kernels kAvx2 = wide_table<Lanes, FastScan<Integers>>(
    "avx2", bytescan_shuffled, bit_planes_dot, byte_dots<Bytes>, few_bit_dots<Bytes>, word_dots<Words>,
    codeword_scores<Lanes, byte_dots<Bytes>>, keys_within);

} // namespace vq::simd

#endif
