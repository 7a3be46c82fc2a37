// What the executor does with the rows of a scan: the filter of the plan node above, and a LIMIT. The index cannot use it to find rows. But a
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
    LimitState *limit; // right above it; may be null
    List *compiled;    // expressions of its filter (executor_limit.cpp)

    bool has_filter() const { return node->ss.ps.qual != nullptr; }
};

// The one that runs this scan; null where nobody knows it.
WatchedNode *watched_node(IndexScanDesc scan);

// How many rows a LIMIT right above the scan takes, once it asks for the first one; 0 where there is none.
struct RowsTaken
{
    double least; // or until there are no more
    double most;  // 0 where nobody knows, because the node has a filter
};
RowsTaken rows_taken(IndexScanDesc scan);

struct ExecutorFilter // zero: there is none that may be asked
{
    IndexScanState *node;
    List *conditions; // all of the node's, or some
    ExprState *state; // of these
    ExprContext *context;
};

// Of the plan node that runs this scan; none where nobody knows the node. The executor asks the filter again about the rows that it is
// given, so volatile conditions are left to it (repeatable.h). Memory: the current context and the query's; free with filter_close.
ExecutorFilter filter_open(IndexScanDesc scan);
void filter_close(ExecutorFilter *filter);

// Whether the executor may keep the row: if not, it will not. slot: as the table's own slots.
bool filter_passes(const ExecutorFilter &filter, TupleTableSlot *slot);
// What it costs to ask it once.
struct FilterCost
{
    double operators; // in units of cpu_operator_cost, as functions' COST says
    double subplans;  // the planner's cost of its subqueries, which is that of pages above all
};
FilterCost filter_cost(const ExecutorFilter &filter);
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
