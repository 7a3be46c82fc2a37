// Look-ups in tables of 256 bytes by sixteen byte shuffles, for the x86 levels without VBMI.
#pragma once

#include "simd/kernels.h"

#include <immintrin.h>

namespace vq::simd {

namespace {

// Codes are fetched so many bytes ahead (a hint, which never faults, even behind the end). The CPU's own prefetch stops at
// 4 kB borders and short of what one core can draw: from memory 2 kB ahead gave half as much again, 1 kB a third, 4 kB
// little more than 2 kB, and what is fetched behind a run of tiles is lost.
constexpr size_t kAhead = 2048;

// The 32 codes of a code row in row order: nibbles of column 0 below those of column 1 (diagram in core/tile.h).
__attribute__((always_inline)) inline __m256i codes_of_row(const uint8_t *row) noexcept
{
    const __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)row)),
                  high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(row + 16)));
    const __m256i down = _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4),
                  up = _mm256_setr_epi32(4, 4, 4, 4, 0, 0, 0, 0);
    const __m256i nibble = _mm256_set1_epi8(15);
    return _mm256_or_si256(_mm256_and_si256(_mm256_srlv_epi32(low, down), nibble),
                           _mm256_andnot_si256(nibble, _mm256_sllv_epi32(high, up)));
}

// Entry codes[i] of the table, for each i. One shuffle for every sixteen entries: codes that belong to other entries get bit 7,
// for which a shuffle gives 0.
__attribute__((always_inline)) inline __m256i look_up_256(const uint8_t *table, __m256i codes) noexcept
{
    __m256i found = _mm256_setzero_si256();
#pragma GCC unroll 16
    for (int h = 0; h < 16; h++) {
        const __m256i part = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(table + 16 * h)));
        const __m256i index = _mm256_adds_epu8(_mm256_xor_si256(codes, _mm256_set1_epi8((char)(16 * h))),
                                               _mm256_set1_epi8(0x70));
        found = _mm256_or_si256(found, _mm256_shuffle_epi8(part, index));
    }
    return found;
}

// Adds the sums of 32 rows to acc. odd: the sums of odd rows as 16-bit numbers; all: those of even + 256 * odd rows, modulo
// 2^16.
__attribute__((always_inline)) inline void add_byte_sums(__m256i all, __m256i odd, uint32_t *acc) noexcept
{
    const __m256i even = _mm256_sub_epi16(all, _mm256_slli_epi16(odd, 8));
    const __m256i a = _mm256_unpacklo_epi16(even, odd), b = _mm256_unpackhi_epi16(even, odd);
    const __m128i eights[4] = {_mm256_castsi256_si128(a), _mm256_castsi256_si128(b),
                               _mm256_extracti128_si256(a, 1), _mm256_extracti128_si256(b, 1)};
    for (size_t i = 0; i < 4; i++) {
        __m256i *to = (__m256i *)(acc + 8 * i);
        _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), _mm256_cvtepu16_epi32(eights[i])));
    }
}

constexpr size_t kByteChunkRows = 256; // code rows whose entries, up to 255 each, 16 bits hold the sum of

// LookUp: (table of 256 bytes, 32 codes) -> 32 entries.
template <class LookUp>
__attribute__((always_inline)) inline void bytescan(const uint8_t *codes, const uint8_t *lut, size_t rows,
                                                    uint32_t acc[kTileRows], LookUp look_up) noexcept
{
    for (size_t start = 0; start < rows; start += kByteChunkRows) {
        const size_t end = rows - start < kByteChunkRows ? rows : start + kByteChunkRows;
        __m256i all = _mm256_setzero_si256(), odd = all;
        for (size_t r = start; r < end; r++) {
            _mm_prefetch((const char *)((uintptr_t)codes + 32 * r + kAhead), _MM_HINT_T0);
            const __m256i entries = look_up(lut + 256 * r, codes_of_row(codes + 32 * r));
            all = _mm256_add_epi16(all, entries);
            odd = _mm256_add_epi16(odd, _mm256_srli_epi16(entries, 8));
        }
        add_byte_sums(all, odd, acc);
    }
}

inline void bytescan_shuffled(const uint8_t *codes, const uint8_t *lut, size_t rows,
                              uint32_t acc[kTileRows]) noexcept
{
    bytescan(codes, lut, rows, acc,
             [](const uint8_t *table, __m256i row) noexcept { return look_up_256(table, row); });
}

} // namespace

} // namespace vq::simd
