// Conditions on filter columns that PostgreSQL leaves to the executor: `= ANY (array)` and IN, before version 17, because they would
// break the order of a btree, and boolean columns alone (`WHERE active`, `NOT active`), which older versions hand to their own access
// methods only. They stand in the filter of the plan node that runs a scan; the executor asks them again.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/genam.h"
#include "nodes/pathnodes.h"
}

namespace vq::ivf {

// The scan's keys, and those conditions as further ones; *count: of all. Memory: in the current context.
const ScanKeyData *scan_keys(IndexScanDesc scan, int *count);

// For the planner: of the conditions on the table those (RestrictInfo) that scan_keys would take.
List *executor_conditions(const IndexOptInfo *index);

} // namespace vq::ivf
