#include "ivf/row/about_origins.h"

#include "pg/memory.h"

extern "C" {
#include "utils/memutils.h"
}

namespace vq::ivf {

static_assert(kMostOrigins <= 32); // bits of AboutOrigins

// Apart by a multiple of 64 bytes.
static size_t floats_apart(const Index &index)
{
    return ((size_t)index.shape.space_dims + 15) / 16 * 16;
}

void about_open(AboutOrigins *a, const Index *index, Scores scores, int query_bits)
{
    const size_t floats = (1 + index->meta.further_origins) * floats_apart(*index);
    *a = {};
    a->index = index;
    a->scores = scores;
    a->query_bits = query_bits;
    a->coordinates = (float *)pg::aligned_palloc(floats * sizeof(float));
    a->scratch = (float *)palloc(index->meta.options.dims * sizeof(float));
    a->memory = CurrentMemoryContext;
}

void about_vector(AboutOrigins *a, const float *x, double factor)
{
    a->vector = x;
    a->factor = factor;
    a->moved_made = a->tables_made = 0;
}

const Space &space_about(const AboutOrigins &a, uint32_t origin)
{
    const Origin &o = a.index->origins[origin];
    return a.scores == Scores::ByL2 ? o.assign_space : o.space;
}

// Where the vector moved about an origin goes.
static float *coordinates_about(const AboutOrigins &a, uint32_t origin)
{
    return a.coordinates + origin * floats_apart(*a.index);
}

void move_together(AboutOrigins *const *about, uint32_t n)
{
    const float *vectors[kMovedTogether];
    double factors[kMovedTogether];
    float *moved[kMovedTogether], *scratch[kMovedTogether];
    SpaceQuery made[kMovedTogether];
    for (uint32_t i = 0; i < n; i++) {
        vectors[i] = about[i]->vector;
        factors[i] = about[i]->factor;
        moved[i] = coordinates_about(*about[i], 0);
        scratch[i] = about[i]->scratch;
    }
    space_queries(space_about(*about[0], 0), n, vectors, factors, moved, scratch, made);
    for (uint32_t i = 0; i < n; i++) {
        about[i]->moved[0] = made[i];
        about[i]->moved_made |= 1;
    }
}

const SpaceQuery &moved_about(AboutOrigins *a, uint32_t origin)
{
    const uint32_t bit = 1u << origin;
    if ((a->moved_made & bit) == 0) {
        a->moved[origin] = space_query(space_about(*a, origin), a->vector, a->factor,
                                       coordinates_about(*a, origin), a->scratch);
        a->moved_made |= bit;
    }
    return a->moved[origin];
}

const void *tables_about(AboutOrigins *a, uint32_t origin)
{
    const uint32_t bit = 1u << origin;
    if ((a->tables_made & bit) == 0) {
        const Index &index = *a->index;
        if (a->tables[origin] == nullptr) {
            MemoryContext old = MemoryContextSwitchTo(a->memory);
            a->tables[origin] = pg::aligned_palloc(index.shape.query_bytes);
            MemoryContextSwitchTo(old);
        }
        index.codec->prepare(index.space().image, moved_about(a, origin).moved, a->query_bits,
                             a->tables[origin]);
        a->tables_made |= bit;
    }
    return a->tables[origin];
}

} // namespace vq::ivf
