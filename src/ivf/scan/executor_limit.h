// The limit that the filter of a plan node sets to the distance of its scan (distance_limit.h), with the values that its expressions
// have when the search begins: constants, parameters of the statement, columns of outer rows, stable functions.
#pragma once

#include "ivf/scan/distance_limit.h"

extern "C" {
#include "access/genam.h"
#include "nodes/execnodes.h"
}

namespace vq::ivf {

// Of a scan that is to begin; none where nobody knows its plan node. Expressions are asked once a search, if they are neither
// volatile nor subqueries. least: distance that there can be. Errors: those of the expressions.
DistanceLimit scan_limit(IndexScanDesc scan, double least);

enum class LimitShown
{
    None,
    Value,
    AtRunTime // there is one, of values that nobody knows before
};

// For EXPLAIN of a node that does not run.
LimitShown planned_limit(IndexScanState *node, double least, DistanceLimit *limit);

} // namespace vq::ivf
