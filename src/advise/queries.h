// What the statistics of statements tell of a column.
#pragma once

#include "advise/column.h"

namespace vq::advise {

constexpr int kMostFilters = 7;

struct Filter
{
    AttrNumber column;
    double calls;
};

struct Queries
{
    bool known;   // pg_stat_statements could be read
    double calls; // of statements that order by a distance from the column
    double by_metric[4];
    double inserts; // calls of INSERT and COPY into the table
    int filters;
    Filter filter[kMostFilters]; // that an index can have, the most frequent first
};

Queries look_at_queries(Relation table, const Column &column);

} // namespace vq::advise
