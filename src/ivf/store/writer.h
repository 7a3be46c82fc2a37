// Writing the pages of a group: a run of sealed rows (Tile pages), fine records (Fine pages) and open rows
// (Open pages), each a chain of new pages. Build, sealing and VACUUM's rewriting all write through here.
#pragma once

#include "ivf/store/directory.h"
#include "ivf/store/fine.h"
#include "ivf/store/sublists.h"

namespace vq::ivf {

// How new pages come into being.
struct PageSource
{
    Relation rel;
    Relation heap;
    bool build; // index build: pages are appended and not logged one by one; else recycled if possible and
                // logged
};

// A chain of pages of one kind, written front to back. One page is in memory, in a local copy; it goes out
// when the next one is known.
struct PageChain
{
    PageSource source;
    PageKind kind;
    BlockNumber first;
    BlockNumber block; // of the page in `copy`
    Buffer buf;        // pinned
    uint32_t pages;
    PGAlignedBlock copy;
};

void chain_begin(PageChain *chain, const PageSource &source, PageKind kind);
// Payload of a new page (zeroed) at the end of the chain; the page before goes out.
char *chain_extend(PageChain *chain);
inline char *chain_payload(PageChain *chain)
{
    return chain->copy.data + kPayloadStart;
}
// A byte stream over the chain's pages: *offset is what the last one's payload holds of it, kPayload at first. chain_reserve
// goes to a new page if that one is full, and says so; chain_append puts bytes, and tells a directory of sub-lists (may be
// null) of further pages.
struct SublistWriter;
bool chain_reserve(PageChain *chain, uint32_t *offset);
void chain_append(PageChain *chain, uint32_t *offset, const uint8_t *bytes, size_t n, SublistWriter *told);
// The last page goes out, linked to `next`. Nothing happens if the chain is empty.
void chain_end(PageChain *chain, BlockNumber next);

// Directories of the sub-lists of a run's lists, one record a list, as its rows go by.
struct SublistWriter
{
    const Index *index;
    PageChain chain;
    uint32_t offset; // used bytes of the chain's last page
    // The list at hand
    uint32_t rows;
    double scale_sum; // of the rows' factors
    SublistEntry *entries;
    uint32_t entry_count, entry_capacity;
    BlockNumber *pages; // of its extents
    uint32_t page_count, page_capacity;
    uint32_t first_offset;
    // Scratch
    uint8_t *stored_centre;
    float *centre;
    float *place;
};

struct RunWriter
{
    const Index *index;
    PageChain chain;
    uint32_t offset; // used bytes of the chain's last page
    uint32_t list;   // of the buffered rows
    uint32_t buffered;
    ListEntry *entries;  // the group's entries: block, offset and rows are updated as extents are written
    uint32_t first_list; // of the group
    StoredRow *rows;     // kExtentRows
    uint8_t *codes;      // their codes
    uint8_t *bytes;      // an extent being put together
    uint32_t rows_written;
    SublistWriter *sublists; // null: no directories
};

// entries: the group's list entries. New extents are linked in front of what an entry already names.
// sublists: where the lists' directories go, or null; rows of a list must then come by key, and no list may have had
// extents before. Memory: some kExtentRows rows, in the current context; freed by run_end.
void run_begin(RunWriter *writer, const Index *index, const PageSource &source, uint32_t group,
               ListEntry *entries, SublistWriter *sublists);
// Rows must come list by list.
void run_add(RunWriter *writer, uint32_t list, const StoredRow &row);
void run_end(RunWriter *writer, BlockNumber next);

// Returns the writer, for run_begin, or null where the index has no sub-lists: then the chain stays empty. Memory: scratch of
// three vectors and growing arrays, in the current context; freed by sublists_end.
SublistWriter *sublists_begin(SublistWriter *writer, const Index *index, const PageSource &source);
// From the run, list by list: a row; an extent begins on the run's page `block` at `offset`, goes on upon another one; the
// list is over (nothing happens if it has no rows).
void sublists_row(SublistWriter *writer, const StoredRow &row);
void sublists_extent(SublistWriter *writer, BlockNumber block, uint32_t offset);
void sublists_page(SublistWriter *writer, BlockNumber block);
void sublists_put(SublistWriter *writer, uint32_t list, ListEntry *entry);
void sublists_end(SublistWriter *writer);

struct FineWriter
{
    const Index *index;
    PageChain chain;
    uint32_t group;
    uint32_t slots; // used on the chain's last page
};

void fine_begin(FineWriter *writer, const Index *index, const PageSource &source, uint32_t group);
// An empty page at the chain's end; returns its payload.
char *fine_new_page(FineWriter *writer);
FineAddress fine_add(FineWriter *writer, const uint8_t *record);
void fine_end(FineWriter *writer, BlockNumber next);

struct OpenWriter
{
    const Index *index;
    PageChain chain;
    uint32_t group;
    uint32_t rows; // on the chain's last page
    char *row;     // scratch
};

void open_begin(OpenWriter *writer, const Index *index, const PageSource &source, uint32_t group);
void open_add(OpenWriter *writer, uint32_t list, const StoredRow &row);

// Lays a row out as Open pages hold it (open_row_bytes).
void format_open_row(const Index &index, uint32_t list, const StoredRow &row, char *out);
// Makes a page an empty Open page of a group.
void format_open_page(const Index &index, uint32_t group, uint32_t sequence, Page page);
// Appends a row laid out by format_open_row to a page with room. pd_lower follows the last row: full-page
// images leave the rest out.
void put_open_row(const Index &index, Page page, const char *row);

} // namespace vq::ivf
