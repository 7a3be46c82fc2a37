// From a datum of the indexed type, a vector or a halfvec, to numbers.
#pragma once

#include "pg/postgres_cpp.h"
#include "simd/kernels.h"

extern "C" {
#include "utils/rel.h"
}

namespace vq::ivf {

// How many elements a datum has.
uint32_t dims_of_datum(Datum value, simd::Element element);

// The elements as they are stored (detoasted into the current context where needed): floats for FP32, IEEE
// halfs for FP16. Errors: DATA_EXCEPTION if the datum has not `dims` dimensions.
const void *elements_of_datum(Datum value, simd::Element element, uint32_t dims, Relation index);

// The same for a query, checked with pgvector's text ("different vector dimensions 3 and 2").
const void *elements_of_query(Datum value, simd::Element element, uint32_t dims);

// Stored elements as floats: themselves, or a copy in the current context.
const float *as_floats(const void *elements, simd::Element element, uint32_t dims);

inline const float *vector_of_datum(Datum value, simd::Element element, uint32_t dims, Relation index)
{
    return as_floats(elements_of_datum(value, element, dims, index), element, dims);
}

// A new plain datum in the current context: of zeros, or a copy. Errors: as elements_of_query.
Datum make_vector_datum(simd::Element element, uint32_t dims);
Datum copy_vector_datum(Datum value, simd::Element element, uint32_t dims);

// Puts x into a datum from make_vector_datum; halfs are rounded to.
void fill_vector_datum(struct varlena *datum, simd::Element element, const float *x, uint32_t dims);

// Whether a function is one of those behind our own types' ORDER BY operators.
bool is_own_distance(const FmgrInfo &function);

// Bytes of a plain datum of that many dimensions, header included.
Size vector_datum_bytes(simd::Element element, uint32_t dims);

} // namespace vq::ivf
