#include "ivf/row/vector_datum.h"

#include "core/half.h"
#include "types/distance.h"
#include "types/halfvec.h"

namespace vq::ivf {

using simd::Element;

namespace {

struct Elements
{
    int dims;
    const void *data;
};

Elements elements(Datum value, Element element)
{
    if (element == Element::FP16) {
        const HalfVector *v = datum_get_vector<HalfVector>(value);
        return {v->dim, v->x};
    }
    const Vector *v = datum_get_vector(value);
    return {v->dim, v->x};
}

} // namespace

uint32_t dims_of_datum(Datum value, Element element)
{
    return (uint32_t)elements(value, element).dims;
}

const void *elements_of_datum(Datum value, Element element, uint32_t dims, Relation index)
{
    const Elements v = elements(value, element);
    if ((uint32_t)v.dims != dims)
        ereport(
            ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected %u dimensions, not %d", dims, v.dims),
             errdetail("Index \"%s\" was built for %u dimensions.", RelationGetRelationName(index), dims)));
    return v.data;
}

const void *elements_of_query(Datum value, Element element, uint32_t dims)
{
    const Elements v = elements(value, element);
    if ((uint32_t)v.dims != dims)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("different %s dimensions %u and %d",
                               element == Element::FP16 ? "halfvec" : "vector", dims, v.dims)));
    return v.data;
}

const float *as_floats(const void *elements, Element element, uint32_t dims)
{
    if (element == Element::FP32)
        return (const float *)elements;
    float *out = (float *)palloc(dims * sizeof(float));
    simd::kernels().half_to_float((const uint16_t *)elements, out, dims);
    return out;
}

Datum make_vector_datum(Element element, uint32_t dims)
{
    Vector *v = (Vector *)palloc0(vector_datum_bytes(element, dims)); // a halfvec begins alike
    SET_VARSIZE(v, vector_datum_bytes(element, dims));
    v->dim = (int16)dims;
    return PointerGetDatum(v);
}

Datum copy_vector_datum(Datum value, Element element, uint32_t dims)
{
    (void)elements_of_query(value, element, dims);
    return PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
}

void fill_vector_datum(struct varlena *datum, Element element, const float *x, uint32_t dims)
{
    if (element == Element::FP32)
        memcpy(((Vector *)datum)->x, x, dims * sizeof(float));
    else
        for (uint32_t i = 0; i < dims; i++)
            ((HalfVector *)datum)->x[i] = float_to_half(x[i]);
}

bool is_own_distance(const FmgrInfo &function)
{
    const PGFunction own[] = {
        vq_l2_distance,         vq_vector_negative_inner_product,  vq_cosine_distance,
        vq_halfvec_l2_distance, vq_halfvec_negative_inner_product, vq_halfvec_cosine_distance};
    return std::find(own, own + lengthof(own), function.fn_addr) != own + lengthof(own);
}

Size vector_datum_bytes(Element element, uint32_t dims)
{
    return element == Element::FP16 ? vector_size<HalfVector>((int)dims) : vector_size<Vector>((int)dims);
}

} // namespace vq::ivf
