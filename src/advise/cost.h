// What an index would take.
#pragma once

#include "advise/column.h"
#include "advise/queries.h"
#include "ivf/build/planned.h"

namespace vq::advise {

struct Cost
{
    double bytes;
    double build_seconds; // about
    uint32_t lists, lists_wanted;
    double memory; // maintenance_work_mem that the build has use for, in bytes
};

// Of an index of the column, with that metric and those filter columns; column.dims > 0.
Cost expected_cost(const char *access_method, bool refine, const Column &column, Metric metric,
                   const Queries &queries, Relation table);

} // namespace vq::advise
