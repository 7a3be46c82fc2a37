// From the comparison down to the distance: each step of arithmetic is undone on the other side. SQL's arithmetic rounds, so what is
// undone is not exact; every step adds what it may be off to `slack`.
#include "ivf/scan/distance_limit.h"

extern "C" {
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
}

namespace vq::ivf {

namespace {

// How far a step may be off, as a share of its numbers: some times what they are rounded by. A float8 becomes a numeric of 15 digits,
// a float4 one of 6.
constexpr double kSingleRounding = 1e-6, kDoubleRounding = 1e-15, kNumericRounding = 1e-14;
constexpr double kSingleToNumeric = 1e-5;
constexpr double kLeastSingle = 1e-44, kLeastDouble = 1e-300; // near zero

enum class Step
{
    None,
    Same,
    Add,
    Subtract,
    Multiply,
    Divide,
    Minus,
    Round,  // to the digits that the second argument says, up, down or to the nearest
    Digits, // to those of a type numeric(p, s)
    Less,
    LessEqual,
    Greater,
    GreaterEqual
};

struct Call
{
    Step step;
    Node *first, *second; // second: null if there is none
    Oid type;             // of what it gives
};

// PostgreSQL's own functions, without the types in front of some names.
constexpr struct
{
    const char *name;
    Step step;
} kSteps[] = {
    {"pl", Step::Add},       {"add", Step::Add},         {"mi", Step::Subtract}, {"sub", Step::Subtract},
    {"mul", Step::Multiply}, {"div", Step::Divide},      {"um", Step::Minus},    {"uminus", Step::Minus},
    {"up", Step::Same},      {"uplus", Step::Same},      {"lt", Step::Less},     {"le", Step::LessEqual},
    {"gt", Step::Greater},   {"ge", Step::GreaterEqual},
};
constexpr const char *kTypes[] = {"float84", "float48", "float8", "float4", "numeric_"};

bool is_number(Oid type)
{
    return type == FLOAT8OID || type == FLOAT4OID || type == NUMERICOID;
}

Step step_of_name(const char *name, int arguments)
{
    for (const char *type : kTypes)
        if (strncmp(name, type, strlen(type)) == 0)
            for (const auto &s : kSteps)
                if (strcmp(name + strlen(type), s.name) == 0)
                    return s.step;
    for (const char *round : {"round", "trunc", "ceil", "ceiling", "floor"})
        if (strcmp(name, round) == 0)
            return Step::Round;
    for (const char *type : {"float8", "float4", "numeric"})
        if (strcmp(name, type) == 0)
            return arguments == 1 ? Step::Same : Step::Digits;
    return Step::None;
}

// A call of an operator or a function, whichever way it is written; false if it is none.
bool function_call(Node *node, Oid *function, List **arguments)
{
    if (IsA(node, OpExpr)) {
        const OpExpr *op = (const OpExpr *)node;
        *function = OidIsValid(op->opfuncid) ? op->opfuncid : get_opcode(op->opno);
        *arguments = op->args;
        return true;
    }
    if (!IsA(node, FuncExpr))
        return false;
    *function = ((const FuncExpr *)node)->funcid;
    *arguments = ((const FuncExpr *)node)->args;
    return true;
}

bool read_call(Node *node, Call *call)
{
    Oid function;
    List *arguments;
    if (!function_call(node, &function, &arguments) || get_func_namespace(function) != PG_CATALOG_NAMESPACE)
        return false;
    const int count = list_length(arguments);
    if (count < 1 || count > 2)
        return false;
    const char *name = get_func_name(function);
    call->first = (Node *)linitial(arguments);
    call->second = count == 2 ? (Node *)lsecond(arguments) : nullptr;
    call->step = name ? step_of_name(name, count) : Step::None;
    call->type = exprType(node);
    return call->step != Step::None && is_number(exprType(call->first));
}

bool is_fixed(Node *node)
{
    return !contain_var_clause(node);
}

// Whether the node is the distance. Null: of a query that is.
Known is_distance(DistanceOrder *order, Node *node)
{
    Oid function;
    List *arguments;
    if (!function_call(node, &function, &arguments) || function != order->function ||
        list_length(arguments) != 2)
        return Known::No;
    Node *query = (Node *)lsecond(arguments);
    if (!equal(linitial(arguments), order->key)) {
        if (!order->commutes || !equal(query, order->key))
            return Known::No;
        query = (Node *)linitial(arguments);
    }
    if (equal(query, order->query))
        return Known::Value;
    return is_fixed(query) ? order->is_query(order, query) : Known::No;
}

double number_of(Datum value, Oid type)
{
    switch (type) {
    case FLOAT8OID:
        return DatumGetFloat8(value);
    case FLOAT4OID:
        return (double)DatumGetFloat4(value);
    default:
        return DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, value));
    }
}

