// How many rows a threshold of WHERE leaves, for the planner: to PostgreSQL a comparison with a distance is one that lets a third of
// any table pass.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "nodes/pathnodes.h"
#include "utils/rel.h"
}

namespace vq::ivf {

struct LimitedRows
{
    bool limited; // WHERE limits the distance that the path orders by
    // Of the table. A guess where query or threshold are not known yet.
    double rows;      // that lie within the limit
    double looks;     // that have to be looked at to find those
    double others;    // share of the rows that the other conditions let pass
    bool other_index; // some index of another kind may find those
};

// path: one with an ORDER BY, of an index that is there. rel: the index. Memory: in the current context.
LimitedRows limited_rows(PlannerInfo *root, const IndexPath *path, Relation rel);

} // namespace vq::ivf
