#include "ivf/scan/scan_query.h"

#include "ivf/row/normalize.h"
#include "ivf/scan/probes.h"

namespace vq::ivf {

void prepare_query(ScanQuery *query, Relation rel, const ScanKeyData &key)
{
    const Index &index = *(query->index = open_index(rel, CurrentMemoryContext));
    query->filter = {};
    query->settings = access_method(rel)->settings((const IndexOptions *)rel->rd_options);
    query->epsilon = (float)epsilon_of(index, query->settings) * index.meta.error_scale;
    const uint32_t dims = index.meta.options.dims;
    query->exact = exact_query((Metric)index.meta.metric, index.element(), dims, key);
    const double factor = set_score_scale(&query->exact, index);
    query->about = (AboutOrigins *)palloc(sizeof(AboutOrigins));
    about_open(query->about, query->index, Scores::OfMetric, query->settings.query_bits);
    about_vector(query->about, query->exact.vector, factor);
    set_limit(query, {});
}

// Whether the query alone tells that every row is beyond the limit.
static bool nothing_passes(const ExactQuery &query, const DistanceLimit &limit)
{
    if (!is_limited(limit) || limit.nan_passes)
        return false;
    if (query.is_null || limit.most < least_distance(query.metric))
        return true;
    // One distance for all rows: NaN, or zero.
    return query.unordered && (query.metric == Metric::Cosine || limit.most < 0);
}

void set_limit(ScanQuery *query, const DistanceLimit &limit)
{
    const ExactQuery &exact = query->exact;
    query->wants_nothing = nothing_passes(exact, limit);
    query->limit = exact.unordered && !query->wants_nothing ? DistanceLimit{} : limit;
    const double most = query->limit.most;
    query->limit_score = most < least_distance(exact.metric) ? -std::numeric_limits<double>::infinity()
                                                             : score_of_distance(exact, most);
}

} // namespace vq::ivf
