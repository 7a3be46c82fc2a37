#include "ivf/store/sublists.h"

#include "pg/checksum.h"

namespace vq::ivf {

uint32_t sublist_crc(const void *record, size_t bytes)
{
    SublistHeader header;
    memcpy(&header, record, sizeof header);
    header.crc = 0;
    const uint32_t of_header = pg::checksum(&header, sizeof header);
    return of_header ^ pg::checksum((const char *)record + sizeof header, bytes - sizeof header);
}

bool open_sublists(const Index &index, const uint8_t *record, size_t bytes, uint32_t list, uint32_t most_rows,
                   Sublists *out)
{
    memcpy(&out->header, record, sizeof out->header);
    const SublistHeader &h = out->header;
    if (h.magic != kSublistMagic || h.list != list || h.rows == 0 || h.rows > most_rows ||
        bytes != sublist_record_bytes(index, h.rows, h.pages, h.entries))
        return false;
    const uint8_t *behind = record + sizeof h;
    out->tiles_at = index.meta.filter_columns > 0 ? (const uint64_t *)behind : nullptr;
    out->pages = (const BlockNumber *)(behind + sublist_tiles_bytes(index, h.rows));
    out->entries = (const SublistEntry *)(out->pages + h.pages);
    uint64_t rows = 0;
    for (uint32_t i = 0; i < h.entries; i++)
        rows += out->entries[i].rows;
    return rows == h.rows;
}

// Opens the stream of a list's directory, and reads its header.
static SublistHeader begin_sublists(UnitStream *stream, Relation rel, const Index &index,
                                    const ListEntry &entry)
{
    stream_open(stream, rel, PageKind::Sublist, entry.sublists, entry.sublists_offset);
    SublistHeader header;
    uint32_t got;
    memcpy(&header, stream_take(stream, kUnit, &got), sizeof header);
    // As many pages as the rows take: what a damaged header says must not be allocated.
    const uint64_t most_pages =
        (uint64_t)entry.rows * (index.shape.code_bytes * kUnit + kMaxRowData + kMaxKeyData) / kPayload + 2;
    if (header.magic != kSublistMagic || header.entries > entry.rows || header.rows > entry.rows ||
        header.pages > most_pages) {
        stream_close(stream);
        report_corrupted(rel, entry.sublists, "damaged directory of sub-lists");
    }
    return header;
}

const Sublists *read_sublists(Relation rel, const Index &index, uint32_t list, const ListEntry &entry)
{
    if (entry.sublists == InvalidBlockNumber)
        return nullptr;
    UnitStream stream;
    const SublistHeader header = begin_sublists(&stream, rel, index, entry);
    const size_t bytes = sublist_record_bytes(index, header.rows, header.pages, header.entries);
    uint8_t *record = (uint8_t *)palloc_extended(bytes, MCXT_ALLOC_HUGE);
    memcpy(record, &header, sizeof header);
    stream_copy(&stream, bytes - kUnit, record + kUnit);
    stream_close(&stream);
    Sublists *sublists = (Sublists *)palloc(sizeof(Sublists));
    if (!open_sublists(index, record, bytes, list, entry.rows, sublists))
        report_corrupted(rel, entry.sublists, "damaged directory of sub-lists");
    return sublists;
}

uint32_t most_sublists(Relation rel, const Index &index, const ListEntry &entry)
{
    if (entry.sublists == InvalidBlockNumber)
        return entry.rows;
    UnitStream stream;
    const SublistHeader header = begin_sublists(&stream, rel, index, entry);
    stream_close(&stream);
    return header.entries + (entry.rows - Min(entry.rows, header.rows));
}

const Sublists *without_entries(const Sublists *sublists)
{
    const uint8_t *from =
        sublists->tiles_at ? (const uint8_t *)sublists->tiles_at : (const uint8_t *)sublists->pages;
    const size_t before = (size_t)((const uint8_t *)sublists->pages - from);
    const size_t bytes = before + sublists->header.pages * sizeof(BlockNumber);
    uint8_t *copy = (uint8_t *)palloc_extended(bytes, MCXT_ALLOC_HUGE);
    memcpy(copy, from, bytes);
    Sublists *out = (Sublists *)palloc(sizeof(Sublists));
    *out = {sublists->header, sublists->tiles_at ? (const uint64_t *)copy : nullptr,
            (const BlockNumber *)(copy + before), nullptr};
    pfree(const_cast<uint8_t *>(from) - sizeof(SublistHeader)); // the record
    pfree(const_cast<Sublists *>(sublists));
    return out;
}

// Of an extent of the list: where its tiles begin, from the first byte of the first extent on.
static uint64_t tiles_position(const Index &index, const Sublists &sublists, uint32_t extent)
{
    if (sublists.tiles_at)
        return sublists.tiles_at[extent];
    return extent * (sizeof(ExtentHeader) + tiles_bytes(index, kExtentRows)) + sizeof(ExtentHeader);
}

static uint64_t extent_position(const Index &index, const Sublists &sublists, uint32_t extent)
{
    return extent == 0 ? 0 : tiles_position(index, sublists, extent - 1) + tiles_bytes(index, kExtentRows);
}

uint64_t sublist_tile_position(const Index &index, const Sublists &sublists, uint32_t tile)
{
    return tiles_position(index, sublists, tile / kExtentTiles) +
           tile % kExtentTiles * (uint64_t)tile_bytes(index, simd::kTileRows);
}

// Where a byte of the list's extents lies.
static PagePlace place_of(Relation rel, const Sublists &sublists, uint64_t position)
{
    const uint64_t at = sublists.header.offset + position;
    if (page_of_position(at) >= sublists.header.pages)
        report_corrupted(rel, sublists.pages[0], "directory of sub-lists lacks pages");
    return {sublists.pages[page_of_position(at)], offset_of_position(at)};
}

void tiles_open_at(TileReader *r, Relation rel, const Index *index, const Sublists &sublists, uint32_t tile,
                   uint32_t tiles)
{
    const SublistHeader &h = sublists.header;
    const PagePlace at = place_of(rel, sublists, sublist_tile_position(*index, sublists, tile));
    tiles_open(r, rel, index, h.list, kEmptyList, nullptr);
    stream_open(&r->stream, rel, PageKind::Tile, at.block, at.offset);
    r->rows_left = Min(tiles * simd::kTileRows, h.rows - tile * simd::kTileRows);
}

void extents_open_at(TileReader *r, Relation rel, const Index *index, const Sublists &sublists,
                     uint32_t extent, HeadCopy *copy)
{
    const SublistHeader &h = sublists.header;
    const PagePlace at = place_of(rel, sublists, extent_position(*index, sublists, extent));
    const ListEntry entry = {at.block, (uint16_t)at.offset, 0, h.rows, 0, InvalidBlockNumber};
    tiles_open(r, rel, index, h.list, entry, copy);
}

} // namespace vq::ivf
