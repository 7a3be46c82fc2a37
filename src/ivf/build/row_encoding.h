// Rows of a table on their way into a sort: encoded in batches, with their filter keys.
#pragma once

#include "ivf/build/build_phase.h"
#include "ivf/build/row_sort.h"
#include "ivf/row/filter_keys.h"

extern "C" {
#include "port/atomics.h"
}

namespace vq::ivf {

struct RowEncoding
{
    RowSort *sort;
    pg_atomic_uint64 *rows_done; // by all processes
    BuildProgress *progress;     // null in a worker: the leader reports for all
    uint32_t *rows_of_list;      // counts, or null
    RowEncoder encoder;
    KeyMaker keys;
    RowBatch batch;
    MemoryContext row_memory;
    double rows;         // encoded
    double distance_sum; // of their distances to their centroids
};

// Memory: in the current context, where `encoding` must stay.
void encoding_begin(RowEncoding *encoding, Relation rel, const Index *index, RowSort *sort);
// values, nulls: of all columns of the index. A row that has no place in the index is left out.
void encoding_add(RowEncoding *encoding, const ItemPointerData &tid, const Datum *values, const bool *nulls);
// Encodes what is left.
void encoding_end(RowEncoding *encoding);

} // namespace vq::ivf
