// Element-wise operators, comparison and the functions of one vector.
#include "core/distance.h"
#include "types/vector.h"

extern "C" {
#include "utils/float.h"
#include "utils/varbit.h"
}

using namespace vq;

namespace {

void check_overflow(const Vector *v)
{
    for (int i = 0; i < v->dim; i++)
        if (std::isinf(v->x[i]))
            float_overflow_error();
}

// Elements in order, then the shorter first: as arrays. Never sees NaN.
int compare(const Vector *a, const Vector *b)
{
    int common = std::min(a->dim, b->dim);
    for (int i = 0; i < common; i++) {
        if (a->x[i] < b->x[i])
            return -1;
        if (a->x[i] > b->x[i])
            return 1;
    }
    return (a->dim > b->dim) - (a->dim < b->dim);
}

int compare_args(FunctionCallInfo fcinfo)
{
    return compare(PG_GETARG_VECTOR(0), PG_GETARG_VECTOR(1));
}

} // namespace

VQ_FUNCTION(vq_vector_add)
{
    Vector *a = PG_GETARG_VECTOR(0);
    Vector *b = PG_GETARG_VECTOR(1);
    check_same_dim(a, b);

    Vector *result = new_vector(a->dim);
    for (int i = 0; i < a->dim; i++)
        result->x[i] = a->x[i] + b->x[i];
    check_overflow(result);
    PG_RETURN_POINTER(result);
}

VQ_FUNCTION(vq_vector_sub)
{
    Vector *a = PG_GETARG_VECTOR(0);
    Vector *b = PG_GETARG_VECTOR(1);
    check_same_dim(a, b);

    Vector *result = new_vector(a->dim);
    for (int i = 0; i < a->dim; i++)
        result->x[i] = a->x[i] - b->x[i];
    check_overflow(result);
    PG_RETURN_POINTER(result);
}

// A product that vanishes although neither factor is zero is an error, as in float4.
VQ_FUNCTION(vq_vector_mul)
{
    Vector *a = PG_GETARG_VECTOR(0);
    Vector *b = PG_GETARG_VECTOR(1);
    check_same_dim(a, b);

    Vector *result = new_vector(a->dim);
    for (int i = 0; i < a->dim; i++)
        result->x[i] = a->x[i] * b->x[i];
    for (int i = 0; i < a->dim; i++) {
        if (std::isinf(result->x[i]))
            float_overflow_error();
        if (result->x[i] == 0 && a->x[i] != 0 && b->x[i] != 0)
            float_underflow_error();
    }
    PG_RETURN_POINTER(result);
}

VQ_FUNCTION(vq_vector_concat)
{
    Vector *a = PG_GETARG_VECTOR(0);
    Vector *b = PG_GETARG_VECTOR(1);
    int dim = a->dim + b->dim;
    check_dim(dim);

    Vector *result = new_vector(dim);
    memcpy(result->x, a->x, sizeof(float) * (Size)a->dim);
    memcpy(result->x + a->dim, b->x, sizeof(float) * (Size)b->dim);
    PG_RETURN_POINTER(result);
}

VQ_FUNCTION(vq_vector_cmp)
{
    PG_RETURN_INT32(compare_args(fcinfo));
}
VQ_FUNCTION(vq_vector_lt)
{
    PG_RETURN_BOOL(compare_args(fcinfo) < 0);
}
VQ_FUNCTION(vq_vector_le)
{
    PG_RETURN_BOOL(compare_args(fcinfo) <= 0);
}
VQ_FUNCTION(vq_vector_eq)
{
    PG_RETURN_BOOL(compare_args(fcinfo) == 0);
}
VQ_FUNCTION(vq_vector_ne)
{
    PG_RETURN_BOOL(compare_args(fcinfo) != 0);
}
VQ_FUNCTION(vq_vector_ge)
{
    PG_RETURN_BOOL(compare_args(fcinfo) >= 0);
}
VQ_FUNCTION(vq_vector_gt)
{
    PG_RETURN_BOOL(compare_args(fcinfo) > 0);
}

VQ_FUNCTION(vq_vector_dims)
{
    PG_RETURN_INT32(PG_GETARG_VECTOR(0)->dim);
}

VQ_FUNCTION(vq_vector_norm)
{
    Vector *v = PG_GETARG_VECTOR(0);
    PG_RETURN_FLOAT8(l2_norm(v->x, (size_t)v->dim));
}

// The zero vector stays as it is.
VQ_FUNCTION(vq_l2_normalize)
{
    Vector *v = PG_GETARG_VECTOR(0);
    Vector *result = new_vector(v->dim);
    double norm = l2_norm(v->x, (size_t)v->dim);

    for (int i = 0; i < v->dim; i++)
        result->x[i] = norm > 0 ? (float)(v->x[i] / norm) : 0.0f;
    check_overflow(result);
    PG_RETURN_POINTER(result);
}

// Bit i is set where element i is positive; bits count from the highest bit of the first byte.
VQ_FUNCTION(vq_binary_quantize)
{
    Vector *v = PG_GETARG_VECTOR(0);
    int bytes = VARBITTOTALLEN(v->dim);
    VarBit *result = (VarBit *)palloc0((Size)bytes);
    SET_VARSIZE(result, bytes);
    VARBITLEN(result) = v->dim;

    auto *bits = VARBITS(result);
    for (int i = 0; i < v->dim; i++)
        bits[i / 8] |= (uint8)((v->x[i] > 0) << (7 - i % 8));
    PG_RETURN_VARBIT_P(result);
}

// subvector(v, start, count): elements start .. start + count - 1 that exist, counted from 1, as substring().
VQ_FUNCTION(vq_subvector)
{
    Vector *v = PG_GETARG_VECTOR(0);
    int64 start = PG_GETARG_INT32(1);
    int64 count = PG_GETARG_INT32(2);

    int64 first = std::max<int64>(start, 1);
    int64 end = std::min<int64>(start + count, v->dim + 1);
    int64 dim = count < 1 || first > v->dim ? 0 : end - first;
    check_dim((int)std::max<int64>(dim, 0));

    Vector *result = new_vector((int)dim);
    memcpy(result->x, v->x + (first - 1), sizeof(float) * (Size)dim);
    PG_RETURN_POINTER(result);
}
