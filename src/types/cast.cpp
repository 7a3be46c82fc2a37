// Casts between vectors, halfvecs and arrays, and the cast that applies a type modifier.
#include "types/both.h"
#include "simd/kernels.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
}

using namespace vq;

namespace {

// Fixed-width elements without nulls lie one after the other.
template <class Source, class V>
void convert_elements(ArrayType *array, V *result)
{
    const Source *elements = (const Source *)ARR_DATA_PTR(array);
    for (int i = 0; i < result->dim; i++)
        result->x[i] = to_element<V>((float)elements[i]);
}

template <class V>
void convert_numerics(ArrayType *array, V *result)
{
    Datum *elements;
    int n;
    deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &elements, nullptr, &n);
    for (int i = 0; i < n; i++)
        result->x[i] = to_element<V>(DatumGetFloat4(DirectFunctionCall1(numeric_float4, elements[i])));
    pfree(elements);
}

// V -> V(n): the value itself, checked.
template <class V>
Datum apply_typmod(FunctionCallInfo fcinfo)
{
    V *v = vector_arg<V>(fcinfo, 0);
    check_expected_dim(PG_GETARG_INT32(1), v->dim);
    PG_RETURN_POINTER(v);
}

// A value beyond float becomes infinite and is refused as such; one below becomes zero.
template <class V>
Datum from_array(FunctionCallInfo fcinfo)
{
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
    int32 typmod = PG_GETARG_INT32(1);

    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
    if (ARR_HASNULL(array) && array_contains_nulls(array))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls")));

    int dim = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    check_dim<V>(dim);
    check_expected_dim(typmod, dim);

    V *result = new_vector<V>(dim);
    switch (ARR_ELEMTYPE(array)) {
    case INT4OID:
        convert_elements<int32>(array, result);
        break;
    case FLOAT4OID:
        convert_elements<float4>(array, result);
        break;
    case FLOAT8OID:
        convert_elements<float8>(array, result);
        break;
    case NUMERICOID:
        convert_numerics(array, result);
        break;
    default:
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("unsupported array type")));
    }

    for (int i = 0; i < dim; i++)
        check_element<V>(result->x[i]);
    PG_RETURN_POINTER(result);
}

void widen(const Vector *v, float *out)
{
    memcpy(out, v->x, sizeof(float) * (Size)v->dim);
}

void widen(const HalfVector *v, float *out)
{
    simd::kernels().half_to_float(v->x, out, (size_t)v->dim);
}

template <class V>
Datum to_array(FunctionCallInfo fcinfo)
{
    V *v = vector_arg<V>(fcinfo, 0);
    Size bytes = ARR_OVERHEAD_NONULLS(1) + sizeof(float4) * (Size)v->dim;
    ArrayType *result = (ArrayType *)palloc0(bytes);

    SET_VARSIZE(result, bytes);
    result->ndim = 1;
    result->dataoffset = 0;
    result->elemtype = FLOAT4OID;
    ARR_DIMS(result)[0] = v->dim;
    ARR_LBOUND(result)[0] = 1;
    widen(v, (float4 *)ARR_DATA_PTR(result));
    PG_RETURN_ARRAYTYPE_P(result);
}

} // namespace

VQ_DEFINE_BOTH(vq_vector_typmod, vq_halfvec_typmod, apply_typmod)
VQ_DEFINE_BOTH(vq_array_to_vector, vq_array_to_halfvec, from_array)
VQ_DEFINE_BOTH(vq_vector_to_float4, vq_halfvec_to_float4, to_array)

VQ_FUNCTION(vq_vector_to_halfvec)
{
    Vector *v = vector_arg<Vector>(fcinfo, 0);
    check_expected_dim(PG_GETARG_INT32(1), v->dim);

    HalfVector *result = new_vector<HalfVector>(v->dim);
    for (int i = 0; i < v->dim; i++)
        check_range<HalfVector>(v->x[i]);
    simd::kernels().float_to_half(v->x, result->x, (size_t)v->dim);
    PG_RETURN_POINTER(result);
}

VQ_FUNCTION(vq_halfvec_to_vector)
{
    HalfVector *v = vector_arg<HalfVector>(fcinfo, 0);
    check_expected_dim(PG_GETARG_INT32(1), v->dim);

    Vector *result = new_vector(v->dim);
    widen(v, result->x);
    PG_RETURN_POINTER(result);
}
