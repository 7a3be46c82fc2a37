// Measures how queries of a kind differ from rows as queries: where the lists of their nearest rows lie (core/query_kind.h).
#pragma once

#include "core/query_kind.h"
#include "ivf/inspect/query_neighbours.h"

namespace vq::ivf {

// Rows that neighbours must be known for, at least.
constexpr uint32_t kLeastDepth = 10;

// Whether the index knows anything that queries of a kind could differ from: it does not if it was built on no or few rows.
bool can_measure_kind(const Index &index);

// Memory: leaves nothing behind.
QueryKind measure_kind(const Inspected &target, const Index &index, Snapshot snapshot,
                       const GivenQueries &queries, const QueryNeighbours &neighbours);

} // namespace vq::ivf
