// The exact look at a candidate: at its fine record, then at its row of the table.
#pragma once

#include "ivf/scan/batch.h"
#include "ivf/row/heap_reader.h"
#include "ivf/scan/results.h"

namespace vq::ivf {

struct Reranker
{
    HeapReader heap;
    uint8_t *record;    // one fine record
    float *decoded;     // one decoded refine code
    double error_share; // see refined_bound
    double clamp_error; // a refine error above this means that values were clamped
    uint64_t looked_at; // candidates, for refine_k and reorder_k
};

// Memory: in the current context.
void reranker_open(Reranker *reranker, const Index &index, Relation heap, Relation rel, Snapshot snapshot);
void reranker_close(Reranker *reranker);

// Looks at the batch's best candidate. Its row goes to `results` with its exact distance, or, after a look at its fine record, the
// candidate goes back with a tighter bound. A row that the snapshot does not see is dropped.
void look_at(Relation rel, Reranker *reranker, const ScanQuery &query, Batch *batch, Results *results,
             ScanStats *stats);

} // namespace vq::ivf
