// The rows that a scan will look at next lie all over the table: where they have to be read, the kernel is told of them ahead.
#pragma once

#include "ivf/scan/candidates.h"
#include "ivf/store/ahead.h"

namespace vq::ivf {

struct RowsAhead
{
    Ahead ahead;
    bool fine;          // the fine records of an index are looked at, instead of rows of the table
    BlockNumber blocks; // of the table, or the index
    uint32_t told;      // candidates before that place were told of
};

// rel: the table, or the index where fine records are looked at.
void rows_ahead_begin(RowsAhead *rows, Relation rel, bool fine);

// Before the first candidate is taken. There must be one.
void rows_ahead_tell(RowsAhead *rows, const Candidates &candidates);

} // namespace vq::ivf
