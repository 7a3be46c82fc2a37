// VACUUM's second part: pages that are lost or free, groups with much dirt, training anew where there is a cause, a shorter file.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/genam.h"
}

namespace vq::ivf {

// amvacuumcleanup.
IndexBulkDeleteResult *vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats);

} // namespace vq::ivf
