// The distance functions and operators. Formulas: core/distance.h, which the index's rerank shares.
#include "core/distance.h"
#include "pg/toast.h"
#include "types/vector.h"

using namespace vq;

namespace {

// A vector to look at only: not fetched again if an index scan of ours has just read it.
const Vector *vector_to_read(Datum datum)
{
    const struct varlena *stored = (const struct varlena *)DatumGetPointer(datum);
    const struct varlena *recent = pg::toast_recent(stored);
    if (recent)
        return (const Vector *)recent;
    const Vector *v = datum_get_vector(datum);
    pg::toast_keep(stored, (const struct varlena *)v);
    return v;
}

template <double (*kDistance)(const float *, const float *, size_t) noexcept>
Datum distance(FunctionCallInfo fcinfo)
{
    const Vector *a = vector_to_read(PG_GETARG_DATUM(0));
    const Vector *b = vector_to_read(PG_GETARG_DATUM(1));
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
