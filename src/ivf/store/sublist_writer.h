// Writing the directories of the sub-lists of a run's lists (format.h), one record a list, as the run's rows go by.
#pragma once

#include "ivf/store/page_chain.h"
#include "ivf/store/sublists.h"

namespace vq::ivf {

struct SublistWriter
{
    const Index *index;
    PageChain chain;
    // The list at hand
    uint32_t rows;
    double scale_sum; // of the rows' factors
    SublistEntry *entries;
    uint32_t entry_count, entry_capacity;
    BlockNumber *pages; // of its extents
    uint32_t page_count, page_capacity;
    uint32_t first_offset; // of its first extent, on pages[0]
    uint64_t *tiles_at;    // of its extents, in an index with filter columns
    uint32_t extent_count, extent_capacity;
    // Scratch
    uint8_t *stored_centre;
    float *centre;
    float *place;
};

// Returns the writer, for run_begin, or null where the index has no sub-lists: then the chain stays empty. Memory: scratch of
// three vectors and growing arrays, in the current context; freed by sublists_end.
SublistWriter *sublists_begin(SublistWriter *writer, const Index *index, const PageSource &source);
// Bytes that the directory of one list takes at most: its rows, their bytes in the run, and how many sub-lists they may have.
uint64_t sublist_bytes(const Index &index, uint32_t rows, uint64_t run_bytes, uint32_t entries);
// What the run tells of a list: a row that it takes; an extent that begins on the run's page `block` at `offset`, and
// has so many bytes before its tiles; a further page that the extent goes on upon; and the list's end, which writes the directory unless the list has no rows.
void sublists_row(SublistWriter *writer, const StoredRow &row);
void sublists_extent(SublistWriter *writer, BlockNumber block, uint32_t offset, uint32_t head);
void sublists_page(SublistWriter *writer, BlockNumber block);
void sublists_put(SublistWriter *writer, uint32_t list, ListEntry *entry);
void sublists_end(SublistWriter *writer);

} // namespace vq::ivf
