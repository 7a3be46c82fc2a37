// VACUUM: ambulkdelete and amvacuumcleanup.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/amapi.h"
}

namespace vq::ivf {

IndexBulkDeleteResult *bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                   IndexBulkDeleteCallback callback, void *callback_state);
IndexBulkDeleteResult *vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

} // namespace vq::ivf
