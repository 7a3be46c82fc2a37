#include "ivf/scan/executor_limit.h"

#include "ivf/scan/executor_filter.h"
#include "ivf/scan/executor_values.h"

extern "C" {
#include "access/relscan.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

struct NodeOrder
{
    DistanceOrder order; // first: the functions get a pointer to it
    NodeValues values;
    const ScanKeyData *key; // null: nothing runs, and only what is known before is asked
    bool at_run_time;       // something was not known for that reason
};

bool knows_later(Node *node, void *context)
{
    if (node == nullptr)
        return false;
    if (IsA(node, Param))
        return ((const Param *)node)->paramkind == PARAM_EXEC;
    return compat_expression_walk(node, knows_later, context);
}

Known value_of(DistanceOrder *order, Node *expression, Datum *value)
{
    NodeOrder *o = (NodeOrder *)order;
    if (o->key == nullptr && knows_later(expression, nullptr)) {
        o->at_run_time |= !contain_volatile_functions(expression) && !contain_subplans(expression);
        return Known::No;
    }
    bool null;
    if (!value_of_expression(o->values, expression, value, &null))
        return Known::No;
    return null ? Known::Null : Known::Value;
}

Known is_query(DistanceOrder *order, Node *expression)
{
    NodeOrder *o = (NodeOrder *)order;
    Datum value;
    const Known known = value_of(order, expression, &value);
    if (known != Known::Value)
        return known;
    if (o->key == nullptr || (o->key->sk_flags & SK_ISNULL))
        return Known::No;
    const struct varlena *a = PG_DETOAST_DATUM(value), *b = PG_DETOAST_DATUM(o->key->sk_argument);
    return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0 ? Known::Value : Known::No;
}

NodeOrder node_order(IndexScanState *node, double least, const ScanKeyData *key, List **compiled)
{
    NodeOrder o = {};
    o.order.value = value_of;
    o.order.is_query = is_query;
    const IndexScan *plan = (const IndexScan *)node->ss.ps.plan;
    set_distance(&o.order, (const OpExpr *)linitial(plan->indexorderbyorig), least);
    o.values = values_open(node, compiled);
    o.key = key;
    return o;
}

DistanceLimit ask(NodeOrder *o)
{
    MemoryContext old = MemoryContextSwitchTo(o->values.context->ecxt_per_tuple_memory);
    const DistanceLimit limit = distance_limit(&o->order, o->values.node->ss.ps.plan->qual);
    MemoryContextSwitchTo(old);
    values_close(&o->values);
    return limit;
}

bool has_one_order(const IndexScanState *node)
{
    const List *order_by = ((const IndexScan *)node->ss.ps.plan)->indexorderbyorig;
    return list_length(order_by) == 1 && IsA(linitial(order_by), OpExpr) &&
           list_length(((const OpExpr *)linitial(order_by))->args) == 2;
}

} // namespace

DistanceLimit scan_limit(IndexScanDesc scan, double least)
{
    WatchedNode *watched = watched_node(scan);
    if (watched == nullptr || !watched->has_filter() || !has_one_order(watched->node))
        return {};
    NodeOrder o = node_order(watched->node, least, &scan->orderByData[0], &watched->compiled);
    return ask(&o);
}

LimitShown planned_limit(IndexScanState *node, double least, DistanceLimit *limit)
{
    if (!has_one_order(node) || node->ss.ps.plan->qual == NIL)
        return LimitShown::None;
    NodeOrder o = node_order(node, least, nullptr, nullptr);
    *limit = ask(&o);
    if (o.at_run_time)
        return LimitShown::AtRunTime;
    return is_limited(*limit) ? LimitShown::Value : LimitShown::None;
}

} // namespace vq::ivf
