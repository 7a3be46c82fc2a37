// What an expression of a plan node's filter is worth that has no column of the scanned table in it: constants, parameters of the statement,
// columns of outer rows, stable functions.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "nodes/execnodes.h"
}

namespace vq::ivf {

struct NodeValues
{
    IndexScanState *node;
    List **compiled; // expressions, as long as the node lives; null: not kept
    ExprContext *context;
};

// Free with values_close.
NodeValues values_open(IndexScanState *node, List **compiled);
void values_close(NodeValues *values);

// False for a volatile expression or one with a subquery, which must not be asked twice. Errors: those of the expression. The value's
// memory: the context's, per tuple.
bool value_of_expression(const NodeValues &values, Node *expression, Datum *value, bool *null);

} // namespace vq::ivf
