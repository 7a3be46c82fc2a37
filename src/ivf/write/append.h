// Adding one row to a group: its fine record, then its open row. What concurrent maintenance needs is in
// src/README.md, "Locks".
#pragma once

#include "ivf/store/directory.h"
#include "ivf/row/rows.h"

namespace vq::ivf {

// What a group has become by a row.
struct Appended
{
    uint32_t open_pages; // length of its open chain, if a page was added; else 0
    uint32_t tile_pages; // if a page was added
};

// Appends the row; logged.
// Locks: none on entry or exit. Inside: fine page -> directory page -> open page -> new page.
Appended append_row(Relation rel, Relation heap, const Index &index, const EncodedRow &row);

} // namespace vq::ivf
