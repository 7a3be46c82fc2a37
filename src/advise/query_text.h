// One statement as text, of pg_stat_statements: what it has to do with a column.
#pragma once

#include "advise/column.h"

extern "C" {
#include "nodes/pg_list.h"
}

namespace vq::advise {

// A condition that a query names beside its order.
struct Condition
{
    const char *column;
    int strategy; // ivf::FilterStrategy that its operator needs; 0: any
};

struct Statement
{
    bool orders; // by a distance from the column
    Metric metric;
    bool inserts;     // into the table
    List *conditions; // Condition *, of the query that orders
};

// Errors: whatever the parser raises.
Statement read_statement(const char *text, Relation table, const char *column);

} // namespace vq::advise
