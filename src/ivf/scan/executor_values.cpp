#include "ivf/scan/executor_values.h"

extern "C" {
#include "executor/executor.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

struct Compiled
{
    Node *expression;
    ExprState *state;
};

// Compiled once a node: with JIT that can take long, and it is kept to the end of the query.
ExprState *compiled(const NodeValues &v, Node *expression)
{
    ListCell *cell;
    if (v.compiled)
        foreach (cell, *v.compiled)
            if (((Compiled *)lfirst(cell))->expression == expression)
                return ((Compiled *)lfirst(cell))->state;
    MemoryContext old = MemoryContextSwitchTo(v.node->ss.ps.state->es_query_cxt);
    Compiled *c = (Compiled *)palloc(sizeof(Compiled));
    *c = {expression, ExecInitExpr((Expr *)expression, &v.node->ss.ps)};
    if (v.compiled)
        *v.compiled = lappend(*v.compiled, c);
    MemoryContextSwitchTo(old);
    return c->state;
}

} // namespace

NodeValues values_open(IndexScanState *node, List **compiled)
{
    return {node, compiled, CreateExprContext(node->ss.ps.state)};
}

void values_close(NodeValues *values)
{
    FreeExprContext(values->context, true);
}

bool value_of_expression(const NodeValues &v, Node *expression, Datum *value, bool *null)
{
    if (contain_volatile_functions(expression) || contain_subplans(expression))
        return false;
    *value = ExecEvalExprSwitchContext(compiled(v, expression), v.context, null);
    return true;
}

} // namespace vq::ivf
