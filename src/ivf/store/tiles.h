// Reading extents: the tiles of a list, one after the other.
#pragma once

#include "core/tile.h"
#include "ivf/store/stream.h"
#include "ivf/store/tile_rows.h"

namespace vq::ivf {

// Where the codes of a tile of that many rows begin, behind its filter keys.
inline uint32_t tile_codes_at(const Index &index, uint32_t rows)
{
    return KeyData(index.meta.filter_columns, rows).bytes();
}
// And its row data, behind the codes.
inline uint32_t tile_rows_at(const Index &index, uint32_t rows)
{
    return tile_codes_at(index, rows) + (uint32_t)tile_code_bytes(index.shape.code_bytes);
}
inline uint32_t tile_bytes(const Index &index, uint32_t rows)
{
    return tile_rows_at(index, rows) + RowData(rows, index.has_fine()).bytes();
}
// Those of them that ExtentHeader::crc is about, at the front: keys, codes and factors, which never change.
inline uint32_t tile_checked_bytes(const Index &index, uint32_t rows)
{
    return tile_rows_at(index, rows) + RowData(rows, index.has_fine()).tid_block();
}
// Row data of a tile that lies in memory as a whole.
inline TileRows tile_rows_of(const Index &index, const uint8_t *tile, uint32_t rows)
{
    return {RowData(rows, index.has_fine()),
            rows,
            tile + tile_rows_at(index, rows),
            {KeyData(index.meta.filter_columns, rows), tile}};
}

// Whether a header belongs to that list and has 1 to most_rows rows.
inline bool valid_extent(const ExtentHeader &header, uint32_t list, uint32_t most_rows)
{
    return header.magic == kExtentMagic && header.list == list && header.rows > 0 && header.rows <= most_rows;
}

// What a reader of tiles wants of their filter keys.
enum class KeyUse : uint8_t
{
    None,
    Look, // before it takes the codes, which ends their life
    Keep  // until the next tile
};

// Hands out the tiles of a list one after the other, the newest extent first. Row data stays valid until the next call.
struct TileReader
{
    const Index *index;
    UnitStream stream; // within the current extent
    uint32_t list;
    uint32_t rows_left; // of the current extent, behind the current tile
    uint32_t
        budget; // rows that older extents may have in all; as each has some, their chain cannot run in circles
    BlockNumber next_block; // the next older extent; InvalidBlockNumber = none
    uint32_t next_offset;
    uint32_t rows;               // of the current tile
    uint8_t buffer[kMaxRowData]; // row data that crosses a page border
    KeyUse key_use;
    const uint8_t *keys;                               // of the current tile, as key_use says
    alignas(uint64_t) uint8_t key_buffer[kMaxKeyData]; // those that have to be copied

    TileKeys tile_keys() const { return {KeyData(index->meta.filter_columns, rows), keys}; }
};

// entry: the list's, as its group's record had it. Reads nothing yet.
void tiles_open(TileReader *r, Relation rel, const Index *index, uint32_t list, const ListEntry &entry,
                KeyUse keys);

// Goes to the next tile, past its filter keys, and returns its row count; 0 when the list is done, with nothing locked then. The
// caller then takes the tile's codes, by one of the three functions below, and its row data, before it asks for the next tile.
uint32_t tiles_next(TileReader *r);

// Lets go of the page at hand, for a caller that stops before the list is done.
void tiles_close(TileReader *r);

// Runs the codes of a tile, next in the stream, through the codec's kernel. state: the codec's prepared query. acc: kTileRows
// sums that are added to, 0 at first. Serves tiles of centroids, too.
inline void score_tile_codes(UnitStream *stream, const Index &index, const void *state, uint32_t *acc)
{
    const uint32_t code_rows = index.shape.code_bytes, together = index.shape.row_group * kUnit;
    uint8_t buffer[kMostRowGroup * kUnit];
    for (uint32_t row = 0, got; row < code_rows; row += got / kUnit) {
        const uint8_t *codes = stream_take_groups(stream, (code_rows - row) * kUnit, together, buffer, &got);
        index.codec->scan_tile(state, codes, row, got / kUnit, acc);
    }
}
// out: tile_code_bytes(code_bytes) bytes, laid out as in core/tile.h.
void tile_copy_codes(TileReader *r, uint8_t *out);
void tile_skip_codes(TileReader *r);
// Codes and row data: the caller wants nothing more of the tile.
void tile_skip(TileReader *r);

inline TileRows tile_rows(TileReader *r)
{
    const RowData layout(r->rows, r->index->has_fine());
    return {layout, r->rows, stream_read(&r->stream, layout.bytes(), r->buffer), r->tile_keys()};
}
// span: where the row data lies, for who changes it.
TileRows tile_rows_placed(TileReader *r, StreamSpan *span);

} // namespace vq::ivf