// The number that a fixed expression is.
Known number(DistanceOrder *order, Node *expression, double *out)
{
    const Oid type = exprType(expression);
    if (!is_number(type) || !is_fixed(expression))
        return Known::No;
    Datum value;
    const Known known = order->value(order, expression, &value);
    if (known == Known::Value)
        *out = number_of(value, type);
    return known;
}

// The least that an expression of the distance can be; minus infinity where that is not plain.
double least_of(DistanceOrder *order, Node *node)
{
    constexpr double kUnknown = -std::numeric_limits<double>::infinity();
    if (is_distance(order, node) == Known::Value)
        return order->least;
    Call call;
    if (!read_call(node, &call))
        return kUnknown;
    if (call.step == Step::Same)
        return least_of(order, call.first);
    if (call.second == nullptr)
        return kUnknown;
    const bool first_fixed = is_fixed(call.first);
    double a;
    if (number(order, first_fixed ? call.first : call.second, &a) != Known::Value)
        return kUnknown;
    const double least = least_of(order, first_fixed ? call.second : call.first);
    if (call.step == Step::Add)
        return least + a;
    if (!(a > 0) || first_fixed == (call.step == Step::Divide))
        return kUnknown;
    return call.step == Step::Multiply ? least * a : call.step == Step::Divide ? least / a : kUnknown;
}

// An expression of the distance is at most, or at least, this.
struct Side
{
    double value;
    double slack;
    bool at_most;
};

double rounding(double value, Oid type)
{
    if (!std::isfinite(value))
        return 0;
    if (type == FLOAT4OID)
        return std::fabs(value) * kSingleRounding + kLeastSingle;
    return std::fabs(value) * (type == NUMERICOID ? kNumericRounding : kDoubleRounding) + kLeastDouble;
}

DistanceLimit limit_of_side(DistanceOrder *order, Node *node, Side side);

// node = first <step> second, of which one is the number a. `side` is what is said of node.
DistanceLimit undo_step(DistanceOrder *order, const Call &call, double a, bool first_fixed, Side side)
{
    Node *node = first_fixed ? call.second : call.first;
    side.slack += rounding(side.value, call.type);
    double value, slack = side.slack;
    bool at_most = side.at_most;
    switch (call.step) {
    case Step::Add:
        value = side.value - a;
        slack += rounding(a, call.type);
        break;
    case Step::Subtract:
        value = first_fixed ? a - side.value : side.value + a;
        slack += rounding(a, call.type);
        at_most = at_most != first_fixed;
        break;
    case Step::Multiply:
        value = side.value / a;
        slack /= std::fabs(a);
        at_most = at_most == (a > 0);
        break;
    default: // a division
        if (!first_fixed) {
            value = side.value * a;
            slack *= std::fabs(a);
            at_most = at_most == (a > 0);
            break;
        }
        // a / x falls with x where x and a are above zero, and is above zero itself.
        const double y = at_most ? side.value + slack : side.value - slack;
        if (!(least_of(order, node) > 0) || !(a > 0) || !(y > 0))
            return {};
        value = a / y;
        slack = 0;
        at_most = !at_most;
    }
    return limit_of_side(order, node, {value, slack + rounding(value, call.type), at_most});
}

// By how much a number rounded to so many digits behind the point may be off.
double digits_off(double digits)
{
    return std::pow(10.0, -std::clamp(digits, -300.0, 300.0));
}

