// Residual quantizer: sums of table entries, of tiles and of rows.
//
// Without weights, kernels look up a code row for all 32 rows of a tile and add up. With weights (rq_weights.h) each layer is
// looked up alone, and its entries are multiplied by the rows' weights, which stand behind its codes.
#include "core/rq_query.h"

#include <algorithm>

namespace vq {

using namespace rq;

namespace {

constexpr size_t kRows = simd::kTileRows;

// The four bits of each of the 32 rows in column 0 or 1 of a code row (diagram in core/tile.h).
void read_column(const uint8_t *code_row, size_t column, uint8_t out[kRows]) noexcept
{
    for (size_t v = 0; v < kRows / 2; v++) {
        out[v] = code_row[16 * column + v] & 15;
        out[kRows / 2 + v] = code_row[16 * column + v] >> 4;
    }
}

// Both columns: the byte of each row.
void read_bytes(const uint8_t *code_row, uint8_t out[kRows]) noexcept
{
    for (size_t v = 0; v < kRows / 2; v++) {
        const uint8_t low = code_row[v], high = code_row[16 + v];
        out[v] = (uint8_t)((low & 15) | high << 4);
        out[kRows / 2 + v] = (uint8_t)(low >> 4 | (high & 0xF0));
    }
}

// Fixed-point weights from two code rows of 16-bit ones.
void fixed_halves(const uint8_t *code_rows, int16_t out[kRows]) noexcept
{
    uint8_t low[kRows], high[kRows];
    read_bytes(code_rows, low);
    read_bytes(code_rows + kRows, high);
    uint16_t halves[kRows];
    for (size_t v = 0; v < kRows; v++)
        halves[v] = sound_half((uint16_t)(low[v] | high[v] << 8));
    for (size_t v = 0; v < kRows; v++)
        out[v] = fixed_half(halves[v]);
}

// Fixed-point weights of layer number `at` of a group of layers. weights: the group's code rows of weights.
void read_weights(uint32_t bits, const uint8_t *weights, size_t at, int16_t out[kRows]) noexcept
{
    if (bits == 16)
        return fixed_halves(weights + 2 * kRows * at, out);
    uint8_t stored[kRows];
    if (bits == 4)
        read_column(weights, at, stored);
    else
        read_bytes(weights + kRows * at, stored);
    const uint16_t *table = fixed_weights(bits);
    for (size_t v = 0; v < kRows; v++)
        out[v] = (int16_t)table[stored[v]];
}

// Weight times steps, plus kLayerBias. Both factors are of 16 bits, for which every CPU multiplies vectors.
uint32_t weighted(int16_t fixed, int16_t steps) noexcept
{
    return (uint32_t)((int32_t)fixed * steps) + kLayerBias;
}

void scan_weighted(const Query &q, const uint8_t *codes, size_t first, size_t rows,
                   uint32_t acc[kRows]) noexcept
{
    const RowGroup g = row_group(q.codewords, q.weight_bits);
    const auto &k = simd::kernels();
    const bool has_bytes = q.codewords > 16;
    for (size_t group = first / g.bytes; rows >= g.bytes; group++, rows -= g.bytes, codes += kRows * g.bytes)
        for (size_t at = 0, m = group * g.layers; at < g.layers && m < q.layers; at++, m++) {
            const uint8_t *table = tables_of(q) + m * q.stride;
            uint32_t entries[kRows] = {};
            if (has_bytes)
                k.bytescan8(codes + kRows * at, table, 1, entries);
            else
                k.fastscan8(codes, table, 1, entries);
            int16_t weights[kRows], steps[kRows];
            read_weights(q.weight_bits, codes + kRows * g.codes, at, weights);
            for (size_t v = 0; v < kRows; v++)
                steps[v] = (int16_t)((int16_t)entries[v] + q.shift[m]);
            for (size_t v = 0; v < kRows; v++)
                acc[v] += weighted(weights[v], steps[v]);
        }
}

uint32_t scan_weighted_row(const Query &q, const uint8_t *code) noexcept
{
    uint32_t sum = 0;
    for (size_t m = 0; m < q.layers; m++) {
        const WeightedLayer l = read_layer(q.codewords, q.weight_bits, code, m);
        const uint8_t *table = tables_of(q) + m * q.stride;
        const size_t own = q.codewords > 16 ? 0 : m % 2 * 16;
        sum += weighted((int16_t)fixed_weight(q.weight_bits, l.weight),
                        (int16_t)(table[own + l.codeword] + q.shift[m]));
    }
    return sum;
}

} // namespace

void ResidualQuantizer::scan_tile(const void *state, const uint8_t *codes, size_t first, size_t rows,
                                  uint32_t acc[simd::kTileRows]) noexcept
{
    const Query &q = *static_cast<const Query *>(state);
    const auto &k = simd::kernels();
    if (q.weight_bits != 0)
        scan_weighted(q, codes, first, rows, acc);
    else if (q.codewords > 16)
        k.bytescan8(codes, tables_of(q) + 256 * first, rows, acc);
    else
        k.fastscan8(codes, tables_of(q) + 32 * first, rows, acc);
}

uint32_t ResidualQuantizer::scan_row(const void *state, const uint8_t *code) noexcept
{
    const Query &q = *static_cast<const Query *>(state);
    if (q.weight_bits != 0)
        return scan_weighted_row(q, code);
    const uint8_t *table = tables_of(q);
    uint32_t sum = 0;
    for (size_t b = 0; b < q.bytes; b++)
        if (q.codewords > 16)
            sum += table[256 * b + code[b]];
        else
            sum += table[32 * b + (code[b] & 15)] + table[32 * b + 16 + (code[b] >> 4)];
    return sum;
}

} // namespace vq
