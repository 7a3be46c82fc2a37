// The rows of a table in its own order, for a scan that has to look at most of them.
#pragma once

#include "ivf/row/heap_reader.h"

namespace vq::ivf {

struct TableWalk
{
    HeapReader *reader; // its slot holds the row that was met last
    TableScanDesc scan;
    EState *estate; // of the predicate; null: the index has none
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

// Where the index says that the row is: the root of its HOT chain.
ItemPointerData walk_tid(TableWalk *walk);

} // namespace vq::ivf
