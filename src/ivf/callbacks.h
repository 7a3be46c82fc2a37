// The engine's index access method callbacks; make_routine puts them together. One file per verb.
#pragma once

#include "ivf/access_method.h"

extern "C" {
#include "access/genam.h"
#include "nodes/pathnodes.h"
}

namespace vq::ivf {

// build.cpp
IndexBuildResult *build(Relation heap, Relation index, IndexInfo *info);
void build_empty(Relation index);

// build_phase.cpp
char *build_phase_name(int64 phase);

// insert.cpp
bool insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
            IndexUniqueCheck check, bool unchanged, IndexInfo *info);
void insert_cleanup(Relation index, IndexInfo *info);

// vacuum.cpp
IndexBulkDeleteResult *bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                   IndexBulkDeleteCallback callback, void *callback_state);
IndexBulkDeleteResult *vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

// scan.cpp
IndexScanDesc begin_scan(Relation index, int nkeys, int norderbys);
void rescan(IndexScanDesc desc, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys);
bool get_tuple(IndexScanDesc desc, ScanDirection direction);
void end_scan(IndexScanDesc desc);

// cost.cpp
void estimate_cost(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup, Cost *total,
                   Selectivity *selectivity, double *correlation, double *pages);
int tree_height(Relation index);

// validate.cpp
bool validate(Oid opclass);
bool property(Oid index, int attno, IndexAMProperty prop, const char *propname, bool *res, bool *isnull);

} // namespace vq::ivf
