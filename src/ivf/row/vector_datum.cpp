#include "ivf/row/vector_datum.h"

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

Size vector_datum_bytes(Element element, uint32_t dims)
{
    return element == Element::FP16 ? vector_size<HalfVector>((int)dims) : vector_size<Vector>((int)dims);
}

} // namespace vq::ivf
