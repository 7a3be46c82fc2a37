// One pass over a batch: the best rows by lower bound.
#pragma once

#include "ivf/scan/batch.h"
#include "ivf/scan/row_queue.h"
#include "ivf/scan/twins.h"

namespace vq::ivf {

// Adds the batch's rows that were not taken yet, and are no twins set aside, to the candidates, between candidates_open or
// candidates_reopen and candidates_finish.
void collect(Relation rel, const ScanQuery &query, const Batch &batch, const Twins &twins, Candidates *out,
             ScanStats *stats);

// Adds those of the batch's rows that are the twins set aside to the queue.
void collect_twins(Relation rel, const ScanQuery &query, const Batch &batch, const AsideTwins &aside,
                   RowQueue *out, ScanStats *stats);

} // namespace vq::ivf
