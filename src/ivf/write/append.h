// Adding one row to a group: its fine record, then its open row. What concurrent maintenance needs is in
// src/README.md, "Locks".
#pragma once

#include "ivf/store/directory.h"
#include "ivf/row/rows.h"

namespace vq::ivf {

// Appends the row; logged. Returns the length of the group's open chain in pages if a page was added, else 0.
// Locks: none on entry or exit. Inside: fine page -> directory page -> open page -> new page.
uint32_t append_row(Relation rel, Relation heap, const Index &index, const EncodedRow &row);

} // namespace vq::ivf
