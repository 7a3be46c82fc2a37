// Reading extents: the tiles of a list, one after the other.
#pragma once

#include "ivf/store/index.h"
#include "ivf/store/stream.h"

namespace vq::ivf {

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

// Goes to the next tile: its row count, 0 when the list is done (the stream is then closed). Afterwards the
// codes of the tile come from stream_take(&r->stream, ...) until code_bytes * kUnit bytes are taken, then its
// row data from tile_row_data.
uint32_t tiles_next(TileReader *r);

// Row data of the current tile, laid out by RowData(rows, has_fine).
const uint8_t *tile_row_data(TileReader *r);

} // namespace vq::ivf
