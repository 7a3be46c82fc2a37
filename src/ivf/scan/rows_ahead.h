// The rows that a scan will look at next lie all over the table: where they have to be read, the kernel is told of them ahead. So it is of their
// vectors in the TOAST table, which is known once a row was looked at; to find these the rows themselves are read.
#pragma once

#include "ivf/scan/candidates.h"
#include "ivf/row/heap_reader.h"
#include "ivf/store/ahead.h"

namespace vq::ivf {

struct RowsAhead
{
    Ahead ahead;
    bool fine;          // the fine records of an index are looked at, instead of rows of the table
    BlockNumber blocks; // of the table, or the index
    uint32_t first;     // candidate at hand; a smaller one is of another pass
    uint32_t told;      // candidates before that place were told of
    Ahead vectors;      // in the TOAST table of `heap`
    HeapReader *heap;   // null where rows are not looked at
    uint32_t vectors_told;
};

// index: its fine records are looked at if it has any, else rows by heap, which must be open and live as long.
void rows_ahead_begin(RowsAhead *rows, Relation index, bool fine, HeapReader *heap);

// Before the first candidate is taken. There must be one.
void rows_ahead_tell(RowsAhead *rows, const Candidates &candidates);

} // namespace vq::ivf
