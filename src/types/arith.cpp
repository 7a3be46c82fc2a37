// Element-wise operators, comparison and the functions of one vector.
#include "core/distance.h"
#include "types/both.h"

extern "C" {
#include "utils/float.h"
#include "utils/varbit.h"
}

#include <functional>

using namespace vq;

namespace {

template <class V>
void check_overflow(const V *v)
{
    for (int i = 0; i < v->dim; i++)
        if (std::isinf(v->at(i)))
            float_overflow_error();
}

// op(x, y) of every pair of elements, computed in float and rounded to an element once: the sum and the product of
// two halfs are exact in float or round as if they were.
template <class V, class Op>
V *combine(const V *a, const V *b, Op op)
{
    check_same_dim(a, b);
    V *result = new_vector<V>(a->dim);
    for (int i = 0; i < a->dim; i++)
        result->x[i] = V::Element::nearest(op(a->at(i), b->at(i)));
    check_overflow(result);
    return result;
}

template <class V>
Datum add(FunctionCallInfo fcinfo)
{
    PG_RETURN_POINTER(
        combine(vector_arg<V>(fcinfo, 0), vector_arg<V>(fcinfo, 1), [](float x, float y) { return x + y; }));
}

template <class V>
Datum subtract(FunctionCallInfo fcinfo)
{
    PG_RETURN_POINTER(
        combine(vector_arg<V>(fcinfo, 0), vector_arg<V>(fcinfo, 1), [](float x, float y) { return x - y; }));
}

// A product that vanishes although neither factor is zero is an error, as in float4. The first element that is
// wrong decides which.
template <class V>
Datum multiply(FunctionCallInfo fcinfo)
{
    V *a = vector_arg<V>(fcinfo, 0);
    V *b = vector_arg<V>(fcinfo, 1);
    check_same_dim(a, b);

    V *result = new_vector<V>(a->dim);
    for (int i = 0; i < a->dim; i++)
        result->x[i] = V::Element::nearest(a->at(i) * b->at(i));
    for (int i = 0; i < a->dim; i++) {
        if (std::isinf(result->at(i)))
            float_overflow_error();
        if (result->at(i) == 0 && a->at(i) != 0 && b->at(i) != 0)
            float_underflow_error();
    }
    PG_RETURN_POINTER(result);
}

template <class V>
Datum concat(FunctionCallInfo fcinfo)
{
    V *a = vector_arg<V>(fcinfo, 0);
    V *b = vector_arg<V>(fcinfo, 1);
    int dim = a->dim + b->dim;
    check_dim<V>(dim);

    V *result = new_vector<V>(dim);
    memcpy(result->x, a->x, sizeof *a->x * (Size)a->dim);
    memcpy(result->x + a->dim, b->x, sizeof *b->x * (Size)b->dim);
    PG_RETURN_POINTER(result);
}

// Elements in order, then the shorter first: as arrays. Never sees NaN.
template <class V>
int compare(FunctionCallInfo fcinfo)
{
    const V *a = vector_arg<V>(fcinfo, 0), *b = vector_arg<V>(fcinfo, 1);
    int common = std::min(a->dim, b->dim);
    for (int i = 0; i < common; i++) {
        const float x = a->at(i), y = b->at(i);
        if (x < y)
            return -1;
        if (x > y)
            return 1;
    }
    return (a->dim > b->dim) - (a->dim < b->dim);
}

// A comparison operator: Holds stands between the vectors as between what compare() returns and 0.
template <class V, class Holds>
Datum compares(FunctionCallInfo fcinfo)
{
    PG_RETURN_BOOL(Holds()(compare<V>(fcinfo), 0));
}

template <class V>
Datum cmp(FunctionCallInfo fcinfo)
{
    PG_RETURN_INT32(compare<V>(fcinfo));
}

template <class V>
Datum dims(FunctionCallInfo fcinfo)
{
    PG_RETURN_INT32(vector_arg<V>(fcinfo, 0)->dim);
}

template <class V>
Datum norm(FunctionCallInfo fcinfo)
{
    V *v = vector_arg<V>(fcinfo, 0);
    PG_RETURN_FLOAT8(l2_norm(v->x, (size_t)v->dim));
}

// The zero vector stays as it is.
template <class V>
Datum normalize(FunctionCallInfo fcinfo)
{
    V *v = vector_arg<V>(fcinfo, 0);
    V *result = new_vector<V>(v->dim);
    double norm = l2_norm(v->x, (size_t)v->dim);

    for (int i = 0; i < v->dim; i++)
        result->x[i] = V::Element::nearest(norm > 0 ? (float)(v->at(i) / norm) : 0.0f);
    check_overflow(result);
    PG_RETURN_POINTER(result);
}

// Bit i is set where element i is positive; bits count from the highest bit of the first byte.
template <class V>
Datum binary_quantize(FunctionCallInfo fcinfo)
{
    V *v = vector_arg<V>(fcinfo, 0);
    int bytes = VARBITTOTALLEN(v->dim);
    VarBit *result = (VarBit *)palloc0((Size)bytes);
    SET_VARSIZE(result, bytes);
    VARBITLEN(result) = v->dim;

    auto *bits = VARBITS(result);
    for (int i = 0; i < v->dim; i++)
        bits[i / 8] |= (uint8)((v->at(i) > 0) << (7 - i % 8));
    PG_RETURN_VARBIT_P(result);
}

// subvector(v, start, count): elements start .. start + count - 1 that exist, counted from 1, as substring().
template <class V>
Datum subvector(FunctionCallInfo fcinfo)
{
    V *v = vector_arg<V>(fcinfo, 0);
    int64 start = PG_GETARG_INT32(1);
    int64 count = PG_GETARG_INT32(2);

    int64 first = std::max<int64>(start, 1);
    int64 end = std::min<int64>(start + count, v->dim + 1);
    int64 dim = count < 1 || first > v->dim ? 0 : end - first;
    check_dim<V>((int)std::max<int64>(dim, 0));

    V *result = new_vector<V>((int)dim);
    memcpy(result->x, v->x + (first - 1), sizeof *v->x * (Size)dim);
    PG_RETURN_POINTER(result);
}

} // namespace

