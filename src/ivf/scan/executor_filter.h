// What the executor does with the rows of a scan: the filter of the plan node above. The index cannot use it to find rows. But a
// scan that has to look at the whole table (sweep.h) need not compare, sort and hand out rows that the executor will throw away.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/genam.h"
#include "nodes/execnodes.h"
}

namespace vq::ivf {

// A plan node of a running query that scans an index of ours.
struct WatchedNode
{
    IndexScanState *node;
    List *compiled; // expressions of its filter (executor_limit.cpp)
};

// The one that runs this scan; null where nobody knows it.
WatchedNode *watched_node(IndexScanDesc scan);

struct ExecutorFilter // zero: there is none that is known
{
    IndexScanState *node;
    ExprContext *context;
};

// Of the plan node that runs this scan. None where nobody knows the node, its filter is volatile (it must not run twice) or has
// subqueries. Memory: the query's; free with filter_close.
ExecutorFilter filter_open(IndexScanDesc scan);
void filter_close(ExecutorFilter *filter);

// Whether the executor will keep the row. slot: as the table's own slots.
bool filter_passes(const ExecutorFilter &filter, TupleTableSlot *slot);
// What it costs to ask it once, in units of cpu_operator_cost, as functions' COST says.
double filter_operators(const ExecutorFilter &filter);
// Whether it reads that column's value; IS [NOT] NULL does not. column 0 (an expression): no.
bool filter_reads(const ExecutorFilter &filter, AttrNumber column);
// Whether anybody counts rows that do not pass: EXPLAIN ANALYZE.
inline bool filter_counts(const ExecutorFilter &filter)
{
    return filter.node && filter.node->ss.ps.instrument;
}
// Counts one, as the executor does.
void filter_removed(const ExecutorFilter &filter);

// From _PG_init: the executor tells of the plans that it starts.
void init_executor_filter();

} // namespace vq::ivf
