// Reading extents: the tiles of a list, one after the other.
#pragma once

#include "core/tile.h"
#include "ivf/store/stream.h"
#include "ivf/store/tile_rows.h"

namespace vq::ivf {

// Bytes of a tile of that many rows: its codes, then its row data.
inline uint32_t tile_bytes(const Index &index, uint32_t rows)
{
    return (uint32_t)tile_code_bytes(index.shape.code_bytes) + RowData(rows, index.has_fine()).bytes();
}
// Those of them that ExtentHeader::crc is about, at the front: codes and factors, which never change.
inline uint32_t tile_checked_bytes(const Index &index, uint32_t rows)
{
    return (uint32_t)tile_code_bytes(index.shape.code_bytes) + RowData(rows, index.has_fine()).tid_block();
}
// Row data of a tile that lies in memory as a whole.
inline TileRows tile_rows_of(const Index &index, const uint8_t *tile, uint32_t rows)
{
    return {RowData(rows, index.has_fine()), rows, tile + tile_code_bytes(index.shape.code_bytes)};
}

// Whether a header is one of that list, and says of itself what can be.
inline bool valid_extent(const ExtentHeader &header, uint32_t list, uint32_t most_rows)
{
    return header.magic == kExtentMagic && header.list == list && header.rows > 0 && header.rows <= most_rows;
}

// One tile after the other of a list; see ExtentHeader. Row data stays valid until the next call.
struct TileReader
{
    const Index *index;
    UnitStream stream;
    uint32_t list;
    uint32_t rows_left;     // of the extent
    uint32_t budget;        // rows that older extents may hold at most: no chain can run in circles
    BlockNumber next_block; // older extent
    uint32_t next_offset;
    uint32_t rows; // of the current tile
    uint8_t buffer[kMaxRowData];
};

// Starts at a list's newest extent.
void tiles_open(TileReader *r, Relation rel, const Index *index, uint32_t list, const ListEntry &entry);

// Goes to the next tile: its row count, 0 when the list is done (nothing is locked then). Afterwards its codes are to be
// scored, copied or skipped, then its row data is to be read.
uint32_t tiles_next(TileReader *r);

// Unlocks the page at hand, for a reader that is not to be asked until the list is done.
void tiles_close(TileReader *r);

// Adds up what the codec's kernel finds for the codes of the tile that comes next in the stream. state: the codec's prepared
// query. acc: kTileRows sums, 0 at first.
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

// Row data of the current tile; its codes must have been taken. span: where it lies.
TileRows tile_rows(TileReader *r);
TileRows tile_rows_placed(TileReader *r, StreamSpan *span);

} // namespace vq::ivf
