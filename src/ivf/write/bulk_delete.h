// VACUUM's first part: dead rows become tombstones in place, or leave their open page, one record a page.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/genam.h"
}

namespace vq::ivf {

// ambulkdelete.
IndexBulkDeleteResult *bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                   IndexBulkDeleteCallback callback, void *callback_state);

} // namespace vq::ivf
