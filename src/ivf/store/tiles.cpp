#include "ivf/store/tiles.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

static void open_extent(TileReader *r, BlockNumber block, uint32_t offset)
{
    stream_open(&r->stream, r->stream.rel, PageKind::Tile, block, offset);
    ExtentHeader header;
    uint32_t got;
    memcpy(&header, stream_take(&r->stream, kUnit, &got), sizeof header);
    if (!valid_extent(header, r->list, r->budget)) {
        stream_close(&r->stream);
        report_corrupted(r->stream.rel, block, "damaged extent header");
    }
    r->rows_left = header.rows;
    r->budget -= header.rows;
    r->next_block = header.next_block;
    r->next_offset = header.next_offset;
}

void tiles_open(TileReader *r, Relation rel, const Index *index, uint32_t list, const ListEntry &entry,
                KeyUse keys)
{
    r->key_use = keys;
    r->keys = r->key_buffer;
    r->index = index;
    r->stream = {rel, PageKind::Tile, InvalidBuffer, InvalidBlockNumber, 0, nullptr};
    r->list = list;
    r->rows_left = 0;
    r->budget = entry.rows;
    r->rows = 0;
    r->next_block = entry.block;
    r->next_offset = entry.offset;
}

static void take_keys(TileReader *r)
{
    const uint32_t bytes = tile_codes_at(*r->index, r->rows);
    if (r->key_use == KeyUse::Look)
        r->keys = stream_read(&r->stream, bytes, r->key_buffer);
    else if (r->key_use == KeyUse::Keep)
        stream_copy(&r->stream, bytes, r->key_buffer);
    else
        stream_skip(&r->stream, bytes);
}

uint32_t tiles_next(TileReader *r)
{
    if (r->rows_left == 0) {
        tiles_close(r);
        if (r->next_block == InvalidBlockNumber)
            return r->rows = 0;
        CHECK_FOR_INTERRUPTS();
        open_extent(r, r->next_block, r->next_offset);
    }
    r->rows = Min(r->rows_left, (uint32_t)simd::kTileRows);
    r->rows_left -= r->rows;
    if (r->index->meta.filter_columns > 0)
        take_keys(r);
    return r->rows;
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

void tile_skip(TileReader *r)
{
    stream_skip(&r->stream, tile_bytes(*r->index, r->rows) - tile_codes_at(*r->index, r->rows));
}

TileRows tile_rows_placed(TileReader *r, StreamSpan *span)
{
    const RowData layout(r->rows, r->index->has_fine());
    return {layout, r->rows, stream_read_placed(&r->stream, layout.bytes(), r->buffer, span), r->tile_keys()};
}

} // namespace vq::ivf
