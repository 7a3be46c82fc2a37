// vector_quant_index_stats of a partitioned index: what its parts have, taken together.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/tupdesc.h"
}

namespace vq::ivf {

// function: vector_quant_index_stats itself, which is asked about each part. Errors: as inspect_open, and
// OBJECT_NOT_IN_PREREQUISITE_STATE if no part is here.
Datum partition_stats(Oid index, Oid function, TupleDesc desc);

} // namespace vq::ivf
