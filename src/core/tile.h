// A tile: the codes of 32 rows, interleaved for FastScan (simd/kernels.h).
//
// A row-major code is `code_bytes` bytes; byte b holds the 4-bit columns 2b (low nibble) and 2b + 1 (high
// nibble). For 1-bit codes that is dimensions 8b .. 8b + 7, dimension 8b in bit 0. Byte b of all 32 rows
// makes code row b of the tile:
//
//   tile + 32 b        column 2b                                column 2b + 1
//   byte        0        1     ...   15     |    16       17     ...   31
//   bits 0-3    row 0    row 1       row 15 |    row 0    row 1        row 15
//   bits 4-7    row 16   row 17      row 31 |    row 16   row 17       row 31
//
// So a 32-byte load with its low nibbles kept indexes the tables of two columns for rows 0..15 in row order,
// the high nibbles for rows 16..31. A tile may be cut between any two code rows, or between any two groups of
// CodecShape::row_group of them.
#pragma once

#include "simd/kernels.h"

#include <cstddef>
#include <cstdint>

namespace vq {

constexpr size_t tile_code_bytes(size_t code_rows)
{
    return simd::kTileRows * code_rows;
}

// Packs n (1..32) row-major codes, row_stride >= code_bytes bytes apart, into tile_code_bytes(code_bytes) bytes. Missing rows are zero.
// A stride of whole sixteens makes it faster.
void tile_pack(const uint8_t *rows, size_t row_stride, size_t n, size_t code_bytes, uint8_t *tile) noexcept;

// The inverse for row v: writes code_bytes bytes.
void tile_unpack(const uint8_t *tile, size_t v, size_t code_bytes, uint8_t *row) noexcept;

} // namespace vq
