// Reading extents: the tiles of a list, one after the other.
#pragma once

#include "core/tile.h"
#include "ivf/store/extent_keys.h"
#include "ivf/store/stream.h"
#include "ivf/store/tile_rows.h"

namespace vq::ivf {

// Where the row data of a tile begins, behind its codes.
inline uint32_t tile_rows_at(const Index &index)
{
    return (uint32_t)tile_code_bytes(index.shape.code_bytes);
}
inline uint32_t tile_bytes(const Index &index, uint32_t rows)
{
    return tile_rows_at(index) + RowData(rows, index.has_fine()).bytes();
}
// Those of them that ExtentHeader::crc is about, at the front: codes and factors, which never change.
inline uint32_t tile_checked_bytes(const Index &index, uint32_t rows)
{
    return tile_rows_at(index) + RowData(rows, index.has_fine()).tid_block();
}
// Row data of a tile that lies in memory as a whole.
inline TileRows tile_rows_of(const Index &index, const uint8_t *tile, uint32_t rows, const TileKeys &keys)
{
    return {RowData(rows, index.has_fine()), rows, tile + tile_rows_at(index), keys};
}

// All tiles of an extent of 1 to kExtentRows rows.
uint64_t tiles_bytes(const Index &index, uint32_t rows);

// Whether a header belongs to that list and has 1 to most_rows rows.
inline bool valid_extent(const ExtentHeader &header, uint32_t list, uint32_t most_rows)
{
    return header.magic == kExtentMagic && header.list == list && header.rows > 0 && header.rows <= most_rows;
}

// What a reader of keys keeps of an extent's head.
struct HeadCopy
{
    uint8_t *bytes;         // up to the last column wanted
    uint64_t *keys;         // of those wanted, an array each
    uint32_t first, behind; // columns wanted: from the first one on those before `behind`

    const BlockNumber *pages(const ExtentHead &head) const
    {
        return (const BlockNumber *)(bytes + head.pages_at());
    }
    // From the bytes to the keys.
    void read(const ExtentHead &head)
    {
        for (uint32_t c = first; c < behind; c++)
            read_keys(bytes, head, c, keys + (size_t)c * head.n);
    }
    // Of the rows from number `row` on; those of other columns are undefined.
    TileKeys tile_keys(const ExtentHead &head, uint32_t row) const
    {
        return {head.columns, head.n, keys + row};
    }
};

// Memory: in the current context.
HeadCopy new_head_copy(const Index &index, uint32_t first, uint32_t behind);
inline HeadCopy new_head_copy(const Index &index)
{
    return new_head_copy(index, 0, index.meta.filter_columns);
}
void free_head_copy(HeadCopy *copy);

// Reads a list, the newest extent first: either all tiles one after the other (tiles_next), or extent by extent, and of each the tiles
// that the keys of its rows lead to (extents_next, tiles_go_to). Row data stays valid until the next call.
struct TileReader
{
    const Index *index;
    UnitStream stream; // within the current extent
    uint32_t list;
    HeadCopy *copy;  // null: keys are passed over
    bool keeps_page; // at the end of a list
    // The current extent
    PagePlace begin;
    ExtentHead head;
    uint32_t copied;    // of the head, by the reader of keys
    uint32_t rows_left; // behind the current tile
    uint32_t
        budget; // rows that older extents may have in all; as each has some, their chain cannot run in circles
    BlockNumber next_block; // the next older extent; InvalidBlockNumber = none
    uint32_t next_offset;
    uint32_t rows;               // of the current tile
    uint8_t buffer[kMaxRowData]; // row data that crosses a page border
};

// entry: the list's, as its group's record had it. Reads nothing yet. copy: gets the wanted keys of each extent; may be null, and lives
// as long as the reader.
void tiles_open(TileReader *r, Relation rel, const Index *index, uint32_t list, const ListEntry &entry,
                HeadCopy *copy);
// Goes on with another list, and keeps the page at hand at the end of each: lists that lie side by side share one. The caller then calls tiles_close.
void tiles_go_on(TileReader *r, uint32_t list, const ListEntry &entry);

// Goes to the next tile and returns its row count; 0 when the list is done, with nothing locked then. The caller then takes the tile's
// codes, by one of the three functions below, and its row data, before it asks for the next tile.
uint32_t tiles_next(TileReader *r);

// With a copy, in an index with filter columns: goes to the next extent and returns its row count; 0 when the list is done, with nothing locked then. Else a page of the
// head is at hand, as long as it takes to look at the keys. What is known of them without reading them, by column:
uint32_t extents_next(TileReader *r);
inline KeySpan key_span(const TileReader &r, uint32_t column)
{
    return span_of(r.head, column);
}
// Reads those wanted of the current extent, once.
void extent_read_keys(TileReader *r);
// The keys of the rows of its tile number `tile`; how many rows it has.
inline TileKeys tile_keys(const TileReader &r, uint32_t tile)
{
    return r.copy->tile_keys(r.head, tile * simd::kTileRows);
}
inline uint32_t rows_of_tile(const TileReader &r, uint32_t tile)
{
    return Min(r.head.n - tile * simd::kTileRows, (uint32_t)simd::kTileRows);
}
// Goes to that tile, whose codes and row data the caller then takes.
void tiles_go_to(TileReader *r, uint32_t tile);

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

// The keys of the current tile's rows, where they were asked for.
inline TileKeys keys_at_hand(const TileReader &r)
{
    return r.copy ? tile_keys(r, (r.head.n - r.rows_left - r.rows) / simd::kTileRows) : TileKeys{};
}
inline TileRows tile_rows(TileReader *r)
{
    const RowData layout(r->rows, r->index->has_fine());
    return {layout, r->rows, stream_read(&r->stream, layout.bytes(), r->buffer), keys_at_hand(*r)};
}
// span: where the row data lies, for who changes it.
TileRows tile_rows_placed(TileReader *r, StreamSpan *span);

} // namespace vq::ivf
