#include "core/tile.h"

#include <cstring>
#include <initializer_list>

namespace vq {

namespace {

constexpr uint64_t kLowNibbles = 0x0F0F0F0F0F0F0F0F;

// Swaps the blocks of `bits` bits off the diagonal of rows a and b: one step of a transposition by recursive
// halving.
void swap_blocks(uint64_t &a, uint64_t &b, unsigned bits, uint64_t mask) noexcept
{
    uint64_t t = ((a >> bits) ^ b) & mask;
    a ^= t << bits;
    b ^= t;
}

// Byte j of word i becomes byte i of word j.
void transpose_bytes(uint64_t w[8]) noexcept
{
    for (int i = 0; i < 4; i++)
        swap_blocks(w[i], w[i + 4], 32, 0x00000000FFFFFFFF);
    for (int i : {0, 1, 4, 5})
        swap_blocks(w[i], w[i + 2], 16, 0x0000FFFF0000FFFF);
    for (int i : {0, 2, 4, 6})
        swap_blocks(w[i], w[i + 1], 8, 0x00FF00FF00FF00FF);
}

// Bytes [b, b + width) of row v, zero if the row is missing.
uint64_t row_word(const uint8_t *rows, size_t row_stride, size_t n, size_t v, size_t b, size_t width) noexcept
{
    uint64_t word = 0;
    if (v >= n)
        return word;
    const uint8_t *from = rows + v * row_stride + b;
    if (width == 8) // the constant makes it one load
        std::memcpy(&word, from, 8);
    else
        for (size_t i = 0; i < width; i++)
            word |= (uint64_t)from[i] << (8 * i);
    return word;
}

} // namespace

// Eight rows v..v+7 with their partners 16 further on, eight bytes of each: the nibbles are paired in 64-bit
// words, then an 8 x 8 byte transposition gives eight bytes of eight code rows, for either column.
void tile_pack(const uint8_t *rows, size_t row_stride, size_t n, size_t code_bytes, uint8_t *tile) noexcept
{
    for (size_t b = 0; b < code_bytes; b += 8) {
        const size_t width = code_bytes - b < 8 ? code_bytes - b : 8;
        for (size_t v = 0; v < 16; v += 8) {
            uint64_t even[8], odd[8];
            for (size_t i = 0; i < 8; i++) {
                uint64_t low = row_word(rows, row_stride, n, v + i, b, width);
                uint64_t high = row_word(rows, row_stride, n, v + i + 16, b, width);
                even[i] = (low & kLowNibbles) | (high & kLowNibbles) << 4;
                odd[i] = (low >> 4 & kLowNibbles) | (high & ~kLowNibbles);
            }
            transpose_bytes(even);
            transpose_bytes(odd);
            for (size_t i = 0; i < width; i++) {
                std::memcpy(tile + 32 * (b + i) + v, &even[i], 8);
                std::memcpy(tile + 32 * (b + i) + 16 + v, &odd[i], 8);
            }
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
