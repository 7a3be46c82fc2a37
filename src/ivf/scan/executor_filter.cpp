#include "ivf/scan/executor_filter.h"

#include "ivf/scan/ordered_scan.h"
#include "ivf/scan/repeatable.h"

extern "C" {
#include "access/relscan.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "access/sysattr.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/rel.h"
}

namespace vq::ivf {

namespace {

ExecutorStart_hook_type next_hook;

// The nodes of running queries that scan an index of ours. Each lives in its query's memory and leaves the list with it, on
// whatever way.
struct Watched
{
    WatchedNode self;
    Watched *next;
    Watched **place; // the pointer that leads here
    MemoryContextCallback forget;
};
Watched *watched;

void forget(void *arg)
{
    Watched *w = (Watched *)arg;
    *w->place = w->next;
    if (w->next)
        w->next->place = w->place;
}

void watch(IndexScanState *node, LimitState *limit)
{
    MemoryContext memory = node->ss.ps.state->es_query_cxt;
    Watched *w = (Watched *)MemoryContextAllocZero(memory, sizeof(Watched));
    *w = {{node, limit, NIL}, watched, &watched, {}};
    w->forget.func = forget;
    w->forget.arg = w;
    if (watched)
        watched->place = &w->next;
    watched = w;
    MemoryContextRegisterResetCallback(memory, &w->forget);
}

IndexScanState *scan_of_ours(PlanState *state)
{
    if (state == nullptr || !IsA(state, IndexScanState))
        return nullptr;
    IndexScanState *node = (IndexScanState *)state;
    const Relation index = node->iss_RelationDesc; // null: EXPLAIN alone
    return index && index->rd_indam->amgettuple == get_tuple ? node : nullptr;
}

// Below a node that hands on every row.
PlanState *below_result(PlanState *state)
{
    const bool hands_on = state && IsA(state, ResultState) && state->qual == nullptr;
    return hands_on ? outerPlanState(state) : state;
}

// The first whose node is the one that is sought; null where there is none.
template <class Sought>
Watched *find_watched(Sought is_sought)
{
    Watched *w = watched;
    while (w && !is_sought(w->self.node))
        w = w->next;
    return w;
}

bool find_nodes(PlanState *state, void *arg)
{
    IndexScanState *node = scan_of_ours(state);
    if (node && state->qual && !find_watched([node](IndexScanState *other) { return other == node; }))
        watch(node, nullptr);
    if (IsA(state, LimitState)) {
        node = scan_of_ours(below_result(outerPlanState(state)));
        if (node)
            watch(node, (LimitState *)state);
    }
    return compat_planstate_walk(state, find_nodes, arg);
}

void start_executor(QueryDesc *query, int flags)
{
    if (next_hook)
        next_hook(query, flags);
    else
        standard_ExecutorStart(query, flags);
    if (query->planstate)
        find_nodes(query->planstate, nullptr);
}

// Those of the node's conditions that may be asked by themselves. Conditions of views and policies that hide rows from functions come
// first: behind one that is left out none may tell anybody what it sees.
List *repeatable_conditions(const List *qual)
{
    List *some = NIL;
    bool left_out = false;
    const ListCell *cell;
    foreach (cell, qual) {
        Node *condition = (Node *)lfirst(cell);
        if (contain_volatile_functions(condition) || contain_subplans(condition) ||
            (left_out && contain_leaked_vars(condition)))
            left_out = true;
        else
            some = lappend(some, condition);
    }
    return some;
}

} // namespace

WatchedNode *watched_node(IndexScanDesc scan)
{
    Watched *w = find_watched([scan](IndexScanState *node) { return node->iss_ScanDesc == scan; });
    return w ? &w->self : nullptr;
}

RowsTaken rows_taken(IndexScanDesc scan)
{
    const WatchedNode *watched = watched_node(scan);
    const LimitState *limit = watched ? watched->limit : nullptr;
    if (limit == nullptr || limit->noCount)
        return {};
    const double rows = (double)limit->offset + (double)limit->count;
    return {rows, watched->has_filter() ? 0 : rows};
}

ExecutorFilter filter_open(IndexScanDesc scan)
{
    const WatchedNode *watched = watched_node(scan);
    if (watched == nullptr || !watched->has_filter())
        return {};
    IndexScanState *node = watched->node;
    const PlanState &state = node->ss.ps;
    ExprContext *context = CreateExprContext(state.state);
    if (is_repeatable((Node *)state.plan->qual, state.state->es_plannedstmt))
        return {node, state.plan->qual, state.qual, context};
    // Without the node as its parent: nothing of it is compiled, or kept there.
    List *some = repeatable_conditions(state.plan->qual);
    return {node, some, ExecInitQual(some, nullptr), context};
}

void filter_close(ExecutorFilter *filter)
{
    if (filter->node)
        FreeExprContext(filter->context, true);
    *filter = {};
}

bool filter_passes(const ExecutorFilter &filter, TupleTableSlot *slot)
{
    if (filter.state == nullptr)
        return true;
    ResetExprContext(filter.context);
    filter.context->ecxt_scantuple = slot;
    return ExecQual(filter.state, filter.context);
}

static bool add_subplans(Node *node, void *sum)
{
    if (node == nullptr)
        return false;
    if (IsA(node, SubPlan)) { // as cost_qual_eval: with the expression before it
        *(double *)sum += ((const SubPlan *)node)->per_call_cost;
        return false;
    }
    return compat_expression_walk(node, add_subplans, sum);
}

FilterCost filter_cost(const ExecutorFilter &filter)
{
    QualCost cost;
    cost_qual_eval(&cost, filter.conditions, nullptr);
    double subplans = 0;
    add_subplans((Node *)filter.conditions, &subplans);
    const double rest = Max(cost.per_tuple - subplans, 0.0);
    return {cpu_operator_cost > 0 ? rest / cpu_operator_cost : 0, subplans};
}

static bool asks_for_null(Node *clause)
{
    return IsA(clause, NullTest) && IsA(((NullTest *)clause)->arg, Var);
}

bool filter_reads(const ExecutorFilter &filter, AttrNumber column)
{
    if (filter.conditions == NIL || column == 0)
        return false;
    const ::Scan *plan = (const ::Scan *)filter.node->ss.ps.plan;
    Bitmapset *columns = nullptr;
    ListCell *cell;
    foreach (cell, filter.conditions)
        if (!asks_for_null((Node *)lfirst(cell)))
            pull_varattnos((Node *)lfirst(cell), plan->scanrelid, &columns);
    const bool reads = bms_is_member(column - FirstLowInvalidHeapAttributeNumber, columns);
    bms_free(columns);
    return reads;
}

void filter_removed(const ExecutorFilter &filter)
{
    InstrCountFiltered1(filter.node, 1);
}

void init_executor_filter()
{
    next_hook = ExecutorStart_hook;
    ExecutorStart_hook = start_executor;
}

} // namespace vq::ivf
