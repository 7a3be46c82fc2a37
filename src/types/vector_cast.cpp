// Casts between vector and arrays, and the cast that applies a type modifier.
#include "types/vector.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
}

using namespace vq;

namespace {

// Fixed-width elements without nulls lie one after the other.
template <typename Element>
void convert_elements(ArrayType *array, Vector *result)
{
    const Element *elements = (const Element *)ARR_DATA_PTR(array);
    for (int i = 0; i < result->dim; i++)
        result->x[i] = (float)elements[i];
}

void convert_numerics(ArrayType *array, Vector *result)
{
    Datum *elements;
    int n;
    deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &elements, nullptr, &n);
    for (int i = 0; i < n; i++)
        result->x[i] = DatumGetFloat4(DirectFunctionCall1(numeric_float4, elements[i]));
    pfree(elements);
}

} // namespace

// vector -> vector(n): the value itself, checked.
VQ_FUNCTION(vq_vector_typmod)
{
    Vector *v = PG_GETARG_VECTOR(0);
    check_expected_dim(PG_GETARG_INT32(1), v->dim);
    PG_RETURN_POINTER(v);
}

// A value beyond float becomes infinite and is refused as such; one below becomes zero.
VQ_FUNCTION(vq_array_to_vector)
{
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
    int32 typmod = PG_GETARG_INT32(1);

    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
    if (ARR_HASNULL(array) && array_contains_nulls(array))
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls")));

    int dim = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    check_dim(dim);
    check_expected_dim(typmod, dim);

    Vector *result = new_vector(dim);
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
        check_element(result->x[i]);
    PG_RETURN_POINTER(result);
}

VQ_FUNCTION(vq_vector_to_float4)
{
    Vector *v = PG_GETARG_VECTOR(0);
    Size bytes = ARR_OVERHEAD_NONULLS(1) + sizeof(float4) * (Size)v->dim;
    ArrayType *result = (ArrayType *)palloc0(bytes);

    SET_VARSIZE(result, bytes);
    result->ndim = 1;
    result->dataoffset = 0;
    result->elemtype = FLOAT4OID;
    ARR_DIMS(result)[0] = v->dim;
    ARR_LBOUND(result)[0] = 1;
    memcpy(ARR_DATA_PTR(result), v->x, sizeof(float4) * (Size)v->dim);
    PG_RETURN_ARRAYTYPE_P(result);
}
