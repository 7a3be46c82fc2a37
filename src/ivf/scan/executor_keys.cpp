#include "ivf/scan/executor_keys.h"

#include "ivf/row/opclass.h"
#include "ivf/scan/executor_filter.h"
#include "ivf/scan/executor_values.h"

extern "C" {
#include "access/relscan.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "rewrite/rewriteManip.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace vq::ivf {

namespace {

Node *plain(Node *node)
{
    while (node && IsA(node, RelabelType))
        node = (Node *)((RelabelType *)node)->arg;
    return node;
}

// A condition on one column, as a scan key would say it.
struct Condition
{
    Node *column;
    Node *array; // `column = ANY (array)`; null: a boolean column that is `value`
    Oid op;
    Oid collation;
    bool value;
};

bool read_array_condition(const ScalarArrayOpExpr *expr, Condition *c)
{
    if (!expr->useOr || contain_var_clause((Node *)lsecond(expr->args)))
        return false;
    *c = {plain((Node *)linitial(expr->args)), (Node *)lsecond(expr->args), expr->opno, expr->inputcollid,
          false};
    return true;
}

bool read_boolean_condition(Node *node, Condition *c)
{
    bool value = true;
    if (IsA(node, BooleanTest)) {
        const BooleanTest *test = (const BooleanTest *)node;
        if (test->booltesttype != IS_TRUE && test->booltesttype != IS_FALSE)
            return false;
        value = test->booltesttype == IS_TRUE;
        node = (Node *)test->arg;
    } else if (IsA(node, BoolExpr)) {
        if (((const BoolExpr *)node)->boolop != NOT_EXPR)
            return false;
        value = false;
        node = (Node *)linitial(((const BoolExpr *)node)->args);
    }
    if (exprType(node) != BOOLOID)
        return false;
    // Of a domain, the column stands behind a change of type.
    *c = {plain(node), nullptr, BooleanEqualOperator, InvalidOid, value};
    return true;
}

bool read_condition(Node *node, Condition *c)
{
    return IsA(node, ScalarArrayOpExpr) ? read_array_condition((const ScalarArrayOpExpr *)node, c)
                                        : read_boolean_condition(node, c);
}

bool fits_class(const Condition &c, Oid family, Oid collation)
{
    return op_in_opfamily(c.op, family) && (!OidIsValid(collation) || collation == c.collation);
}

// The columns of an index as the expressions of a plan name them.
struct Columns
{
    Relation rel;
    Index scanned; // the table's number in the plan
    List *expressions;

    bool is(uint32_t column, Node *node) const
    {
        const AttrNumber number = rel->rd_index->indkey.values[column];
        if (number != 0)
            return IsA(node, Var) && (Index)((const Var *)node)->varno == scanned &&
                   ((const Var *)node)->varattno == number && ((const Var *)node)->varlevelsup == 0;
        int before = 0;
        for (uint32_t c = 0; c < column; c++)
            before += rel->rd_index->indkey.values[c] == 0;
        return equal(plain((Node *)list_nth(expressions, before)), node);
    }
};

Columns columns_of(IndexScanDesc scan, const IndexScanState *node)
{
    Columns columns = {scan->indexRelation, ((const IndexScan *)node->ss.ps.plan)->scan.scanrelid, NIL};
    columns.expressions = RelationGetIndexExpressions(columns.rel);
    if (columns.scanned != 1)
        ChangeVarNodes((Node *)columns.expressions, 1, (int)columns.scanned, 0);
    return columns;
}

// False if it is on no filter column.
bool find_column(const Columns &columns, const Condition &c, uint32_t *column)
{
    const uint32_t all = (uint32_t)IndexRelationGetNumberOfKeyAttributes(columns.rel);
    for (*column = 1; *column < all; (*column)++)
        if (fits_class(c, columns.rel->rd_opfamily[*column], columns.rel->rd_indcollation[*column]) &&
            columns.is(*column, c.column))
            return true;
    return false;
}

ScanKeyData key_of(const Columns &columns, const Condition &c, uint32_t column, Datum argument, bool null)
{
    int strategy;
    Oid left, right;
    get_op_opfamily_properties(c.op, columns.rel->rd_opfamily[column], false, &strategy, &left, &right);
    const int flags = (c.array ? SK_SEARCHARRAY : 0) | (null ? SK_ISNULL : 0);
    ScanKeyData key;
    ScanKeyEntryInitialize(&key, flags, (AttrNumber)(column + 1), (StrategyNumber)strategy, right,
                           columns.rel->rd_indcollation[column], get_opcode(c.op), argument);
    return key;
}

// False if nothing is known of it.
bool make_key(const Columns &columns, const NodeValues &values, Node *node, ScanKeyData *key)
{
    Condition c;
    uint32_t column;
    if (!read_condition(node, &c) || !find_column(columns, c, &column))
        return false;
    Datum argument = BoolGetDatum(c.value);
    bool null = false;
    if (c.array) {
        if (!value_of_expression(values, c.array, &argument, &null))
            return false;
        argument = null ? argument : datumCopy(argument, false, -1);
    }
    *key = key_of(columns, c, column, argument, null);
    return true;
}

} // namespace

const ScanKeyData *scan_keys(IndexScanDesc scan, int *count)
{
    *count = scan->numberOfKeys;
    WatchedNode *watched = watched_node(scan);
    if (watched == nullptr || watched->node->ss.ps.plan->qual == NIL ||
        IndexRelationGetNumberOfKeyAttributes(scan->indexRelation) == 1)
        return scan->keyData;
    const List *conditions = watched->node->ss.ps.plan->qual;
    ScanKeyData *keys =
        (ScanKeyData *)palloc(((size_t)*count + (size_t)list_length(conditions)) * sizeof(ScanKeyData));
    if (*count > 0)
        memcpy(keys, scan->keyData, (size_t)*count * sizeof(ScanKeyData));
    const Columns columns = columns_of(scan, watched->node);
    NodeValues values = values_open(watched->node, &watched->compiled);
    ListCell *cell;
    foreach (cell, conditions)
        *count += make_key(columns, values, (Node *)lfirst(cell), keys + *count);
    values_close(&values);
    return keys;
}

List *executor_conditions(const IndexOptInfo *index)
{
    List *found = NIL;
    ListCell *cell;
    foreach (cell, index->indrestrictinfo) {
        RestrictInfo *restriction = (RestrictInfo *)lfirst(cell);
        Condition c;
        if (restriction->pseudoconstant || !read_condition((Node *)restriction->clause, &c))
            continue;
        for (int column = 1; column < index->nkeycolumns; column++)
            if (fits_class(c, index->opfamily[column], index->indexcollations[column]) &&
                match_index_to_operand(c.column, column, const_cast<IndexOptInfo *>(index))) {
                found = lappend(found, restriction);
                break;
            }
    }
    return found;
}

} // namespace vq::ivf
