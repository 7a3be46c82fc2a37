#include "core/tile.h"

#include <cstring>

namespace vq {

namespace {

// Sixteen bytes, which every x86-64 and ARM64 CPU holds in a register.
using Bytes = uint8_t __attribute__((vector_size(16)));

Bytes interleave_first(Bytes a, Bytes b) noexcept
{
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

Bytes interleave_last(Bytes a, Bytes b) noexcept
{
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

// Byte j of vector i becomes byte i of vector j. Interleaving the first eight vectors with the last eight turns the bits of (i, j), one
// after the other, by one place; after four times i and j have changed places.
void transpose(Bytes w[16]) noexcept
{
    for (int round = 0; round < 4; round++) {
        Bytes next[16];
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            next[2 * i] = interleave_first(w[i], w[i + 8]);
            next[2 * i + 1] = interleave_last(w[i], w[i + 8]);
        }
        std::memcpy(w, next, sizeof next);
    }
}

struct RowMajor
{
    const uint8_t *rows;
    size_t stride, n, code_bytes;

    // Bytes [b, b + 16) of row v, those behind the code undefined; zero if the row is missing.
    Bytes load(size_t v, size_t b) const noexcept
    {
        Bytes bytes = {};
        if (v >= n)
            return bytes;
        const uint8_t *from = rows + v * stride + b;
        if (b + sizeof bytes <= (v + 1 < n ? stride : code_bytes)) // the constant makes it one load
            std::memcpy(&bytes, from, sizeof bytes);
        else
            std::memcpy(&bytes, from, code_bytes - b);
        return bytes;
    }
};

} // namespace

// Sixteen rows with their partners 16 further on, sixteen bytes of each: the nibbles are paired, then a transposition gives the halves of
// sixteen code rows that are of one column each.
void tile_pack(const uint8_t *rows, size_t row_stride, size_t n, size_t code_bytes, uint8_t *tile) noexcept
{
    const RowMajor from = {rows, row_stride, n, code_bytes};
    for (size_t b = 0; b < code_bytes; b += 16) {
        Bytes even[16], odd[16];
        for (size_t v = 0; v < 16; v++) {
            const Bytes low = from.load(v, b), high = from.load(v + 16, b);
            even[v] = (low & 15) | high << 4;
            odd[v] = low >> 4 | (high & 240);
        }
        transpose(even);
        transpose(odd);
        for (size_t i = 0; i < 16 && b + i < code_bytes; i++) {
            std::memcpy(tile + 32 * (b + i), &even[i], 16);
            std::memcpy(tile + 32 * (b + i) + 16, &odd[i], 16);
        }
    }
}

void tile_unpack(const uint8_t *tile, size_t v, size_t code_bytes, uint8_t *row) noexcept
{
    const unsigned shift = v < 16 ? 0 : 4;
    const uint8_t *from = tile + v % 16;
    for (size_t b = 0; b < code_bytes; b++, from += 32)
        row[b] = (uint8_t)((from[0] >> shift & 15) | (from[16] >> shift & 15) << 4);
}

} // namespace vq
