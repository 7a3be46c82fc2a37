// Sub-lists: rows of a list that share the first layers of their codes, so that a query can read a part of a list. Their
// directory (format.h) is made with the list's tiles and read whole.
#pragma once

#include "ivf/store/tiles.h"

namespace vq::ivf {

// A directory in memory. A view into palloc'd memory of the context it was read in.
struct Sublists
{
    SublistHeader header;
    const uint64_t *tiles_at; // of each extent; null in an index without filter columns
    const BlockNumber *pages;
    const SublistEntry *entries;

    uint32_t tiles() const { return (header.rows + simd::kTileRows - 1) / simd::kTileRows; }
};

// Of the record of a list of so many rows: its array of extents, and all of it.
inline size_t sublist_tiles_bytes(const Index &index, uint32_t rows)
{
    return index.meta.filter_columns > 0 ? (rows + kExtentRows - 1) / kExtentRows * sizeof(uint64_t) : 0;
}
inline size_t sublist_record_bytes(const Index &index, uint32_t rows, uint32_t pages, uint32_t entries)
{
    const size_t bytes = sizeof(SublistHeader) + sublist_tiles_bytes(index, rows) +
                         pages * sizeof(BlockNumber) + entries * sizeof(SublistEntry);
    return (bytes + kUnit - 1) / kUnit * kUnit;
}

// Checksum of a record with its own crc = 0.
uint32_t sublist_crc(const void *record, size_t bytes);

// Reads a list's directory; null if it has none. Errors: INDEX_CORRUPTED.
const Sublists *read_sublists(Relation rel, const Index &index, uint32_t list, const ListEntry &entry);

// A bound on the sub-lists that a list's sealed rows have. Errors: as above.
uint32_t most_sublists(Relation rel, const Index &index, const ListEntry &entry);

// The directory without its entries, which only a choice among the sub-lists needs; frees what read_sublists returned. In the
// current context.
const Sublists *without_entries(const Sublists *sublists);

// Checks a record that lies in memory, but for its checksum, and points into it. False if it is damaged.
bool open_sublists(const Index &index, const uint8_t *record, size_t bytes, uint32_t list, uint32_t most_rows,
                   Sublists *out);

// Bytes from the start of a list's first extent to tile number `tile`.
uint64_t sublist_tile_position(const Index &index, const Sublists &sublists, uint32_t tile);

// Starts at tile number `tile`: tiles_next gives `tiles` tiles (all of one extent), then ends. Without keys.
void tiles_open_at(TileReader *reader, Relation rel, const Index *index, const Sublists &sublists,
                   uint32_t tile, uint32_t tiles);

// Starts at extent number `extent`, for one call of extents_next.
void extents_open_at(TileReader *reader, Relation rel, const Index *index, const Sublists &sublists,
                     uint32_t extent, HeadCopy *copy);

} // namespace vq::ivf
