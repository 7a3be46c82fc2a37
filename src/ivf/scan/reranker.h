// The exact look at a candidate: at its fine record, then at its row of the table.
#pragma once

#include "ivf/row/heap_reader.h"
#include "ivf/scan/batch.h"
#include "ivf/scan/results.h"
#include "ivf/scan/twins.h"

namespace vq::ivf {

struct Reranker
{
    HeapReader heap;
    RowQueue refined;   // rows whose fine record was looked at, by the lower bound of the score that it gave
    uint8_t *record;    // one fine record
    float *decoded;     // one decoded refine code
    RefineCell cell;    // of the code looked at last
    float *scratch;     // 2 x dims
    uint64_t looked_at; // candidates, for refine_k and reorder_k
    Twins twins;        // among the rows whose distances were looked at
};

// bytes: of memory for rows between their looks; what does not fit goes to the file. Memory of all functions: the context that
// is current, which must live as long as the reranker.
void reranker_open(Reranker *reranker, const Index &index, Relation heap, Relation rel, Snapshot snapshot,
                   SpillFile *spill, size_t bytes);
void reranker_close(Reranker *reranker);

// Looks at a candidate of the list. Its row goes to `results` with its exact distance, or, after a look at its fine record, to
// the refined ones. A row that the snapshot does not see is dropped.
void look_at(Relation rel, Reranker *reranker, const ScanQuery &query, const ProbedList &list,
             const Candidate &c, Results *results, ScanStats *stats);

// What the score of the twins met last is at least; twins_are_alike must have said so.
double score_of_twins(const Reranker &reranker, const ScanQuery &query);

// The same for the first of the refined ones; there must be one.
void look_at_refined(Reranker *reranker, const ScanQuery &query, Results *results, ScanStats *stats);

} // namespace vq::ivf
