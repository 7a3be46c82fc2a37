// The rows that a scan will look at next lie all over the table: where they have to be read, the kernel is told of them ahead. So it is of their
// vectors in the TOAST table, which is known once a row was looked at; to find these the rows themselves are read.
#pragma once

#include "ivf/scan/candidates.h"
#include "ivf/row/heap_reader.h"
#include "ivf/store/ahead.h"

namespace vq::ivf {

struct RowsAhead
{
    HeapReader *heap;   // null: the fine records of an index are looked at, instead of rows of the table
    BlockNumber blocks; // of the table, or the index
    uint32_t first;     // candidate at hand; a smaller one is of another pass
    // Of rows or records, and of vectors in the TOAST table of `heap`: candidates before that place were told of.
    Ahead ahead, vectors;
    uint32_t told, vectors_told;
};

// heap: what rows are looked at with, which must be open and live as long; null where fine records of the index are looked at.
void rows_ahead_begin(RowsAhead *rows, Relation index, HeapReader *heap);

// Before the first candidate is taken. There must be one.
void rows_ahead_tell(RowsAhead *rows, const Candidates &candidates);

} // namespace vq::ivf
