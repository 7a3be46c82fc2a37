// One pass over a batch: the best rows by lower bound.
#pragma once

#include "ivf/scan/batch.h"

namespace vq::ivf {

// Adds the batch's rows that were not taken yet to the candidates, between candidates_open or candidates_reopen and
// candidates_finish.
void collect(Relation rel, const ScanQuery &query, const Batch &batch, Candidates *out, ScanStats *stats);

} // namespace vq::ivf
