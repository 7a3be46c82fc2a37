#include "ivf/store/run_writer.h"

#include "ivf/store/tiles.h"

extern "C" {
#include "port/pg_crc32c.h"
}

namespace vq::ivf {

// At most.
static uint64_t extent_bytes(const Index &index, uint32_t rows)
{
    const uint64_t tiles = tiles_bytes(index, rows);
    return largest_head(index.meta.filter_columns, rows, tiles).bytes + tiles;
}

uint64_t run_bytes(const Index &index, uint32_t rows)
{
    const uint32_t rest = rows % kExtentRows;
    return rows / kExtentRows * extent_bytes(index, kExtentRows) + (rest > 0 ? extent_bytes(index, rest) : 0);
}

void run_begin(RunWriter *w, const Index *index, const PageSource &source, uint32_t group, ListEntry *entries,
               SublistWriter *sublists)
{
    w->index = index;
    chain_begin(&w->chain, source, PageKind::Tile);
    w->buffered = 0;
    w->entries = entries;
    w->list = w->first_list = group * index->meta.group_lists;
    w->sublists = sublists;
    w->rows = (StoredRow *)palloc(kExtentRows * sizeof(StoredRow));
    w->codes = (uint8_t *)palloc((size_t)kExtentRows * index->shape.code_bytes);
    w->bytes = (uint8_t *)palloc_extended(extent_bytes(*index, kExtentRows), MCXT_ALLOC_HUGE);
}

// The tiles of the buffered rows, from `out` on. Returns where they end; adds what never changes to the checksum.
static uint8_t *format_tiles(const RunWriter *w, uint8_t *out, pg_crc32c *crc)
{
    const Index &index = *w->index;
    const size_t code_bytes = index.shape.code_bytes;
    for (uint32_t first = 0; first < w->buffered; first += simd::kTileRows) {
        const uint32_t n = Min((uint32_t)simd::kTileRows, w->buffered - first);
        tile_pack(w->codes + first * code_bytes, code_bytes, n, code_bytes, out);
        format_row_data(w->rows + first, RowData(n, index.has_fine()), n, out + tile_rows_at(index));
        COMP_CRC32C(*crc, out, tile_checked_bytes(index, n));
        out += tile_bytes(index, n);
    }
    return out;
}

// The rest of the head, as if the extent began where the chain ends: it will.
static void format_head(RunWriter *w, const ExtentHead &head, uint64_t tiles)
{
    const uint32_t further = (uint32_t)page_of_position(w->chain.used + head.bytes + tiles - 1);
    Assert(further <= head.pages);
    chain_foresee(&w->chain, further, (BlockNumber *)(w->bytes + head.pages_at()));
    write_keys(w->rows, head, w->bytes);
}

// The extent of the buffered rows, in w->bytes. Returns its end.
static const uint8_t *format_extent(RunWriter *w, const ListEntry &entry)
{
    const uint64_t tiles = tiles_bytes(*w->index, w->buffered);
    const ExtentHead head = plan_head(w->index->meta.filter_columns, w->rows, w->buffered, tiles);
    memset(w->bytes, 0, head.bytes + tiles);
    ExtentHeader header = {kExtentMagic, w->list, w->buffered, entry.block, entry.offset, 0, 0, 0, 0};
    if (head.columns > 0) {
        format_head(w, head, tiles);
        header.head = head.bytes;
    }
    INIT_CRC32C(header.crc);
    COMP_CRC32C(header.crc, w->bytes + sizeof header, head.bytes - sizeof header);
    const uint8_t *end = format_tiles(w, w->bytes + head.bytes, &header.crc);
    FIN_CRC32C(header.crc);
    memcpy(w->bytes, &header, sizeof header);
    if (w->sublists)
        sublists_extent(w->sublists, w->chain.block, w->chain.used, head.bytes);
    return end;
}

// w->bytes up to `end` onto the chain's pages; the directory of sub-lists learns of each.
static void put_extent(RunWriter *w, const uint8_t *end)
{
    for (const uint8_t *p = w->bytes; p < end;) {
        const uint32_t pages = w->chain.pages;
        p += chain_put(&w->chain, p, (size_t)(end - p));
        if (w->sublists && w->chain.pages != pages)
            sublists_page(w->sublists, w->chain.block);
    }
}

static void flush_extent(RunWriter *w)
{
    if (w->buffered == 0)
        return;
    ListEntry *entry = &w->entries[w->list - w->first_list];
    chain_reserve(&w->chain);
    const uint8_t *end = format_extent(w, *entry);
    entry->block = w->chain.block;
    entry->offset = (uint16_t)w->chain.used;
    entry->rows += w->buffered;
    put_extent(w, end);
    w->buffered = 0;
}

static void end_list(RunWriter *w)
{
    flush_extent(w);
    if (w->sublists)
        sublists_put(w->sublists, w->list, &w->entries[w->list - w->first_list]);
}

void run_add(RunWriter *w, uint32_t list, const StoredRow &row)
{
    if (w->buffered > 0 && list != w->list)
        end_list(w);
    else if (w->buffered == kExtentRows)
        flush_extent(w);
    w->list = list;
    if (w->sublists)
        sublists_row(w->sublists, row);
    const size_t code_bytes = w->index->shape.code_bytes;
    memcpy(w->codes + w->buffered * code_bytes, row.code, code_bytes);
    w->rows[w->buffered++] = row;
}

void run_end(RunWriter *w, BlockNumber next)
{
    end_list(w);
    chain_end(&w->chain, next);
    pfree(w->rows);
    pfree(w->codes);
    pfree(w->bytes);
}

} // namespace vq::ivf
