// Exact scores: of the table's own vectors, or of refine codes that lost nothing. The same functions as the
// operators', so that order by index is order by operator, to the last bit.
#pragma once

#include "ivf/store/index.h"
#include "pg/toast.h"

extern "C" {
#include "access/relscan.h"
#include "access/tableam.h"
#include "executor/executor.h"
}

namespace vq::ivf {

// A query as the distance functions want it. Scores: squared L2, negative inner product, or cosine distance -
// 1; all on the scale of the codec's bounds.
struct ExactQuery
{
    Metric metric;
    uint32_t dims;
    const float *vector;
    const uint16_t *half; // the same as stored where the column is a halfvec, else null
    double norm;          // of the vector
    bool unordered;       // NULL, or zero under cosine: every row has the same distance
};

// elements: the query as a datum of the column holds it; it must live as long as the result.
ExactQuery exact_query(Metric metric, simd::Element element, uint32_t dims, const void *elements);

double exact_score(const ExactQuery &query, const float *x);

// Of a row as its column stores it: halfs where the query has some. Equals exact_score of the same numbers as
// floats, to the last bit.
double stored_score(const ExactQuery &query, const void *elements);

// Lower bound of the score of a row whose decoded refine code is x, when ||row - x|| = error; error_share:
// how much of the error may lie along the query (1 = all: a certain bound).
double refined_bound(const ExactQuery &query, const float *x, double error, double error_share);

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

// Score of the row that `tid` leads to for this snapshot; false if it is not visible. Errors: INDEX_CORRUPTED
// for an impossible tid.
bool heap_score(HeapReader *reader, const ExactQuery &query, const ItemPointerData &tid, double *score);

} // namespace vq::ivf