VQ_DEFINE_BOTH(vq_vector_add, vq_halfvec_add, add)
VQ_DEFINE_BOTH(vq_vector_sub, vq_halfvec_sub, subtract)
VQ_DEFINE_BOTH(vq_vector_mul, vq_halfvec_mul, multiply)
VQ_DEFINE_BOTH(vq_vector_concat, vq_halfvec_concat, concat)
VQ_DEFINE_BOTH(vq_vector_cmp, vq_halfvec_cmp, cmp)
VQ_DEFINE_BOTH(vq_vector_lt, vq_halfvec_lt, compares, std::less<>)
VQ_DEFINE_BOTH(vq_vector_le, vq_halfvec_le, compares, std::less_equal<>)
VQ_DEFINE_BOTH(vq_vector_eq, vq_halfvec_eq, compares, std::equal_to<>)
VQ_DEFINE_BOTH(vq_vector_ne, vq_halfvec_ne, compares, std::not_equal_to<>)
VQ_DEFINE_BOTH(vq_vector_ge, vq_halfvec_ge, compares, std::greater_equal<>)
VQ_DEFINE_BOTH(vq_vector_gt, vq_halfvec_gt, compares, std::greater<>)
VQ_DEFINE_BOTH(vq_vector_dims, vq_halfvec_dims, dims)
VQ_DEFINE_BOTH(vq_vector_norm, vq_halfvec_norm, norm)
VQ_DEFINE_BOTH(vq_l2_normalize, vq_halfvec_l2_normalize, normalize)
VQ_DEFINE_BOTH(vq_binary_quantize, vq_halfvec_binary_quantize, binary_quantize)
VQ_DEFINE_BOTH(vq_subvector, vq_halfvec_subvector, subvector)
