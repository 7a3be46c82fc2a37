#include "ivf/store/tiles.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

uint64_t tiles_bytes(const Index &index, uint32_t rows)
{
    const uint32_t rest = rows % simd::kTileRows;
    return rows / simd::kTileRows * (uint64_t)tile_bytes(index, simd::kTileRows) +
           (rest > 0 ? tile_bytes(index, rest) : 0);
}

HeadCopy new_head_copy(const Index &index, uint32_t first, uint32_t behind)
{
    const ExtentHead most =
        largest_head(index.meta.filter_columns, kExtentRows, tiles_bytes(index, kExtentRows));
    constexpr size_t kDamaged =
        4 * kUnit; // that a damaged head may have more, at most, before it is seen to be damaged
    return {(uint8_t *)palloc_extended(most.bytes + kDamaged, MCXT_ALLOC_HUGE),
            (uint64_t *)palloc(Max(most.columns, 1u) * kExtentRows * sizeof(uint64_t)), first, behind};
}

void free_head_copy(HeadCopy *copy)
{
    pfree(copy->bytes);
    pfree(copy->keys);
}

void tiles_open(TileReader *r, Relation rel, const Index *index, uint32_t list, const ListEntry &entry,
                HeadCopy *copy)
{
    r->index = index;
    r->stream = {rel, PageKind::Tile, InvalidBuffer, InvalidBlockNumber, 0, nullptr};
    r->copy = copy;
    tiles_go_on(r, list, entry);
    r->keeps_page = false;
}

void tiles_go_on(TileReader *r, uint32_t list, const ListEntry &entry)
{
    r->keeps_page = true;
    r->list = list;
    r->head = {};
    r->rows_left = 0;
    r->budget = entry.rows;
    r->rows = 0;
    r->next_block = entry.block;
    r->next_offset = entry.offset;
}

[[noreturn]] static void damaged_head(TileReader *r, BlockNumber block)
{
    stream_close(&r->stream);
    report_corrupted(r->stream.rel, block, "damaged extent header");
}

static void go_to(TileReader *r, BlockNumber block, uint32_t offset)
{
    if (r->stream.buf != InvalidBuffer && r->stream.block == block && valid_unit_offset(offset)) {
        r->stream.offset = offset;
        return;
    }
    stream_close(&r->stream);
    CHECK_FOR_INTERRUPTS();
    stream_open(&r->stream, r->stream.rel, PageKind::Tile, block, offset);
}

// Reads the header of an extent; the rest of its head comes next.
static void open_extent(TileReader *r, PagePlace place)
{
    go_to(r, place.block, place.offset);
    ExtentHeader header;
    uint32_t got;
    memcpy(&header, stream_take(&r->stream, kUnit, &got), sizeof header);
    if (!valid_extent(header, r->list, Min(r->budget, kExtentRows)) ||
        !open_head(header, r->index->meta.filter_columns, tiles_bytes(*r->index, header.rows), &r->head))
        damaged_head(r, place.block);
    r->begin = place;
    r->rows_left = header.rows;
    r->budget -= header.rows;
    r->next_block = header.next_block;
    r->next_offset = header.next_offset;
}

// Whole units of the head from byte `from`, where the stream is, up to at least `to`. Returns where it is then.
static uint32_t copy_units(TileReader *r, uint32_t from, uint32_t to)
{
    if (to <= from)
        return from;
    const uint32_t bytes = (to - from + kUnit - 1) / kUnit * kUnit;
    stream_copy(&r->stream, bytes, r->copy->bytes + from);
    return from + bytes;
}

// Takes of the head what comes before the keys.
static void copy_head(TileReader *r)
{
    r->copied = copy_units(r, sizeof(ExtentHeader), r->head.keys_at(0));
    if (!open_keys(r->copy->bytes, &r->head))
        damaged_head(r, r->begin.block);
}

// The stream is then somewhere in the head, or at its end if the last column is wanted.
void extent_read_keys(TileReader *r)
{
    const ExtentHead &head = r->head;
    const uint32_t keys = head.keys_at(r->copy->first) / kUnit * kUnit;
    if (keys > r->copied) {
        stream_skip(&r->stream, keys - r->copied);
        r->copied = keys;
    }
    r->copied = copy_units(r, r->copied, head.keys_at(r->copy->behind));
    r->copy->read(head);
}

// Of a byte of the current extent: its page as the extent's pages have it; 0 is the one it begins on.
static uint64_t position_in(const TileReader &r, uint64_t byte)
{
    return r.begin.offset + byte;
}

// From behind the header to the tiles, by what the head says of pages, rather than along the chain.
static void pass_head(TileReader *r)
{
    const ExtentHead &head = r->head;
    const uint64_t tiles = position_in(*r, head.bytes);
    if (page_of_position(tiles) == 0 || head.columns == 0) {
        stream_skip(&r->stream, head.bytes - sizeof(ExtentHeader));
        return;
    }
    const uint32_t at =
        head.pages_at() + (uint32_t)(page_of_position(tiles) - 1) * (uint32_t)sizeof(BlockNumber);
    stream_skip(&r->stream, at / kUnit * kUnit - sizeof(ExtentHeader));
    uint32_t got;
    BlockNumber block;
    memcpy(&block, stream_take(&r->stream, kUnit, &got) + at % kUnit, sizeof block);
    go_to(r, block, offset_of_position(tiles));
}

// Goes to the next extent, behind its header. False when the list is done.
static bool next_extent(TileReader *r)
{
    if (r->next_block == InvalidBlockNumber) {
        if (!r->keeps_page)
            tiles_close(r);
        return false;
    }
    open_extent(r, {r->next_block, r->next_offset});
    return true;
}

uint32_t tiles_next(TileReader *r)
{
    if (r->rows_left == 0) {
        if (!next_extent(r))
            return r->rows = 0;
        if (r->copy && r->head.columns > 0) {
            copy_head(r);
            extent_read_keys(r);
        } else
            pass_head(r);
    }
    r->rows = Min(r->rows_left, (uint32_t)simd::kTileRows);
    r->rows_left -= r->rows;
    return r->rows;
}

uint32_t extents_next(TileReader *r)
{
    if (!next_extent(r))
        return 0;
    copy_head(r);
    return r->head.n;
}

void tiles_go_to(TileReader *r, uint32_t tile)
{
    const ExtentHead &head = r->head;
    const uint64_t at = position_in(*r, head.bytes + tile * (uint64_t)tile_bytes(*r->index, simd::kTileRows));
    const uint64_t page = page_of_position(at);
    go_to(r, page == 0 ? r->begin.block : r->copy->pages(head)[page - 1], offset_of_position(at));
    r->rows = rows_of_tile(*r, tile);
    r->rows_left = r->head.n - tile * simd::kTileRows - r->rows;
}

void tiles_close(TileReader *r)
{
    stream_close(&r->stream);
}

void tile_copy_codes(TileReader *r, uint8_t *out)
{
    stream_copy(&r->stream, tile_code_bytes(r->index->shape.code_bytes), out);
}

void tile_skip_codes(TileReader *r)
{
    stream_skip(&r->stream, tile_code_bytes(r->index->shape.code_bytes));
}

TileRows tile_rows_placed(TileReader *r, StreamSpan *span)
{
    const RowData layout(r->rows, r->index->has_fine());
    return {layout, r->rows, stream_read_placed(&r->stream, layout.bytes(), r->buffer, span),
            keys_at_hand(*r)};
}

} // namespace vq::ivf
