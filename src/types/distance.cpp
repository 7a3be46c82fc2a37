// The distance functions and operators. Formulas: core/distance.h, which the index's rerank shares.
#include "core/distance.h"
#include "pg/recent_values.h"
#include "types/both.h"

using namespace vq;

namespace {

// An argument to look at only: not fetched again if an index scan of ours has just read it (pg/recent_values.h).
template <class V>
struct Operand
{
    const struct varlena *stored;
    const V *vector;
    bool recent; // it belongs to a scan
};

template <class V>
Operand<V> operand(Datum datum)
{
    const struct varlena *stored = (const struct varlena *)DatumGetPointer(datum);
    const struct varlena *recent = pg::recent_find(stored);
    if (recent)
        return {stored, (const V *)recent, true};
    return {stored, datum_get_vector<V>(datum), false};
}

// Keeping a value drops the one kept before, so it has to wait until nobody looks at either operand.
template <class V>
void keep(const Operand<V> &o)
{
    if (!o.recent)
        pg::recent_keep(o.stored, (const struct varlena *)o.vector);
}

template <class V>
using Distance = double (*)(const typename V::Stored *, const typename V::Stored *, size_t) noexcept;

template <class V, Distance<V> kDistance>
Datum distance(FunctionCallInfo fcinfo)
{
    double known;
    if (fcinfo->flinfo &&
        pg::recent_distance(fcinfo->flinfo->fn_addr, (const struct varlena *)PG_GETARG_POINTER(0),
                            (const struct varlena *)PG_GETARG_POINTER(1), &known))
        PG_RETURN_FLOAT8(known);
    const Operand a = operand<V>(PG_GETARG_DATUM(0)), b = operand<V>(PG_GETARG_DATUM(1));
    check_same_dim(a.vector, b.vector);
    const double result = kDistance(a.vector->x, b.vector->x, (size_t)a.vector->dim);
    keep(a);
    keep(b);
    PG_RETURN_FLOAT8(result);
}

} // namespace

VQ_DEFINE_BOTH(vq_l2_distance, vq_halfvec_l2_distance, distance, l2_distance)
VQ_DEFINE_BOTH(vq_inner_product, vq_halfvec_inner_product, distance, inner_product)
VQ_DEFINE_BOTH(vq_cosine_distance, vq_halfvec_cosine_distance, distance, cosine_distance)
VQ_DEFINE_BOTH(vq_l1_distance, vq_halfvec_l1_distance, distance, l1_distance)
VQ_DEFINE_BOTH(vq_vector_l2_squared_distance, vq_halfvec_l2_squared_distance, distance, l2_squared)
VQ_DEFINE_BOTH(vq_vector_negative_inner_product, vq_halfvec_negative_inner_product, distance,
               negative_inner_product)
VQ_DEFINE_BOTH(vq_vector_spherical_distance, vq_halfvec_spherical_distance, distance, spherical_distance)
