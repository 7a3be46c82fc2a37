// The row data of one tile, in memory: the factors that the kernel takes as arrays, and of each row its id and fine address.
// The bytes are laid out by RowData (format.h).
#pragma once

#include "ivf/store/stored_row.h"

namespace vq::ivf {

// The filter keys of a tile's rows: those of a column lie side by side, `stride` keys behind those of the column before. A view.
struct TileKeys
{
    uint32_t columns; // 0: without keys
    uint32_t stride;
    const uint64_t *first;

    const uint64_t *of(uint32_t column) const { return first + (size_t)column * stride; }
    FilterKeys row(uint32_t v) const
    {
        FilterKeys keys;
        for (uint32_t c = 0; c < columns; c++)
            keys.key[c] = of(c)[v];
        return keys;
    }
};

// A view: the bytes belong to whoever read them.
struct TileRows
{
    RowData layout;
    uint32_t rows; // 1 to kTileRows
    const uint8_t *data;
    TileKeys keys;

    // Arrays of `rows` factors; scale and err are bfloat16.
    const float *add() const { return (const float *)data; }
    const uint16_t *scale() const { return halfs(layout.scale()); }
    const uint16_t *err() const { return halfs(layout.err()); }

    bool dead(uint32_t v) const { return halfs(layout.tid_offset())[v] == 0; }
    ItemPointerData tid(uint32_t v) const
    {
        ItemPointerData tid;
        ItemPointerSet(&tid, words(layout.tid_block())[v], halfs(layout.tid_offset())[v]);
        return tid;
    }
    RowFactors factors(uint32_t v) const { return {add()[v], scale()[v], err()[v]}; }
    // kNoFine in an index without fine records.
    FineAddress fine(uint32_t v) const
    {
        return layout.fine ? fine_address(words(layout.fine_block())[v], halfs(layout.fine_slot())[v])
                           : kNoFine;
    }
    StoredRow row(uint32_t v, const uint8_t *code) const
    {
        return {tid(v), factors(v), fine(v), code, keys.row(v)};
    }

    // Byte of the row data where the offset number of row v's id lies: 0 there makes it dead.
    uint32_t tid_offset_at(uint32_t v) const
    {
        return layout.tid_offset() + v * (uint32_t)sizeof(OffsetNumber);
    }

    const uint16_t *halfs(uint32_t at) const { return (const uint16_t *)(data + at); }
    const uint32_t *words(uint32_t at) const { return (const uint32_t *)(data + at); }
};

// Writes the row data of n rows; `out` must be zero.
void format_row_data(const StoredRow *rows, const RowData &layout, uint32_t n, uint8_t *out);

} // namespace vq::ivf
