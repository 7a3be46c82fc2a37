#include "ivf/store/tile_rows.h"

namespace vq::ivf {

void format_row_data(const StoredRow *rows, const RowData &layout, uint32_t n, uint8_t *out)
{
    float *add = (float *)out;
    uint16_t *scale = (uint16_t *)(out + layout.scale()), *err = (uint16_t *)(out + layout.err());
    uint32_t *tid_block = (uint32_t *)(out + layout.tid_block());
    uint16_t *tid_offset = (uint16_t *)(out + layout.tid_offset());
    for (uint32_t v = 0; v < n; v++) {
        add[v] = rows[v].factors.add;
        scale[v] = rows[v].factors.scale;
        err[v] = rows[v].factors.err;
        tid_block[v] = ItemPointerGetBlockNumberNoCheck(&rows[v].tid);
        tid_offset[v] = ItemPointerGetOffsetNumberNoCheck(&rows[v].tid);
    }
    if (!layout.fine)
        return;
    uint32_t *fine_block = (uint32_t *)(out + layout.fine_block());
    uint16_t *fine_slot = (uint16_t *)(out + layout.fine_slot());
    for (uint32_t v = 0; v < n; v++) {
        fine_block[v] = rows[v].fine.block();
        fine_slot[v] = rows[v].fine.slot;
    }
}

} // namespace vq::ivf
