// The distance functions and operators. Formulas: core/distance.h, which the index's rerank shares.
#include "core/distance.h"
#include "pg/toast.h"
#include "types/vector.h"

using namespace vq;

namespace {

// An argument to look at only: not fetched again if an index scan of ours has just read it.
struct Operand
{
    const struct varlena *stored;
    const Vector *vector;
    bool recent; // it belongs to a scan
};

Operand operand(Datum datum)
{
    const struct varlena *stored = (const struct varlena *)DatumGetPointer(datum);
    const struct varlena *recent = pg::toast_recent(stored);
    if (recent)
        return {stored, (const Vector *)recent, true};
    return {stored, datum_get_vector(datum), false};
}

// Keeping a value drops the one kept before, so it has to wait until nobody looks at either operand.
void keep(const Operand &o)
{
    if (!o.recent)
        pg::toast_keep(o.stored, (const struct varlena *)o.vector);
}

template <double (*kDistance)(const float *, const float *, size_t) noexcept>
Datum distance(FunctionCallInfo fcinfo)
{
    const Operand a = operand(PG_GETARG_DATUM(0)), b = operand(PG_GETARG_DATUM(1));
    check_same_dim(a.vector, b.vector);
    const double result = kDistance(a.vector->x, b.vector->x, (size_t)a.vector->dim);
    keep(a);
    keep(b);
    PG_RETURN_FLOAT8(result);
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
