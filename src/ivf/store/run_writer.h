// Writing a run: the sealed rows of a group's lists, list by list, as extents on a chain of Tile pages. Build, sealing and
// rewriting all write through here.
#pragma once

#include "ivf/store/sublist_writer.h"

namespace vq::ivf {

struct RunWriter
{
    const Index *index;
    PageChain chain;
    uint32_t list;       // of the buffered rows
    uint32_t buffered;   // rows of the extent that is being filled
    ListEntry *entries;  // of the group's lists: block, offset and rows are updated as extents are written
    uint32_t first_list; // of the group
    StoredRow *rows;     // buffered ones; room for kExtentRows
    uint8_t *codes;      // theirs
    uint8_t *bytes;      // an extent being put together
    SublistWriter *sublists; // null: no directories
};

// entries: the group's list entries. New extents are linked in front of what an entry already names.
// sublists: where the lists' directories go, or null; rows of a list must then come by key, and no list may have had
// extents before. Memory: some kExtentRows rows, in the current context; freed by run_end.
void run_begin(RunWriter *writer, const Index *index, const PageSource &source, uint32_t group,
               ListEntry *entries, SublistWriter *sublists);
// Rows must come list by list. What the row points to may be gone after the call.
void run_add(RunWriter *writer, uint32_t list, const StoredRow &row);
// Bytes that so many rows of one list take in a run; pages_of says how many pages all lists take together.
uint64_t run_bytes(const Index &index, uint32_t rows);

// next: the page that follows the run in the group's chain.
void run_end(RunWriter *writer, BlockNumber next);

} // namespace vq::ivf
