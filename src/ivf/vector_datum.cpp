#include "ivf/vector_datum.h"

#include "types/vector.h"

namespace vq::ivf {

const float *vector_of_datum(Datum value, uint32_t dims, Relation index)
{
    const Vector *v = datum_get_vector(value);
    if ((uint32_t)v->dim != dims)
        ereport(
            ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION), errmsg("expected %u dimensions, not %d", dims, v->dim),
             errdetail("Index \"%s\" was built for %u dimensions.", RelationGetRelationName(index), dims)));
    return v->x;
}

const float *query_of_datum(Datum value, uint32_t dims)
{
    const Vector *v = datum_get_vector(value);
    if ((uint32_t)v->dim != dims)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("different vector dimensions %u and %d", dims, v->dim)));
    return v->x;
}

Size vector_datum_bytes(uint32_t dims)
{
    return vector_size((int)dims);
}

} // namespace vq::ivf
