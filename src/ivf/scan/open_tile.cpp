#include "ivf/scan/open_tile.h"

#include "core/tile.h"

namespace vq::ivf {

// Whole sixteens, which tile_pack is fast with.
static uint32_t code_stride(const Index &index)
{
    return (index.shape.code_bytes + 15) & ~15u;
}

void open_tile_begin(OpenTile *tile, const Index &index)
{
    tile->rows = 0;
    tile->codes = (uint8_t *)palloc0((size_t)simd::kTileRows * code_stride(index));
    tile->packed = (uint8_t *)palloc(tile_code_bytes(index.shape.code_bytes));
}

void open_tile_free(OpenTile *tile)
{
    pfree(tile->codes);
    pfree(tile->packed);
}

void open_tile_add(OpenTile *tile, const Index &index, const OpenRow &row, const ProbedList &list,
                   uint32_t slot)
{
    const uint32_t at = tile->rows++;
    tile->tables = list.tables;
    tile->row[at] = row;
    tile->slot[at] = slot;
    memcpy(tile->codes + (size_t)at * code_stride(index), open_row_code(row), index.shape.code_bytes);
}

void open_tile_score(const OpenTile &tile, const Index &index, const Batch &batch, float epsilon,
                     float threshold, OpenScores *scores)
{
    const uint32_t bytes = index.shape.code_bytes;
    tile_pack(tile.codes, code_stride(index), tile.rows, bytes, tile.packed);
    std::fill_n(scores->acc, simd::kTileRows, 0u);
    index.codec->scan_tile(tile.tables, tile.packed, 0, bytes, scores->acc);

    float add[simd::kTileRows], list_adds[simd::kTileRows], error_widths[simd::kTileRows];
    uint16_t scale[simd::kTileRows], err[simd::kTileRows];
    uint32_t without_bound = 0;
    for (uint32_t v = 0; v < tile.rows; v++) {
        const RowFactors &factors = tile.row[v].factors;
        const ProbedList &list = batch.lists[tile.slot[v]];
        add[v] = factors.add, scale[v] = factors.scale, err[v] = factors.err;
        list_adds[v] = list.add;
        error_widths[v] = epsilon * list.distance;
        without_bound |= (uint32_t)!fits_float(list) << v;
    }
    const QueryHead &head = *(const QueryHead *)tile.tables;
    scores->below = simd::kernels().tile_bounds({.acc = scores->acc,
                                                 .add = add,
                                                 .scale = scale,
                                                 .err = err,
                                                 .rows = tile.rows,
                                                 .mul = head.mul,
                                                 .offset = head.offset,
                                                 .threshold = threshold,
                                                 .list_adds = list_adds,
                                                 .error_widths = error_widths},
                                                scores->lower);
    scores->below |= without_bound;
    for (uint32_t v = 0; v < tile.rows; v++)
        if (without_bound >> v & 1)
            scores->lower[v] = kNoBound;
}

} // namespace vq::ivf
