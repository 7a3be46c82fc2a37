// avg of vectors and halfvecs. The state is a float8 array {rows, sum of x[0], sum of x[1], ...}, {0} before the
// first row; sum needs only the + operator. The state functions are callable from SQL, so they check what they
// are given.
#include "types/both.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/float.h"
}

using namespace vq;

namespace {

// A view of a state array.
struct State
{
    float8 *rows;
    float8 *sums; // dim of them
    int dim;      // 0: no row yet
};

State view(ArrayType *array)
{
    float8 *values = (float8 *)ARR_DATA_PTR(array);
    return {values, values + 1, ARR_DIMS(array)[0] - 1};
}

// type, function: who asks, for the message.
State check_state(ArrayType *array, const char *type, const char *function)
{
    if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] < 1 || ARR_HASNULL(array) ||
        ARR_ELEMTYPE(array) != FLOAT8OID)
        elog(ERROR, "%s_%s: expected state array", type, function);
    return view(array);
}

// dim is 0..kVectorMaxDims or that of a state that exists already.
ArrayType *new_state(int dim)
{
    Size bytes = ARR_OVERHEAD_NONULLS(1) + sizeof(float8) * ((Size)dim + 1);
    ArrayType *array = (ArrayType *)palloc0(bytes);
    SET_VARSIZE(array, bytes);
    array->ndim = 1;
    array->dataoffset = 0;
    array->elemtype = FLOAT8OID;
    ARR_DIMS(array)[0] = dim + 1;
    ARR_LBOUND(array)[0] = 1;
    return array;
}

float8 checked_sum(float8 a, float8 b)
{
    float8 sum = a + b;
    if (std::isinf(sum))
        float_overflow_error();
    return sum;
}

template <class V>
Datum accumulate(FunctionCallInfo fcinfo)
{
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
    V *v = vector_arg<V>(fcinfo, 1);
    State state = check_state(array, V::Element::kType, "accum");

    if (state.dim != 0)
        check_expected_dim(state.dim, v->dim);

    // Inside an aggregate the state is ours to change, once it has its size.
    bool in_place = state.dim != 0 && AggCheckCallContext(fcinfo, nullptr);
    ArrayType *result = in_place ? array : new_state(v->dim);
    State next = view(result);

    *next.rows = *state.rows + 1.0;
    for (int i = 0; i < v->dim; i++)
        next.sums[i] = state.dim == 0 ? (float8)v->at(i) : checked_sum(state.sums[i], v->at(i));
    PG_RETURN_ARRAYTYPE_P(result);
}

template <class V>
Datum average(FunctionCallInfo fcinfo)
{
    State state = check_state(PG_GETARG_ARRAYTYPE_P(0), V::Element::kType, "avg");
    if (*state.rows == 0.0)
        PG_RETURN_NULL(); // the average of nothing, in SQL

    check_dim<V>(state.dim);
    V *result = new_vector<V>(state.dim);
    for (int i = 0; i < state.dim; i++) {
        result->x[i] = to_element<V>((float)(state.sums[i] / *state.rows));
        check_element<V>(result->x[i]);
    }
    PG_RETURN_POINTER(result);
}

} // namespace

// Joins the states of two workers, either of which may have seen no row. halfvec_combine is the same function,
// as in pgvector: it speaks of vectors.
VQ_FUNCTION(vq_vector_combine)
{
    State a = check_state(PG_GETARG_ARRAYTYPE_P(0), "vector", "combine");
    State b = check_state(PG_GETARG_ARRAYTYPE_P(1), "vector", "combine");
    int dim = a.dim != 0 ? a.dim : b.dim;

    if (dim != 0)
        check_dim<Vector>(dim);
    if (a.dim != 0 && b.dim != 0)
        check_expected_dim(a.dim, b.dim);

    ArrayType *result = new_state(dim);
    State joined = view(result);
    *joined.rows = *a.rows + *b.rows;
    for (int i = 0; i < dim; i++)
        joined.sums[i] = a.dim == 0 ? b.sums[i] : b.dim == 0 ? a.sums[i] : checked_sum(a.sums[i], b.sums[i]);
    PG_RETURN_ARRAYTYPE_P(result);
}

VQ_DEFINE_BOTH(vq_vector_accum, vq_halfvec_accum, accumulate)
VQ_DEFINE_BOTH(vq_vector_avg, vq_halfvec_avg, average)
