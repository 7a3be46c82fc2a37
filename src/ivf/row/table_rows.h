// The rows of a table that its index should hold.
#pragma once

#include "ivf/store/index.h"

extern "C" {
#include "utils/snapshot.h"
}

namespace vq::ivf {

// False for a vector that has no place in the index: zero under cosine.
bool belongs_in_index(const Index &index, const float *x);

// A row as the index should hold it. All of it is gone after the visit, with everything that this leaves in the current memory context.
struct TableRow
{
    ItemPointerData tid; // of a HOT chain its root
    Datum vector;        // plain and not NULL: a column, or an expression's result
    const float *x;      // its floats
    const Datum *values; // of all columns of the index
    const bool *nulls;
};
using RowVisitor = void (*)(void *arg, const TableRow &row);

// Calls visit for every row that the snapshot sees, the index's predicate lets pass and that belongs in the index. Honours interrupts. Errors: DATA_EXCEPTION for a vector of other dimensions.
void visit_table_rows(Relation heap, Relation rel, const Index &index, Snapshot snapshot, RowVisitor visit,
                      void *arg);

// Draws up to `capacity` of these rows at random, as a snapshot of now sees them; the same seed draws the same rows while
// the table does not change. values: plain copies of what the index is about, in the current context; must be zero.
// Returns how many.
size_t draw_table_rows(Relation heap, Relation rel, const Index &index, uint64_t seed, size_t capacity,
                       Datum *values);

} // namespace vq::ivf
