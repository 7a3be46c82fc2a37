// The vector type: what a datum looks like and the checks every function shares.
#pragma once

#include "pg/postgres_cpp.h"

namespace vq {

constexpr int kVectorMaxDims = 16000; // as pgvector; also what an int16 count leaves room for

// A datum, in memory and on disk; the layout is pgvector's.
//   0 varlena header (4 bytes) | 4 dim | 6 unused, 0 | 8 dim floats, native byte order
struct Vector
{
    int32 vl_len_; // varlena header: VARSIZE() and SET_VARSIZE() only
    int16 dim;     // 1..kVectorMaxDims
    int16 unused;  // 0
    float x[FLEXIBLE_ARRAY_MEMBER];
};
static_assert(offsetof(Vector, dim) == 4 && offsetof(Vector, x) == 8 && sizeof(Vector) == 8);
static_assert(std::is_trivially_copyable_v<Vector>);

constexpr Size vector_size(int dim)
{
    return offsetof(Vector, x) + sizeof(float) * (Size)dim;
}

// A new vector whose elements the caller fills. dim has passed check_dim().
inline Vector *new_vector(int dim)
{
    Vector *v = (Vector *)palloc(vector_size(dim));
    SET_VARSIZE(v, vector_size(dim));
    v->dim = (int16)dim;
    v->unused = 0;
    return v;
}

// Detoasted; a copy only if the datum was compressed, out of line or had a short header.
inline Vector *datum_get_vector(Datum d)
{
    Vector *v = (Vector *)PG_DETOAST_DATUM(d);
    Assert(v->dim >= 1 && v->dim <= kVectorMaxDims && VARSIZE(v) == vector_size(v->dim));
    return v;
}

// ERROR unless 1..kVectorMaxDims.
inline void check_dim(int dim)
{
    if (dim < 1)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("vector must have at least 1 dimension")));
    if (dim > kVectorMaxDims)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("vector cannot have more than %d dimensions", kVectorMaxDims)));
}

// ERROR if dim is not what the typmod (-1: any) or an aggregate's state wants.
inline void check_expected_dim(int32 expected, int dim)
{
    if (expected != -1 && expected != dim)
        ereport(ERROR,
                (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected %d dimensions, not %d", expected, dim)));
}

// ERROR unless a and b can be combined element by element.
inline void check_same_dim(const Vector *a, const Vector *b)
{
    if (a->dim != b->dim)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("different vector dimensions %d and %d", a->dim, b->dim)));
}

// ERROR if not finite: NaN and infinity never get into a vector.
inline void check_element(float value)
{
    if (std::isnan(value))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("NaN not allowed in vector")));
    if (std::isinf(value))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("infinite value not allowed in vector")));
}

} // namespace vq

#define PG_GETARG_VECTOR(n) vq::datum_get_vector(PG_GETARG_DATUM(n))
