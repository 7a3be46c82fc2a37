// The rows that a generation under way still lacks, as the table has them: those that were inserted before it was named, since later
// ones went to both. They are found by their row ids, which the current generation has:
//
//   1. row ids of the current generation, group by group
//   2. row ids that inserters have put into the next one by then
//   3. the first without the second
//
// An inserter adds a row to the next one first, so a row of both that 1 has met is met by 2. Reading the table by snapshot instead
// would miss rows that only older snapshots see, and rows of transactions that are running; reading all of it would double rows that
// are in the table already, but not yet in the index.
#pragma once

#include "ivf/store/index.h"
#include "ivf/store/read_stream.h"

extern "C" {
#include "access/htup.h"
#include "nodes/execnodes.h"
#include "utils/tuplesort.h"
}

namespace vq::ivf {

struct RowIds // in order of the table
{
    Tuplesortstate *current;
    Tuplesortstate *added;
    int64 next;       // of `current` - `added`; -1 = none is left
    int64 next_added; // the same of `added` alone
};

struct OldRows
{
    Relation heap;
    Relation rel;
    RowIds ids;
    double count; // of ids in the current generation
    // Row ids of the blocks that are read ahead: one block's at a time is added
    int64 *queue;
    uint32_t first, queued, capacity;
    BlockStream stream;
    Buffer buf;           // pinned: the block at hand
    TransactionId oldest; // no snapshot is older
    TransactionId
        removed; // the latest xid that removed a row which was left out, as far as the table still shows it
    HeapTupleData tuple;
    TupleTableSlot *slot;
    IndexInfo *info;
    EState *estate;
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
};

// heap: one that can_walk. next: has been named, and its lists have no rows but inserters' open ones. memory: in kB, for row ids. strategy: VACUUM's, or null. Locks:
// each group's for as long as it is read. Memory: in the current context, where `rows` must stay. The caller has an active snapshot.
void old_rows_begin(OldRows *rows, Relation heap, Relation rel, const Index &current, const Index &next,
                    int memory, BufferAccessStrategy strategy);

// The next row that any snapshot may still see: rows->values and rows->nulls, plain, until the next call; of a HOT chain those of its last
// version, all have the same. Rows that are left out may still be seen on standbys: rows->removed. Honours interrupts and VACUUM's delay. False at the end.
bool old_rows_next(OldRows *rows, ItemPointerData *tid);

void old_rows_end(OldRows *rows);

} // namespace vq::ivf
