// The vector type: what a datum looks like and the checks every function shares. halfvec is the same with other
// elements (halfvec.h): V stands for either.
#pragma once

#include "pg/postgres_cpp.h"

namespace vq {

constexpr int kVectorMaxDims = 16000; // as pgvector; also what an int16 count leaves room for

// A datum, in memory and on disk; the layout is pgvector's.
//   0 varlena header (4 bytes) | 4 dim | 6 unused, 0 | 8 dim elements, native byte order
template <class E>
struct DenseVector
{
    using Element = E;
    using Stored = typename E::Stored;

    int32 vl_len_; // varlena header: VARSIZE() and SET_VARSIZE() only
    int16 dim;     // 1..kVectorMaxDims
    int16 unused;  // 0
    Stored x[FLEXIBLE_ARRAY_MEMBER];

    float at(int i) const { return E::value(x[i]); }
};

// The elements of a vector: how one is stored, what it is as a float, and which one is the nearest to a float:
// infinity where that is beyond the largest, NaN for NaN.
struct FloatElement
{
    using Stored = float;
    static constexpr const char *kType = "vector"; // of the vectors that have such elements
    static float value(float stored) { return stored; }
    static float nearest(float value) { return value; }
};

using Vector = DenseVector<FloatElement>;
static_assert(offsetof(Vector, dim) == 4 && offsetof(Vector, x) == 8 && sizeof(Vector) == 8);
static_assert(std::is_trivially_copyable_v<Vector>);

template <class V = Vector>
constexpr Size vector_size(int dim)
{
    return offsetof(V, x) + sizeof(typename V::Stored) * (Size)dim;
}

// A new vector whose elements the caller fills. dim has passed check_dim().
template <class V = Vector>
V *new_vector(int dim)
{
    V *v = (V *)palloc(vector_size<V>(dim));
    SET_VARSIZE(v, vector_size<V>(dim));
    v->dim = (int16)dim;
    v->unused = 0;
    return v;
}

// Detoasted; a copy only if the datum was compressed, out of line or had a short header.
template <class V = Vector>
V *datum_get_vector(Datum d)
{
    V *v = (V *)PG_DETOAST_DATUM(d);
    Assert(v->dim >= 1 && v->dim <= kVectorMaxDims && VARSIZE(v) == vector_size<V>(v->dim));
    return v;
}

// ERROR unless 1..kVectorMaxDims.
template <class V>
void check_dim(int dim)
{
    if (dim < 1)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("%s must have at least 1 dimension", V::Element::kType)));
    if (dim > kVectorMaxDims)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("%s cannot have more than %d dimensions", V::Element::kType, kVectorMaxDims)));
}

// ERROR if dim is not what the typmod (-1: any) or an aggregate's state wants.
inline void check_expected_dim(int32 expected, int dim)
{
    if (expected != -1 && expected != dim)
        ereport(ERROR,
                (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected %d dimensions, not %d", expected, dim)));
}

// ERROR unless a and b can be combined element by element.
template <class V>
void check_same_dim(const V *a, const V *b)
{
    if (a->dim != b->dim)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("different %s dimensions %d and %d", V::Element::kType, a->dim, b->dim)));
}

// ERROR if not finite: NaN and infinity never get into a vector.
template <class V>
void check_element(typename V::Stored element)
{
    const float value = V::Element::value(element);
    if (std::isnan(value))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("NaN not allowed in %s", V::Element::kType)));
    if (std::isinf(value))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("infinite value not allowed in %s", V::Element::kType)));
}

// Is a finite value beyond the largest element?
template <class V>
bool out_of_range(float value)
{
    return std::isinf(V::Element::value(V::Element::nearest(value))) && !std::isinf(value);
}

} // namespace vq
