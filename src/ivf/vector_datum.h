// From a datum of the indexed type to floats. One place, because halfvec joins here.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "utils/rel.h"
}

namespace vq::ivf {

// The vector's floats (detoasted into the current context where needed). Errors: DATA_EXCEPTION if it has not
// `dims` dimensions.
const float *vector_of_datum(Datum value, uint32_t dims, Relation index);

// The same for a query, checked with pgvector's text
// ("different vector dimensions 3 and 2").
const float *query_of_datum(Datum value, uint32_t dims);

// Bytes of a plain datum of that many dimensions, header included.
Size vector_datum_bytes(uint32_t dims);

} // namespace vq::ivf
