// Building an index: ambuild and ambuildempty.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/amapi.h"
}

namespace vq::ivf {

IndexBuildResult *build(Relation heap, Relation index, IndexInfo *info);

// The initial state of an unlogged index, untrained, in its init fork.
void build_empty(Relation index);

} // namespace vq::ivf
