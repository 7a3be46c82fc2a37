// Rows of the table as a scan's snapshot sees them, and their exact distances.
#pragma once

#include "ivf/row/exact.h"
#include "pg/toast.h"

extern "C" {
#include "access/relscan.h"
#include "access/tableam.h"
#include "executor/executor.h"
}

namespace vq::ivf {

// Fetches the indexed value of heap rows.
struct HeapReader
{
    Relation heap;
    Relation index;
    Snapshot snapshot;
    IndexFetchTableData *fetch;
    TupleTableSlot *slot;
    IndexInfo *info; // expressions are evaluated with `estate`
    EState *estate;
    AttrNumber column; // plain column, or 0 = expression
    MemoryContext row_memory;
    pg::ToastReader toast;
    simd::Element element;
    Size datum_bytes;   // of a plain vector
    BlockNumber blocks; // of the heap when the scan began
};

void heap_reader_open(HeapReader *reader, Relation heap, Relation index, Snapshot snapshot,
                      simd::Element element, uint32_t dims);
void heap_reader_close(HeapReader *reader);

// Errors: INDEX_CORRUPTED if the row id cannot be one of the table's.
void check_tid(HeapReader *reader, const ItemPointerData &tid);

// Distance of the row that `tid` leads to for this snapshot; false if it is not visible. Errors: INDEX_CORRUPTED
// for an impossible tid.
bool heap_distance(HeapReader *reader, const ExactQuery &query, const ItemPointerData &tid, double *distance);

// The same for the row in the reader's slot, however it came there; false if it has no place in the index.
bool row_distance(HeapReader *reader, const ExactQuery &query, double *distance);

// The numbers of the row that `tid` leads to: dims floats. False if it is not visible, or NULL. Errors: the same.
bool heap_vector(HeapReader *reader, const ItemPointerData &tid, uint32_t dims, float *x);

// Lets the executor know the distance of a row that is given out, if its vector lies out of line: it would read it once more.
void publish_distance(HeapReader *reader, const ExactQuery &query, const ItemPointerData &tid,
                      double distance);

// Which blocks of the TOAST table (reader->toast.table then) hold the row's vector: the first `most` of them to blocks; returns how many. 0 where
// it does not lie there, for an expression, and for an impossible tid.
int heap_vector_blocks(HeapReader *reader, const ItemPointerData &tid, BlockNumber *blocks, int most);

// Whether the snapshot sees the row. Errors: the same.
bool heap_visible(HeapReader *reader, const ItemPointerData &tid);

} // namespace vq::ivf
