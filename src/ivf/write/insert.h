// Inserting a row: aminsert and aminsertcleanup.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/amapi.h"
}

namespace vq::ivf {

bool insert(Relation index, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
            IndexUniqueCheck check, bool unchanged, IndexInfo *info);
void insert_cleanup(Relation index, IndexInfo *info);

} // namespace vq::ivf
