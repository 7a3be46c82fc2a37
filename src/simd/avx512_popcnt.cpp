// What AVX512_VPOPCNTDQ adds (Ice Lake and later, Zen 4 and later): one instruction counts the bits of eight
// 64-bit lanes.
#if defined(__x86_64__)

// GCC before 13 takes its own _mm512_undefined_* for uninitialised variables (PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include "simd/levels.h"

#include <immintrin.h>

namespace vq::simd {

namespace {

// The last vector of a code may be short; the mask keeps the loads inside.
__m512i load(const uint8_t *p, __mmask64 mask) noexcept
{
    return _mm512_maskz_loadu_epi8(mask, p);
}

// The weighted counts of kVectors * 64 bytes, the last of them masked. The code stays in registers while the
// planes pass; planes go from the highest down, total = 2 * total + count, so that no plane needs a shift of
// its own.
template <size_t kVectors>
__attribute__((always_inline)) inline __m512i planes_of_block(const uint8_t *code, const uint8_t *planes,
                                                              size_t bytes, unsigned nplanes,
                                                              __mmask64 last) noexcept
{
    __m512i c[kVectors];
#pragma GCC unroll 4
    for (size_t i = 0; i + 1 < kVectors; i++)
        c[i] = _mm512_loadu_si512(code + 64 * i);
    c[kVectors - 1] = load(code + 64 * (kVectors - 1), last);
    __m512i total = _mm512_setzero_si512();
    const uint8_t *plane = planes + nplanes * bytes;
    for (unsigned p = 0; p < nplanes; p++) {
        plane -= bytes;
        __m512i tail = load(plane + 64 * (kVectors - 1), last);
        __m512i count = _mm512_popcnt_epi64(_mm512_and_si512(c[kVectors - 1], tail));
#pragma GCC unroll 4
        for (size_t i = 0; i + 1 < kVectors; i++)
            count = _mm512_add_epi64(
                count, _mm512_popcnt_epi64(_mm512_and_si512(c[i], _mm512_loadu_si512(plane + 64 * i))));
        total = _mm512_add_epi64(_mm512_add_epi64(total, total), count);
    }
    return total;
}

// The same of the last 0..256 bytes.
__m512i planes_of_rest(const uint8_t *code, const uint8_t *planes, size_t left, size_t bytes,
                       unsigned nplanes) noexcept
{
    const __mmask64 last = ~0ull >> (63 - (left + 63) % 64);
    switch ((left + 63) / 64) {
    case 1:
        return planes_of_block<1>(code, planes, bytes, nplanes, last);
    case 2:
        return planes_of_block<2>(code, planes, bytes, nplanes, last);
    case 3:
        return planes_of_block<3>(code, planes, bytes, nplanes, last);
    case 4:
        return planes_of_block<4>(code, planes, bytes, nplanes, last);
    }
    return _mm512_setzero_si512();
}

} // namespace

// Blocks of four vectors (2,048 dimensions of one bit): four registers of code, and four counts to overlap.
uint32_t bit_planes_dot_vpopcntdq(const uint8_t *code, const uint8_t *planes, size_t bytes,
                                  unsigned nplanes) noexcept
{
    __m512i sum = _mm512_setzero_si512();
    size_t at = 0;
    for (; bytes - at > 256; at += 256)
        sum = _mm512_add_epi64(sum, planes_of_block<4>(code + at, planes + at, bytes, nplanes, ~0ull));
    const __m512i rest = planes_of_rest(code + at, planes + at, bytes - at, bytes, nplanes);
    return (uint32_t)_mm512_reduce_add_epi64(_mm512_add_epi64(sum, rest));
}

} // namespace vq::simd

#endif
