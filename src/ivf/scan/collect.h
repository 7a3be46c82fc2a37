// One pass over a batch: the best rows by lower bound.
#pragma once

#include "ivf/scan/batch.h"
#include "ivf/scan/candidates.h"

namespace vq::ivf {

// Fills `candidates` with the best `keep` rows of the batch, or more, that come after `after` (null: all). What they held
// before is freed. Memory: the current context.
void collect(Relation rel, const ScanQuery &query, const Batch &batch, uint32_t keep, const Candidate *after,
             Candidates *candidates, ScanStats *stats);

} // namespace vq::ivf
