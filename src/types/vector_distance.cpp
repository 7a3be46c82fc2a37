// The distance functions and operators. Formulas: core/distance.h, which the index's rerank shares.
#include "core/distance.h"
#include "types/vector.h"

using namespace vq;

namespace {

template <double (*kDistance)(const float *, const float *, size_t) noexcept>
Datum distance(FunctionCallInfo fcinfo)
{
    Vector *a = PG_GETARG_VECTOR(0);
    Vector *b = PG_GETARG_VECTOR(1);
    check_same_dim(a, b);
    PG_RETURN_FLOAT8(kDistance(a->x, b->x, (size_t)a->dim));
}

} // namespace

VQ_FUNCTION(vq_l2_distance)
{
    return distance<l2_distance>(fcinfo);
}
VQ_FUNCTION(vq_vector_l2_squared_distance)
{
    return distance<l2_squared>(fcinfo);
}
VQ_FUNCTION(vq_inner_product)
{
    return distance<inner_product>(fcinfo);
}
VQ_FUNCTION(vq_vector_negative_inner_product)
{
    return distance<negative_inner_product>(fcinfo);
}
VQ_FUNCTION(vq_cosine_distance)
{
    return distance<cosine_distance>(fcinfo);
}
VQ_FUNCTION(vq_vector_spherical_distance)
{
    return distance<spherical_distance>(fcinfo);
}
VQ_FUNCTION(vq_l1_distance)
{
    return distance<l1_distance>(fcinfo);
}
