// The rows of a table in its own order, for a scan that has to look at most of them.
#pragma once

#include "core/random.h"
#include "ivf/row/heap_reader.h"

namespace vq::ivf {

struct TableWalk
{
    HeapReader *reader; // its slot holds the row that was met last
    TableScanDesc scan; // null: nothing was read in the table's own order
    EState *estate;     // of the predicate; null: the index has none
    ExprState *predicate;
    BlockNumber block; // that `roots` is about
    OffsetNumber *roots;
};

// Whether rows of that table can be told the way the index knows them.
bool can_walk(Relation heap);

// Memory: in the current context, which must live as long as the walk.
void walk_begin(TableWalk *walk, HeapReader *reader);
void walk_end(TableWalk *walk);

// The next row that the reader's snapshot sees and the index's predicate lets pass. False at the end.
bool walk_next(TableWalk *walk);

// A row drawn by lot, in the reader's slot. False where the lot fell on none that the snapshot sees.
bool walk_draw(TableWalk *walk, Random *random);
// Whether the index's predicate lets the row in the reader's slot pass.
bool walk_predicate_holds(TableWalk *walk);

// Where the index says that the row is: the root of its HOT chain.
ItemPointerData walk_tid(TableWalk *walk);

} // namespace vq::ivf
