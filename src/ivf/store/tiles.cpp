#include "ivf/store/tiles.h"

#include "ivf/store/page.h"

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
    if (header.magic != kExtentMagic || header.list != r->list || header.rows == 0 ||
        header.rows > r->budget) {
        stream_close(&r->stream);
        report_corrupted(r->stream.rel, block, "damaged extent header");
    }
    r->rows_left = header.rows;
    r->budget -= header.rows;
    r->next_block = header.next_block;
    r->next_offset = header.next_offset;
}

void tiles_open(TileReader *r, Relation rel, const Index *index, uint32_t list, const ListEntry &entry)
{
    r->index = index;
    r->stream = {rel, PageKind::Tile, InvalidBuffer, InvalidBlockNumber, 0, nullptr};
    r->list = list;
    r->rows_left = 0;
    r->budget = entry.rows;
    r->rows = 0;
    r->next_block = entry.block;
    r->next_offset = entry.offset;
}

uint32_t tiles_next(TileReader *r)
{
    if (r->rows_left == 0) {
        stream_close(&r->stream);
        if (r->next_block == InvalidBlockNumber)
            return r->rows = 0;
        CHECK_FOR_INTERRUPTS();
        open_extent(r, r->next_block, r->next_offset);
    }
    r->rows = Min(r->rows_left, (uint32_t)simd::kTileRows);
    r->rows_left -= r->rows;
    return r->rows;
}

const uint8_t *tile_row_data(TileReader *r)
{
    return stream_read(&r->stream, RowData(r->rows, r->index->has_fine()).bytes(), r->buffer);
}

} // namespace vq::ivf
