// Whether an expression of a plan may be evaluated more often than the executor does it.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "nodes/plannodes.h"
}

namespace vq::ivf {

// No volatile function in it, nor in a subquery of it. Of subqueries only plans are known that merely read: one with a node that
// is not among those of repeatable.cpp is taken to do more.
bool is_repeatable(Node *expression, const PlannedStmt *statement);

} // namespace vq::ivf
