// How many of the true nearest are among the best by a code's own estimate, over all rows.
#pragma once

#include "encoded.h"

namespace vq::bench {

// The true `nearest` (at most kNeighbours) among the `best`: what reranking that many finds.
struct Depth
{
    size_t nearest, best;
};

// "R" (the true ten, or all R where that is less), "K@R", or "K@P%" of the rows.
Depth depth_named(const std::string &name, size_t rows);

using Recall = std::vector<double>; // of each depth

struct Recalls
{
    Recall plain;  // by the distance to c + r~
    Recall scaled; // by core/space.h: exact constant, the row's scale
};

// Through the tables: tiles, scan_tile, tile_bounds.
Recalls recall_by_tables(const VectorSet &set, const Lists &lists, const Encoded &e,
                         const std::vector<Depth> &depths);

// The same with <q', r~> in float and an unrounded scale: what the tables and bfloat16 cost.
Recalls recall_in_float(const VectorSet &set, const Lists &lists, const Encoded &e,
                        const std::vector<Depth> &depths);

} // namespace vq::bench
