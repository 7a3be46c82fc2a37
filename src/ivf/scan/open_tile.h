// Rows that a scan meets on open pages, gathered to be scored as a tile is: 32 rows by FastScan take less time than three alone.
// They may be of any lists whose tables are the same.
#pragma once

#include "ivf/scan/batch.h"
#include "ivf/store/open_rows.h"

namespace vq::ivf {

struct OpenTile
{
    uint32_t rows;      // gathered so far
    const void *tables; // of the query, about the origin of their lists
    OpenRow row[simd::kTileRows];
    uint32_t slot[simd::kTileRows]; // of its list in the batch
    uint8_t *codes;                 // row-major, code_stride (open_tile.cpp) bytes apart
    uint8_t *packed;                // the same in the order of a tile
};

// What is known of the rows once they are scored.
struct OpenScores
{
    uint32_t acc[simd::kTileRows];
    float lower[simd::kTileRows];
    uint32_t below; // one bit for each row whose bound is less than the threshold
};

// Memory: in the current context, until open_tile_free.
void open_tile_begin(OpenTile *tile, const Index &index);
void open_tile_free(OpenTile *tile);

// Whether a row of that list can join those at hand. If not, they have to be scored first.
inline bool open_tile_takes(const OpenTile &tile, const ProbedList &list)
{
    return tile.rows == 0 || (tile.rows < simd::kTileRows && tile.tables == list.tables);
}
// row: on its page, of which nothing is needed afterwards.
void open_tile_add(OpenTile *tile, const Index &index, const OpenRow &row, const ProbedList &list,
                   uint32_t slot);

// Scores the rows at hand, at least one. epsilon: as in ScanQuery. They stay in the tile until the caller sets its `rows` to 0.
void open_tile_score(const OpenTile &tile, const Index &index, const Batch &batch, float epsilon,
                     float threshold, OpenScores *scores);

} // namespace vq::ivf
