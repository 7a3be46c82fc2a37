// The rows of a table that its index should hold.
#pragma once

#include "ivf/store/index.h"

extern "C" {
#include "utils/snapshot.h"
}

namespace vq::ivf {

// False for a vector that has no place in the index: zero under cosine.
bool belongs_in_index(const Index &index, const float *x);

// value: what the index is about (a column or an expression's result), plain and not NULL. x: its floats. Both are gone after the
// call, with everything that it leaves in the current memory context.
using RowVisitor = void (*)(void *arg, const ItemPointerData &tid, Datum value, const float *x);

// Calls visit for every row that the snapshot sees, the index's predicate lets pass and that belongs in the index; tid:
// of a HOT chain its root. Honours interrupts. Errors: DATA_EXCEPTION for a vector of other dimensions.
void visit_table_rows(Relation heap, Relation rel, const Index &index, Snapshot snapshot, RowVisitor visit,
                      void *arg);

// Draws up to `capacity` of these rows at random, as a snapshot of now sees them; the same seed draws the same rows while
// the table does not change. values: plain copies of what the index is about, in the current context; must be zero.
// Returns how many.
size_t draw_table_rows(Relation heap, Relation rel, const Index &index, uint64_t seed, size_t capacity,
                       Datum *values);

} // namespace vq::ivf