DistanceLimit undo_rounding(DistanceOrder *order, const Call &call, Side side)
{
    Datum digits = Int32GetDatum(0);
    if (call.second) {
        if (exprType(call.second) != INT4OID || !is_fixed(call.second))
            return {};
        const Known known = order->value(order, call.second, &digits);
        if (known != Known::Value)
            return known == Known::Null ? kNothingPasses : DistanceLimit{};
    }
    int32 places = DatumGetInt32(digits);
    if (call.step == Step::Digits) // a type modifier; a negative scale is beyond the bits of older versions
        places = places < VARHDRSZ ? 300 : (((places - VARHDRSZ) & 0x7FF) ^ 1024) - 1024;
    side.slack += digits_off(places);
    return limit_of_side(order, call.first, side);
}

DistanceLimit limit_of_side(DistanceOrder *order, Node *node, Side side)
{
    const Known known = is_distance(order, node);
    if (known == Known::Null)
        return kNothingPasses;
    if (std::isnan(side.value) || std::isnan(side.slack))
        return {};
    if (known == Known::Value)
        return side.at_most ? DistanceLimit{side.value + side.slack, true} : DistanceLimit{};
    Call call;
    if (!read_call(node, &call))
        return {};
    switch (call.step) {
    case Step::Minus:
        return limit_of_side(order, call.first, {-side.value, side.slack, !side.at_most});
    case Step::Same:
        side.slack += rounding(side.value, call.type);
        if (call.type == NUMERICOID && exprType(call.first) == FLOAT4OID && std::isfinite(side.value))
            side.slack += std::fabs(side.value) * kSingleToNumeric;
        return limit_of_side(order, call.first, side);
    case Step::Round:
    case Step::Digits:
        return undo_rounding(order, call, side);
    case Step::Add:
    case Step::Subtract:
    case Step::Multiply:
    case Step::Divide:
        break;
    default:
        return {};
    }
    if (call.second == nullptr)
        return {};
    const bool first_fixed = is_fixed(call.first);
    double a;
    const Known operand = number(order, first_fixed ? call.first : call.second, &a);
    if (operand == Known::Null)
        return kNothingPasses;
    const bool factor = call.step == Step::Multiply || call.step == Step::Divide;
    if (operand == Known::No || !std::isfinite(a) || (factor && a == 0))
        return {};
    return undo_step(order, call, a, first_fixed, side);
}

// node <comparison> threshold. NaN is greater than every number, and equal to itself.
DistanceLimit limit_of_comparison(DistanceOrder *order, Node *node, Step comparison, double threshold)
{
    const bool greater = comparison == Step::Greater || comparison == Step::GreaterEqual;
    if (std::isnan(threshold))
        return comparison == Step::Greater ? kNothingPasses : DistanceLimit{};
    DistanceLimit limit = limit_of_side(order, node, {threshold, 0, !greater});
    limit.nan_passes = limit.nan_passes && greater;
    return limit;
}

Step commuted(Step comparison)
{
    switch (comparison) {
    case Step::Less:
        return Step::Greater;
    case Step::LessEqual:
        return Step::GreaterEqual;
    case Step::Greater:
        return Step::Less;
    default:
        return Step::LessEqual;
    }
}

bool is_comparison(const Call &call)
{
    return call.step >= Step::Less && call.second != nullptr && is_number(exprType(call.second));
}

// Whether the node is arithmetic of the distance and of fixed expressions. Asks for no value.
bool leads_to_distance(DistanceOrder *order, Node *node)
{
    Oid function;
    List *arguments;
    if (!function_call(node, &function, &arguments))
        return false;
    if (function == order->function)
        return is_distance(order, node) != Known::No;
    Call call;
    if (!read_call(node, &call) || call.step >= Step::Less)
        return false;
    if (call.second == nullptr || is_fixed(call.second))
        return leads_to_distance(order, call.first);
    return is_fixed(call.first) && leads_to_distance(order, call.second);
}

