// Writing open rows: a chain of new Open pages, and what an inserter does to one that is there. Reading: open_rows.h.
#pragma once

#include "ivf/store/page_chain.h"
#include "ivf/store/stored_row.h"

namespace vq::ivf {

struct OpenWriter
{
    const Index *index;
    PageChain chain; // its last page is still to be linked: chain_end
    uint32_t group;
    char *row; // scratch
};

// Memory: one row, in the current context.
void open_begin(OpenWriter *writer, const Index *index, const PageSource &source, uint32_t group);
void open_add(OpenWriter *writer, uint32_t list, const StoredRow &row);

// Pages that so many rows take.
inline uint32_t open_pages_of(const Index &index, uint32_t rows)
{
    return (rows + index.open_rows_per_page - 1) / index.open_rows_per_page;
}

// Lays a row out as Open pages hold it, in open_row_bytes bytes that are zero.
void format_open_row(const Index &index, uint32_t list, const StoredRow &row, char *out);

// Makes a page an empty Open page of a group, stamped. sequence: see open_rows.h.
void format_open_page(const Index &index, uint32_t group, uint32_t sequence, Page page);
// Its place in the chain, from 1.
uint32_t open_page_sequence(Page page);
// Whether an Open page is one of that group, the last of its chain, and takes one more row.
bool open_page_has_room(const Index &index, uint32_t group, Page page);
// Appends a row laid out by format_open_row to a page with room. Full-page images leave out what is free between pd_lower and pd_upper.
void open_page_add(const Index &index, Page page, const char *row);
// Takes rows out of a page, whose others move up; places: theirs on the page, ascending. Readers keep no place on a page that they
// have let go of.
void open_page_remove(const Index &index, Page page, const uint32_t *places, uint32_t count);
// The page takes no more rows. Opening it again changes nothing where it has a successor.
void open_page_close(Page page);
void open_page_reopen(Page page);

} // namespace vq::ivf
