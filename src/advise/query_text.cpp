#include "advise/query_text.h"

#include "ivf/row/opclass.h"

extern "C" {
#include "catalog/namespace.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "tcop/tcopprot.h"
#include "utils/lsyscache.h"
}

namespace vq::advise {

namespace {

struct Reader
{
    Relation table;
    const char *column;
    Statement found;
    const char *alias; // of the table in the query that is looked at
};

// Parameters became of constants, also where the grammar has none, as in interval '1 day'; a string can stand in both places.
char *without_parameters(const char *text)
{
    StringInfoData out;
    initStringInfo(&out);
    for (const char *p = text; *p; p++) {
        if (*p != '$' || !isdigit((unsigned char)p[1])) {
            appendStringInfoChar(&out, *p);
            continue;
        }
        appendStringInfoString(&out, "'0'");
        while (isdigit((unsigned char)p[1]))
            p++;
    }
    return out.data;
}

bool is_table(const Reader &r, const RangeVar *name)
{
    if (strcmp(name->relname, RelationGetRelationName(r.table)) != 0)
        return false;
    return name->schemaname == nullptr ||
           strcmp(name->schemaname, get_namespace_name(RelationGetNamespace(r.table))) == 0;
}

// What the table is called in a FROM clause; null if it is not there.
const char *alias_in(const Reader &r, Node *from)
{
    if (from == nullptr)
        return nullptr;
    if (IsA(from, JoinExpr)) {
        const char *left = alias_in(r, ((JoinExpr *)from)->larg);
        return left ? left : alias_in(r, ((JoinExpr *)from)->rarg);
    }
    if (!IsA(from, RangeVar) || !is_table(r, (RangeVar *)from))
        return nullptr;
    const RangeVar *name = (RangeVar *)from;
    return name->alias ? name->alias->aliasname : name->relname;
}

const char *alias_in_list(const Reader &r, List *from)
{
    ListCell *lc;
    foreach (lc, from)
        if (const char *alias = alias_in(r, (Node *)lfirst(lc)))
            return alias;
    return nullptr;
}

Node *without_casts(Node *node)
{
    while (node && (IsA(node, TypeCast) || IsA(node, CollateClause)))
        node = IsA(node, TypeCast) ? ((TypeCast *)node)->arg : ((CollateClause *)node)->arg;
    return node;
}

// The name of a column of the table; null for anything else.
const char *column_of(const Reader &r, Node *node)
{
    node = without_casts(node);
    if (node == nullptr || !IsA(node, ColumnRef))
        return nullptr;
    List *fields = ((ColumnRef *)node)->fields;
    Node *last = (Node *)llast(fields);
    if (!IsA(last, String) || list_length(fields) > 2)
        return nullptr;
    if (list_length(fields) == 2 && strcmp(strVal(linitial(fields)), r.alias) != 0)
        return nullptr;
    return strVal(last);
}

bool is_column_ref(Node *node)
{
    node = without_casts(node);
    return node && IsA(node, ColumnRef);
}

const char *operator_of(const A_Expr *e)
{
    return strVal(llast(e->name));
}

// --- order

// What an output column of that name is.
Node *output_column(List *targets, const char *name)
{
    ListCell *lc;
    foreach (lc, targets) {
        const ResTarget *target = (ResTarget *)lfirst(lc);
        if (target->name && strcmp(target->name, name) == 0)
            return target->val;
    }
    return nullptr;
}

bool is_distance(const Reader &r, Node *node, Metric *metric)
{
    if (node == nullptr || !IsA(node, A_Expr) || ((A_Expr *)node)->kind != AEXPR_OP)
        return false;
    const A_Expr *e = (A_Expr *)node;
    const char *left = column_of(r, e->lexpr), *right = column_of(r, e->rexpr);
    if (!(left && strcmp(left, r.column) == 0) && !(right && strcmp(right, r.column) == 0))
        return false;
    for (int m = (int)Metric::L2; m <= (int)Metric::Cosine; m++)
        if (strcmp(operator_of(e), kOperators[m]) == 0) {
            *metric = (Metric)m;
            return true;
        }
    return false;
}

bool orders_by_distance(const Reader &r, const SelectStmt *select, Metric *metric)
{
    if (select->sortClause == NIL)
        return false;
    Node *first = ((SortBy *)linitial(select->sortClause))->node;
    if (const char *name = column_of(r, first))
        first = output_column(select->targetList, name);
    return is_distance(r, first, metric);
}

// --- conditions

int strategy_of(const A_Expr *e)
{
    static constexpr struct
    {
        const char *name;
        int strategy;
    } kKnown[] = {{"=", ivf::kEqual},     {"<", ivf::kLess},      {"<=", ivf::kLess},
                  {">", ivf::kLess},      {">=", ivf::kLess},     {"&&", ivf::kOverlaps},
                  {"@>", ivf::kContains}, {"BETWEEN", ivf::kLess}};
    for (const auto &known : kKnown)
        if (strcmp(operator_of(e), known.name) == 0)
            return known.strategy;
    return 0;
}

void add_condition(Reader *r, const char *column, int strategy)
{
    Condition *condition = (Condition *)palloc(sizeof(Condition));
    *condition = {column, strategy};
    r->found.conditions = lappend(r->found.conditions, condition);
}

void read_comparison(Reader *r, const A_Expr *e)
{
    const int strategy = strategy_of(e);
    const bool known_kind =
        e->kind == AEXPR_OP || e->kind == AEXPR_OP_ANY || e->kind == AEXPR_IN || e->kind == AEXPR_BETWEEN;
    if (strategy == 0 || !known_kind)
        return;
    const char *left = column_of(*r, e->lexpr);
    const char *right = e->kind == AEXPR_OP ? column_of(*r, e->rexpr) : nullptr;
    if (left && !is_column_ref(e->rexpr))
        add_condition(r, left, strategy);
    else if (right && !is_column_ref(e->lexpr))
        add_condition(r, right, strategy);
}

// Of conditions that are joined by AND alone.
void read_conditions(Reader *r, Node *node)
{
    if (node == nullptr)
        return;
    if (IsA(node, BoolExpr) && ((BoolExpr *)node)->boolop == AND_EXPR) {
        ListCell *lc;
        foreach (lc, ((BoolExpr *)node)->args)
            read_conditions(r, (Node *)lfirst(lc));
    } else if (IsA(node, BoolExpr) && ((BoolExpr *)node)->boolop == NOT_EXPR)
        read_conditions(r, IsA(linitial(((BoolExpr *)node)->args), ColumnRef)
                               ? (Node *)linitial(((BoolExpr *)node)->args)
                               : nullptr);
    else if (IsA(node, A_Expr))
        read_comparison(r, (A_Expr *)node);
    else if (IsA(node, NullTest)) {
        if (const char *column = column_of(*r, (Node *)((NullTest *)node)->arg))
            add_condition(r, column, 0);
    } else if (const char *column = column_of(*r, node))
        add_condition(r, column, ivf::kEqual); // of a boolean column, alone
}

// --- statements

bool read_node(Node *node, void *arg)
{
    Reader *r = (Reader *)arg;
    if (node == nullptr)
        return false;
    if (IsA(node, SelectStmt)) {
        const SelectStmt *select = (SelectStmt *)node;
        Metric metric;
        r->alias = alias_in_list(*r, select->fromClause);
        if (r->alias && orders_by_distance(*r, select, &metric)) {
            r->found.orders = true;
            r->found.metric = metric;
            read_conditions(r, select->whereClause);
        }
    } else if (IsA(node, InsertStmt))
        r->found.inserts |= is_table(*r, ((InsertStmt *)node)->relation);
    return compat_raw_walk(node, read_node, arg);
}

} // namespace

Statement read_statement(const char *text, Relation table, const char *column)
{
    Reader r = {table, column, {}, nullptr};
    ListCell *lc;
    foreach (lc, pg_parse_query(without_parameters(text))) {
        Node *statement = lfirst_node(RawStmt, lc)->stmt;
        if (!IsA(statement, CopyStmt))
            (void)read_node(statement, &r);
        else if (const CopyStmt *copy = (CopyStmt *)statement; copy->is_from && copy->relation)
            r.found.inserts |= is_table(r, copy->relation);
    }
    return r.found;
}

} // namespace vq::advise
