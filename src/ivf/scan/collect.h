// One pass over a batch: the best rows by lower bound.
#pragma once

#include "ivf/scan/batch.h"

namespace vq::ivf {

// Fills the batch's candidates with its best `keep` rows, or more, that come after `after` (null: all). What they held before
// is freed. Memory: the current context.
void collect(Relation rel, const ScanQuery &query, Batch *batch, uint32_t keep, const Candidate *after,
             ScanStats *stats);

} // namespace vq::ivf
