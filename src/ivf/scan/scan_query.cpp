#include "ivf/scan/scan_query.h"

#include "ivf/row/normalize.h"
#include "ivf/row/vector_datum.h"
#include "ivf/scan/probes.h"
#include "pg/memory.h"

namespace vq::ivf {

// A NULL query, and a zero one under cosine, has the same distance to every row: rows come in no particular
// order.
static ExactQuery stored_query(const Index &index, const ScanKeyData &key)
{
    const Element element = index.element();
    const uint32_t dims = index.meta.options.dims;
    const size_t bytes = dims * (element == Element::FP16 ? sizeof(uint16_t) : sizeof(float));
    void *stored = palloc0(bytes);
    if (!(key.sk_flags & SK_ISNULL))
        memcpy(stored, elements_of_query(key.sk_argument, element, dims), bytes);
    ExactQuery query = exact_query((Metric)index.meta.metric, element, dims, stored);
    query.unordered |= (key.sk_flags & SK_ISNULL) != 0;
    return query;
}

void prepare_query(ScanQuery *query, Relation rel, const ScanKeyData &key)
{
    const Index &index = *(query->index = open_index(rel, CurrentMemoryContext));
    query->settings = access_method(rel)->settings((const IndexOptions *)rel->rd_options);
    query->epsilon = (float)epsilon_of(index.meta, query->settings) * index.meta.error_scale;
    query->exact = stored_query(index, key);
    const uint32_t dims = index.meta.options.dims;
    const float *q = query->exact.vector;
    if (index.cosine())
        q = normalized(q, dims, (float *)palloc(dims * sizeof(float)));
    float *scratch = (float *)palloc(dims * sizeof(float));
    float *moved = (float *)pg::aligned_palloc(index.shape.space_dims * sizeof(float));
    query->space = space_query(index.space, q, moved, scratch);
    query->state = pg::aligned_palloc(index.shape.query_bytes);
    index.codec->prepare(index.space.image, moved, query->settings.query_bits, query->state);
}

} // namespace vq::ivf