DistanceLimit limit_of_call(DistanceOrder *order, const Call &call)
{
    const bool first_fixed = is_fixed(call.first);
    Node *side = first_fixed ? call.second : call.first;
    double threshold;
    const Known known = number(order, first_fixed ? call.first : call.second, &threshold);
    if (known == Known::Null)
        return kNothingPasses;
    if (known == Known::No)
        return {};
    return limit_of_comparison(order, side, first_fixed ? commuted(call.step) : call.step, threshold);
}

DistanceLimit limit_of_condition(DistanceOrder *order, Node *node);

DistanceLimit both(const DistanceLimit &a, const DistanceLimit &b)
{
    return {Min(a.most, b.most), a.nan_passes && b.nan_passes};
}

// Of an AND within an OR.
DistanceLimit limit_of_all(DistanceOrder *order, List *conditions)
{
    DistanceLimit limit = {};
    ListCell *cell;
    foreach (cell, conditions) {
        Node *condition = (Node *)lfirst(cell);
        if (!is_fixed(condition) && !limits_distance(order, condition))
            continue;
        const DistanceLimit each = limit_of_condition(order, condition);
        limit = both(limit, each);
        if (!limit.nan_passes && limit.most == kNothingPasses.most)
            break;
    }
    return limit;
}

// As SQL does, asks nothing behind a condition that may hold.
DistanceLimit limit_of_any(DistanceOrder *order, List *conditions)
{
    DistanceLimit limit = kNothingPasses;
    ListCell *cell;
    foreach (cell, conditions) {
        const DistanceLimit each = limit_of_condition(order, (Node *)lfirst(cell));
        if (!is_limited(each))
            return {};
        limit.most = Max(limit.most, each.most);
        limit.nan_passes = limit.nan_passes || each.nan_passes;
    }
    return limit;
}

// Of a condition that limits the distance, or is fixed.
DistanceLimit limit_of_condition(DistanceOrder *order, Node *node)
{
    if (IsA(node, BoolExpr)) {
        const BoolExpr *expr = (const BoolExpr *)node;
        if (expr->boolop == AND_EXPR)
            return limit_of_all(order, expr->args);
        if (expr->boolop == OR_EXPR)
            return limit_of_any(order, expr->args);
    }
    if (is_fixed(node)) {
        Datum value;
        const Known known = order->value(order, node, &value);
        const bool holds = known == Known::No || (known == Known::Value && DatumGetBool(value));
        return holds ? DistanceLimit{} : kNothingPasses;
    }
    Call call;
    return read_call(node, &call) && is_comparison(call) ? limit_of_call(order, call) : DistanceLimit{};
}

} // namespace

bool limits_distance(DistanceOrder *order, Node *condition)
{
    if (IsA(condition, BoolExpr)) {
        const BoolExpr *expr = (const BoolExpr *)condition;
        bool any = false, all = expr->boolop != NOT_EXPR;
        ListCell *cell;
        foreach (cell, expr->args) {
            const bool limits = limits_distance(order, (Node *)lfirst(cell));
            any |= limits;
            all &= limits || is_fixed((Node *)lfirst(cell));
        }
        return any && (all || expr->boolop == AND_EXPR);
    }
    Call call;
    if (!read_call(condition, &call) || !is_comparison(call) || is_fixed(condition))
        return false;
    const bool first_fixed = is_fixed(call.first);
    return (first_fixed || is_fixed(call.second)) &&
           leads_to_distance(order, first_fixed ? call.second : call.first);
}

void set_distance(DistanceOrder *order, const OpExpr *order_by, double least)
{
    order->function = OidIsValid(order_by->opfuncid) ? order_by->opfuncid : get_opcode(order_by->opno);
    order->commutes = get_commutator(order_by->opno) == order_by->opno;
    order->key = (Node *)linitial(order_by->args);
    order->query = (Node *)lsecond(order_by->args);
    order->least = least;
}

DistanceLimit distance_limit(DistanceOrder *order, List *conditions)
{
    DistanceLimit limit = {};
    ListCell *cell;
    foreach (cell, conditions)
        if (limits_distance(order, (Node *)lfirst(cell)))
            limit = both(limit, limit_of_condition(order, (Node *)lfirst(cell)));
    return limit;
}

} // namespace vq::ivf
