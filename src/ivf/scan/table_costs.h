// What it costs to read a table, in microseconds, with the table in memory; only the ratios matter. Measured on 118,024 rows of 384
// dimensions, in 23,605 pages, and 60,000 of 784, out of line, in 442.
#pragma once

#include "ivf/row/vector_datum.h"
#include "ivf/store/index.h"

extern "C" {
#include "access/heaptoast.h"
}

namespace vq::ivf {

// In the order of the table: a page, a row, one unit of cpu_operator_cost of its filter, one of the planner's cost of a subquery there
// (looking a row up in an index costs 8 of these).
constexpr double kPageTime = 0.25, kRowTime = 0.015, kOperatorTime = 0.01, kSubplanTime = 0.2;
// A row that is kept beside its distance until its turn comes, in memory or in a file, and then given out.
constexpr double kKeptTime = 1;
// Out of order: a list, a code, a look at a fine record, what the executor does for a row given out.
constexpr double kListTime = 1, kCodeTime = 0.003, kFineLookTime = 1, kGivenOutTime = 0.3;

struct VectorTimes
{
    double in_order; // an exact distance, its row being at hand
    double look;     // a row out of order and its distance
};

constexpr VectorTimes kInlineTimes = {0.5, 2}, kOutOfLineTimes = {3, 5};

// Vectors lie in the table's pages, or out of line.
inline VectorTimes vector_times(const Index &index)
{
    const bool out_of_line =
        vector_datum_bytes(index.element(), index.meta.options.dims) > TOAST_TUPLE_THRESHOLD;
    return out_of_line ? kOutOfLineTimes : kInlineTimes;
}

// A pass over a table, without distances.
inline double pass_time(double pages, double rows)
{
    return kPageTime * pages + kRowTime * rows;
}

} // namespace vq::ivf
