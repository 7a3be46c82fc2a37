// How many of the true ten are among the best R by a code's own estimate, over all rows.
#pragma once

#include "encoded.h"

#include <array>

namespace vq::bench {

constexpr std::array<size_t, 4> kBest = {10, 20, 50, 100};
using Recall = std::array<double, kBest.size()>;

struct Recalls
{
    Recall plain;  // by the distance to c + r~
    Recall scaled; // by core/space.h: exact constant, the row's scale
};

// Through the tables: tiles, scan_tile, tile_bounds.
Recalls recall_by_tables(const VectorSet &set, const Lists &lists, const Encoded &e);

// The same with <q', r~> in float and an unrounded scale: what the tables and bfloat16 cost.
Recalls recall_in_float(const VectorSet &set, const Lists &lists, const Encoded &e);

} // namespace vq::bench
