// What a scan costs: amcostestimate and amgettreeheight.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/amapi.h"
#include "nodes/pathnodes.h"
}

namespace vq::ivf {

void estimate_cost(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup, Cost *total,
                   Selectivity *selectivity, double *correlation, double *pages);
int tree_height(Relation index);

} // namespace vq::ivf
