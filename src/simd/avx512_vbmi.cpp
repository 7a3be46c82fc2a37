// What AVX512_VBMI and AVX512_VNNI add (Ice Lake and later, Zen 4 and later): look-ups in tables of 128 bytes, and dot
// products of four bytes.
#if defined(__x86_64__)

// GCC before 13 takes its own _mm512_undefined_* for uninitialised variables (PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "simd/levels.h"
#include "simd/nibble_lookup.h"
#include "simd/wide_bytes.h"

namespace vq::simd {

namespace {

// VPERMI2B takes seven bits of the index from two registers; bit 7 chooses between the halves of the table.
struct HalfTables
{
    __m256i operator()(const uint8_t *table, __m256i codes) const noexcept
    {
        const __m512i index = _mm512_castsi256_si512(codes);
        const __m512i low = _mm512_permutex2var_epi8(_mm512_loadu_si512(table), index,
                                                     _mm512_loadu_si512(table + 64)),
                      high = _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), index,
                                                      _mm512_loadu_si512(table + 192));
        return _mm256_mask_mov_epi8(_mm512_castsi512_si256(low), _mm256_movepi8_mask(codes),
                                    _mm512_castsi512_si256(high));
    }
};

// Twenty sums of 32 registers: a step of a row takes one VPDPBUSD a sum, whose four cycles need eight in flight.
struct Bytes
{
    using Codes = __m512i;
    using Four = __m512i;
    using Sum = __m512i;
    static constexpr size_t kLanes = 16, kSums = 20;
    static Codes load(const uint8_t *p) noexcept
    {
        Codes c = _mm512_loadu_si512(p);
        keep_loaded(c);
        return c;
    }
    static Codes load_numbers(const uint8_t *p) noexcept { return load(p); }
    template <unsigned kBits>
    static Codes numbers(Codes c, size_t group) noexcept
    {
        return _mm512_and_si512(_mm512_srli_epi32(c, (unsigned)(group * kBits)),
                                _mm512_set1_epi8((1 << kBits) - 1));
    }
    static Four spread(const int8_t *p) noexcept
    {
        int32_t four;
        __builtin_memcpy(&four, p, 4);
        return _mm512_set1_epi32(four);
    }
    static int32_t excess(const int8_t *x, size_t n) noexcept
    {
        const __m512i weight = _mm512_set1_epi8((char)128); // unsigned
        __m512i sum = _mm512_setzero_si512();
        for (; n > 64; n -= 64, x += 64)
            sum = _mm512_dpbusd_epi32(sum, weight, _mm512_loadu_si512(x));
        const __mmask64 rest = ~0ull >> (64 - n); // 1 to 64 bytes
        return _mm512_reduce_add_epi32(_mm512_dpbusd_epi32(sum, weight, _mm512_maskz_loadu_epi8(rest, x)));
    }
    static Sum start(int32_t s) noexcept { return _mm512_set1_epi32(s); }
    static Sum add(Sum s, Codes c, Four x) noexcept { return _mm512_dpbusd_epi32(s, c, x); }
    static void store(int32_t *out, Sum s) noexcept { _mm512_storeu_si512(out, s); }
};

// Two words where Bytes has four bytes: VPDPWSSD.
struct Words : Bytes
{
    static int32_t excess(const int8_t *, size_t) noexcept { return 0; }
    static Sum add(Sum s, Codes c, Four x) noexcept { return _mm512_dpwssd_epi32(s, c, x); }
};

} // namespace

void bytescan8_vbmi(const uint8_t *codes, const uint8_t *lut, size_t rows, uint32_t acc[kTileRows]) noexcept
{
    bytescan(codes, lut, rows, acc, HalfTables());
}

void byte_dots_vnni(const int8_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
                    size_t block_stride, size_t quads, int32_t *out, size_t out_stride) noexcept
{
    byte_dots<Bytes>(x, nx, x_stride, book, blocks, block_stride, quads, out, out_stride);
}

void few_bit_dots_vnni(const int8_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
                       size_t block_stride, unsigned bits, size_t quads, int32_t *out,
                       size_t out_stride) noexcept
{
    few_bit_dots<Bytes>(x, nx, x_stride, book, blocks, block_stride, bits, quads, out, out_stride);
}

void word_dots_vnni(const int16_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
                    size_t pairs, int32_t *out, size_t out_stride) noexcept
{
    word_dots<Words>(x, nx, x_stride, book, blocks, pairs, out, out_stride);
}

} // namespace vq::simd

#endif
