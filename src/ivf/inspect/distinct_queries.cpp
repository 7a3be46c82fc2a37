#include "ivf/inspect/distinct_queries.h"

#include "core/magnitude.h"
#include "ivf/row/normalize.h"
#include "ivf/row/rows.h"
#include "ivf/row/table_rows.h"
#include "ivf/row/vector_datum.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

static float *floats(uint32_t count, uint32_t dims)
{
    return (float *)palloc_extended((Size)count * dims * sizeof(float), MCXT_ALLOC_HUGE);
}

RowPlaces find_places(Relation rel, const Index *index, const Datum *values, uint32_t count)
{
    const uint32_t dims = index->meta.options.dims, space_dims = index->shape.space_dims;
    RowPlaces p = {rel,
                   index,
                   count,
                   floats(count, dims),
                   floats(count, space_dims),
                   (double *)palloc0(count * sizeof(double))};
    const float unit = index->cosine() ? 1 : index->meta.scale;
    RowEncoder encoder;
    encoder_open(&encoder, rel, index);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        float *x = p.vectors + (size_t)i * dims;
        memcpy(x, vector_of_datum(values[i], index->element(), dims, rel), dims * sizeof(float));
        EncodedRow row;
        encode_row(&encoder, x, &row); // drawn rows belong in the index
        if (index->cosine())
            normalized(x, dims, x);
        scaled(encoder.residual, space_dims, 1 / unit, p.residuals + (size_t)i * space_dims);
        p.distance[i] = encoder.distance / unit;
    }
    return p;
}

// From the residual of row i to that of another.
static void residual_step(const RowPlaces &p, uint32_t i, float *step)
{
    const uint32_t n = p.index->shape.space_dims, other = (i + p.count / 2) % p.count;
    for (uint32_t d = 0; d < n; d++)
        step[d] = p.residuals[(size_t)other * n + d] - p.residuals[(size_t)i * n + d];
}

// The vectors moved by steps of codec space. With the isometry R, the d-th coordinate of R' s is <R e_d, s>: so R is applied to
// each axis once, and nobody needs its inverse.
static void add_steps(const RowPlaces &p, const float *steps)
{
    const Space &space = p.index->space();
    const auto &k = simd::kernels();
    float *axis = (float *)palloc0(space.dims * sizeof(float));
    float *moved = floats(1, space.space_dims);
    for (uint32_t d = 0; d < space.dims; d++) {
        CHECK_FOR_INTERRUPTS();
        axis[d] = 1;
        space.ops->transform(space.image, axis, moved);
        axis[d] = 0;
        for (uint32_t i = 0; i < p.count; i++)
            p.vectors[(size_t)i * space.dims + d] +=
                k.dot(moved, steps + (size_t)i * space.space_dims, space.space_dims);
    }
}

void move_off_rows(const RowPlaces &p, bool *marked, Datum *values)
{
    const Index &index = *p.index;
    const uint32_t dims = index.meta.options.dims, space_dims = index.shape.space_dims;
    const Size bytes = vector_datum_bytes(index.element(), dims);
    float *steps = floats(p.count, space_dims);
    for (uint32_t i = 0; i < p.count; i++)
        residual_step(p, i, steps + (size_t)i * space_dims);
    add_steps(p, steps);
    for (uint32_t i = 0; i < p.count; i++) {
        marked[i] = marked[i] && !is_zero(steps + (size_t)i * space_dims, space_dims);
        if (!marked[i])
            continue;
        const Datum query = make_vector_datum(index.element(), dims);
        fill_vector_datum((struct varlena *)DatumGetPointer(query), index.element(),
                          p.vectors + (size_t)i * dims, dims);
        const float *x = vector_of_datum(query, index.element(), dims, p.rel);
        marked[i] = all_finite(x, dims) && belongs_in_index(index, x) &&
                    memcmp(DatumGetPointer(query), DatumGetPointer(values[i]), bytes) != 0;
        if (marked[i])
            values[i] = query;
    }
}

} // namespace vq::ivf
