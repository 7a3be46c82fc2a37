// What WHERE says of the distance that a scan orders by: `v <-> q < r`, and arithmetic around it such as `1 - (v <=> q) > s`. Rows
// farther than that do not pass, so a scan need not look for them. The executor asks its filter about every row all the same: a limit
// may be too large, never too small.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "nodes/pg_list.h"
#include "nodes/primnodes.h"
}

namespace vq::ivf {

struct DistanceLimit // of the rows that pass
{
    double most =
        std::numeric_limits<double>::infinity(); // their distance is not larger; infinity: nothing is known
    bool nan_passes = true;                      // a distance of NaN may pass as well
};

// No row passes.
constexpr DistanceLimit kNothingPasses = {-std::numeric_limits<double>::infinity(), false};

inline bool is_limited(const DistanceLimit &limit)
{
    return limit.most < std::numeric_limits<double>::infinity();
}
inline bool is_within(const DistanceLimit &limit, double distance)
{
    return std::isnan(distance) ? limit.nan_passes : distance <= limit.most;
}

enum class Known
{
    Value,
    Null,
    No
};

// The distance, and who knows what expressions are worth that do not depend on the row.
struct DistanceOrder
{
    Oid function; // behind the operator
    bool commutes;
    Node *key; // what is indexed
    Node *query;
    double least; // that a distance can be
    // What an expression is worth that has no column in it.
    Known (*value)(DistanceOrder *order, Node *expression, Datum *value);
    // Whether an expression that is not `query` is worth the same. Null where it is.
    Known (*is_query)(DistanceOrder *order, Node *expression);
};

// order_by: the expression of an index scan that orders, with the indexed column first. Fills all but the functions.
void set_distance(DistanceOrder *order, const OpExpr *order_by, double least);

// conditions: all of them hold for a row that passes. Errors: those of the expressions.
DistanceLimit distance_limit(DistanceOrder *order, List *conditions);

// Whether distance_limit says something of the rows that pass this condition, or would if it knew all values. Asks for none, but may
// ask is_query.
bool limits_distance(DistanceOrder *order, Node *condition);

} // namespace vq::ivf
