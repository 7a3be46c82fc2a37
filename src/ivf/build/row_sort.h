// Encoded rows on their way to the pages: sorted by list, by sub-list where there are some, and by TID, so that the same
// rows give the same pages whoever encoded them in whatever order.
#pragma once

#include "ivf/row/rows.h"

extern "C" {
#include "executor/tuptable.h"
#include "utils/tuplesort.h"
}

namespace vq::ivf {

struct RowSort
{
    const Index *index;
    Tuplesortstate *sort;
    TupleTableSlot *slot;
    uint32_t payload_bytes; // of a row: factors, code, record, filter keys
    uint32_t key_bytes;     // of them the keys
    char *payload;          // a bytea, when rows go in
};

// memory: in kB. coordinate: of a parallel build, else null. Memory is the sort's own and the current context's.
void row_sort_begin(RowSort *sort, const Index *index, int memory, SortCoordinate coordinate);
void row_sort_add(RowSort *sort, const EncodedRow &row);
// No more rows: sorts them. A worker's are then the leader's to read.
void row_sort_perform(RowSort *sort);
// The next row; false at the end. Its pointers are valid until the next call.
bool row_sort_next(RowSort *sort, EncodedRow *row);
void row_sort_end(RowSort *sort);

} // namespace vq::ivf
