#include "ivf/scan/repeatable.h"

extern "C" {
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
}

namespace vq::ivf {

namespace {

bool plan_is_repeatable(const Plan *plan, const PlannedStmt *statement);

bool plans_are_repeatable(const List *plans, const PlannedStmt *statement)
{
    const ListCell *cell;
    foreach (cell, plans)
        if (!plan_is_repeatable((const Plan *)lfirst(cell), statement))
            return false;
    return true;
}

// Of a subquery in an expression. Null: it is not there in a parallel worker.
bool subplan_is_repeatable(const SubPlan *subplan, const PlannedStmt *statement)
{
    const Plan *plan = (const Plan *)list_nth(statement->subplans, subplan->plan_id - 1);
    return plan && plan_is_repeatable(plan, statement);
}

// Walks an expression: true stops it.
bool find_unrepeatable(Node *node, void *statement)
{
    if (node == nullptr)
        return false;
    if (IsA(node, SubPlan) && !subplan_is_repeatable((const SubPlan *)node, (const PlannedStmt *)statement))
        return true;
    return compat_expression_walk(node, find_unrepeatable, statement);
}

template <class... Expressions>
bool are_repeatable(const PlannedStmt *statement, Expressions *...expressions)
{
    return (... && is_repeatable((Node *)expressions, statement));
}

// What a kind of node has beside target list, filter, and plans to its left and right; false for kinds that are not known.
bool rest_is_repeatable(const Plan *plan, const PlannedStmt *statement)
{
    switch (nodeTag(plan)) {
    case T_SeqScan:
    case T_Hash:
    case T_Material:
    case T_Sort:
    case T_Group:
    case T_Agg:
    case T_Unique:
        return true;
    case T_Result:
        return are_repeatable(statement, ((const Result *)plan)->resconstantqual);
    case T_IndexScan:
        return are_repeatable(statement, ((const IndexScan *)plan)->indexqualorig,
                              ((const IndexScan *)plan)->indexorderbyorig);
    case T_IndexOnlyScan:
        return are_repeatable(statement, ((const IndexOnlyScan *)plan)->indexqual,
                              ((const IndexOnlyScan *)plan)->indexorderby);
    case T_BitmapIndexScan:
        return are_repeatable(statement, ((const BitmapIndexScan *)plan)->indexqualorig);
    case T_BitmapHeapScan:
        return are_repeatable(statement, ((const BitmapHeapScan *)plan)->bitmapqualorig);
    case T_BitmapAnd:
        return plans_are_repeatable(((const BitmapAnd *)plan)->bitmapplans, statement);
    case T_BitmapOr:
        return plans_are_repeatable(((const BitmapOr *)plan)->bitmapplans, statement);
    case T_SubqueryScan:
        return plan_is_repeatable(((const SubqueryScan *)plan)->subplan, statement);
    case T_FunctionScan:
        return are_repeatable(statement, ((const FunctionScan *)plan)->functions);
    case T_ValuesScan:
        return are_repeatable(statement, ((const ValuesScan *)plan)->values_lists);
    case T_Append:
        return plans_are_repeatable(((const Append *)plan)->appendplans, statement);
    case T_MergeAppend:
        return plans_are_repeatable(((const MergeAppend *)plan)->mergeplans, statement);
    case T_NestLoop:
        return are_repeatable(statement, ((const NestLoop *)plan)->join.joinqual);
    case T_MergeJoin:
        return are_repeatable(statement, ((const MergeJoin *)plan)->join.joinqual,
                              ((const MergeJoin *)plan)->mergeclauses);
    case T_HashJoin:
        return are_repeatable(statement, ((const HashJoin *)plan)->join.joinqual,
                              ((const HashJoin *)plan)->hashclauses);
    case T_Limit:
        return are_repeatable(statement, ((const Limit *)plan)->limitOffset,
                              ((const Limit *)plan)->limitCount);
    default:
        return false;
    }
}

bool plan_is_repeatable(const Plan *plan, const PlannedStmt *statement)
{
    check_stack_depth();
    if (plan == nullptr)
        return true;
    if (!rest_is_repeatable(plan, statement) || !are_repeatable(statement, plan->targetlist, plan->qual) ||
        !plan_is_repeatable(plan->lefttree, statement) || !plan_is_repeatable(plan->righttree, statement))
        return false;
    const ListCell *cell;
    foreach (cell, plan->initPlan)
        if (!subplan_is_repeatable((const SubPlan *)lfirst(cell), statement))
            return false;
    return true;
}

} // namespace

bool is_repeatable(Node *expression, const PlannedStmt *statement)
{
    return !contain_volatile_functions(expression) &&
           !find_unrepeatable(expression, const_cast<PlannedStmt *>(statement));
}

} // namespace vq::ivf
