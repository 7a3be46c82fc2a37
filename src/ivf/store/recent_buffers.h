// Where pages of indexes were found in shared buffers the last time: to look there first takes a third of what a look-up by their number does.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "storage/bufmgr.h"
#include "utils/rel.h"
}

namespace vq::ivf {

// ReadBuffer of a relation's main fork.
Buffer read_recent_buffer(Relation rel, BlockNumber block);

} // namespace vq::ivf
