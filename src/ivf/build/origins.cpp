#include "ivf/build/origins.h"

#include "core/kmeans.h"
#include "ivf/build/lists.h"

extern "C" {
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

// A list is far that lies so many times farther from its origin than its rows from their centroid (root mean squares).
constexpr double kFar = 12;
constexpr double kFewRows = 0.05; // in far lists: as many are well left as they are
// Further origins must bring far lists so many times nearer, or they are not worth what they cost.
constexpr double kNearer = 2;
constexpr uint32_t kTries[] = {1, 2, 3, 4, 6, 8, 12, kMostOrigins - 1};

// The lists as the choice sees them.
struct Lists
{
    uint32_t count;
    uint32_t dims;
    float *centroids; // about the mean
    double *rows;     // of the sample, in the list
    double *spread;   // root mean square of their distances from the centroid
    double *distance; // from the nearest origin
    uint8_t *origin;  // its number
    double all_rows;
};

// Origins beside the mean, about it.
struct Places
{
    float *places;
    uint32_t count;
};

float *floats(size_t count, uint32_t dims)
{
    return (float *)palloc_extended(Max(count, (size_t)1) * dims * sizeof(float), MCXT_ALLOC_HUGE);
}

double length(const float *x, uint32_t dims)
{
    return std::sqrt((double)simd::kernels().dot(x, x, dims));
}

// From the mean to a list's centroid, to `out`.
double from_mean(const Training &t, const float *mean, uint32_t list, float *out)
{
    const uint32_t dims = t.meta.options.dims;
    memcpy(out, t.centroids + (size_t)list * dims, dims * sizeof(float));
    if (!t.centred)
        simd::kernels().axpy(-1, mean, out, dims);
    return length(out, dims);
}

double from_centroid(const TrainingSet &set, uint32_t dims, size_t i)
{
    return std::sqrt((double)simd::kernels().l2sq(set.vectors + set.which[i] * (size_t)dims,
                                                  set.centroids + (size_t)set.lists[i] * dims, dims));
}

// A first look, at each row's own distance from its centroid: ordinary rows need no other.
bool many_rows_seem_far(const Training &t, const Sample &sample, const float *mean)
{
    constexpr size_t kRows = 1024;
    const TrainingSet set = choose_rows(t, sample, Min(sample.rows, kRows));
    float *centroid = floats(1, sample.dims);
    size_t far = 0;
    for (size_t i = 0; i < set.rows; i++)
        far += from_mean(t, mean, set.lists[i], centroid) > kFar * from_centroid(set, sample.dims, i);
    return (double)far > kFewRows / 2 * (double)set.rows;
}

Lists look_at_lists(const Training &t, const Sample &sample, const float *mean)
{
    constexpr size_t kRowsPerList = 8, kRows = 4096;
    const uint32_t n = t.meta.nlist, dims = sample.dims;
    Lists l = {n,
               dims,
               floats(n, dims),
               (double *)palloc0(n * sizeof(double)),
               (double *)palloc0(n * sizeof(double)),
               (double *)palloc0(n * sizeof(double)),
               (uint8_t *)palloc0(n),
               0};
    for (uint32_t i = 0; i < n; i++)
        (void)from_mean(t, mean, i, l.centroids + (size_t)i * dims);
    const TrainingSet set = choose_rows(t, sample, Min(sample.rows, Max(kRows, n * kRowsPerList)));
    for (size_t i = 0; i < set.rows; i++) {
        const double distance = from_centroid(set, dims, i);
        l.rows[set.lists[i]]++;
        l.spread[set.lists[i]] += distance * distance;
    }
    for (uint32_t i = 0; i < n; i++)
        l.spread[i] = l.rows[i] > 0 ? std::sqrt(l.spread[i] / l.rows[i]) : 0;
    l.all_rows = (double)set.rows;
    return l;
}

void find_nearest_origins(Lists *l, const Places &further)
{
    const auto &k = simd::kernels();
    for (uint32_t i = 0; i < l->count; i++) {
        const float *c = l->centroids + (size_t)i * l->dims;
        l->distance[i] = length(c, l->dims);
        l->origin[i] = 0;
        for (uint32_t o = 0; o < further.count; o++) {
            const double d = std::sqrt((double)k.l2sq(c, further.places + (size_t)o * l->dims, l->dims));
            if (d < l->distance[i])
                l->distance[i] = d, l->origin[i] = (uint8_t)(1 + o);
        }
    }
}

// How far beyond kFar a list is from its origin, as a factor. Of one of few rows, or whose rows are all alike, nothing is known.
double beyond(const Lists &l, uint32_t list)
{
    constexpr double kEnoughRows = 3;
    return l.rows[list] >= kEnoughRows && l.spread[list] > 0 ? l.distance[list] / (kFar * l.spread[list]) : 0;
}

// Rows in far lists.
double far_rows(const Lists &l)
{
    double rows = 0;
    for (uint32_t i = 0; i < l.count; i++)
        rows += beyond(l, i) > 1 ? l.rows[i] : 0;
    return rows;
}

// The mean of log(beyond) of rows in the lists that were far, at least 0 each.
double mean_excess(const Lists &l, const bool *was_far)
{
    double sum = 0, rows = 0;
    for (uint32_t i = 0; i < l.count; i++)
        if (was_far[i]) {
            sum += l.rows[i] * std::log(Max(beyond(l, i), 1.0));
            rows += l.rows[i];
        }
    return sum / rows;
}

Places cluster_far_lists(const Lists &l, const bool *was_far, uint32_t count)
{
    float *of_far = floats(l.count, l.dims);
    KmeansOptions options;
    options.dims = l.dims;
    options.seed = kTrainingSeed;
    for (uint32_t i = 0; i < l.count; i++)
        if (was_far[i])
            memcpy(of_far + options.rows++ * l.dims, l.centroids + (size_t)i * l.dims,
                   l.dims * sizeof(float));
    options.clusters = Min((size_t)count, options.rows);
    const Places places = {floats(options.clusters, l.dims), (uint32_t)options.clusters};
    void *scratch = palloc_extended(kmeans_scratch_bytes(options), MCXT_ALLOC_HUGE);
    (void)kmeans_train(options, of_far, places.places, scratch); // nobody asks it to stop
    return places;
}

// The mean of the rows in an origin's lists that were far becomes its place; others may have joined them only because they are nearer to it
// than to the mean. An origin without such lists goes.
Places centre_origins(const Lists &l, const bool *was_far, const Places &further)
{
    Places out = {floats(further.count, l.dims), 0};
    double *sum = (double *)palloc(l.dims * sizeof(double));
    for (uint32_t o = 1; o <= further.count; o++) {
        double rows = 0;
        std::fill_n(sum, l.dims, 0.0);
        for (uint32_t i = 0; i < l.count; i++) {
            if (l.origin[i] != o || !was_far[i])
                continue;
            rows += l.rows[i];
            for (uint32_t d = 0; d < l.dims; d++)
                sum[d] += l.rows[i] * l.centroids[(size_t)i * l.dims + d];
        }
        if (rows == 0)
            continue;
        float *place = out.places + (size_t)out.count++ * l.dims;
        for (uint32_t d = 0; d < l.dims; d++)
            place[d] = (float)(sum[d] / rows);
    }
    return out;
}

// As few origins as are enough; none where they do not help.
Places choose_further(Lists *l)
{
    bool *was_far = (bool *)palloc(l->count * sizeof(bool));
    for (uint32_t i = 0; i < l->count; i++)
        was_far[i] = beyond(*l, i) > 1;
    const double few = kFewRows * l->all_rows;
    if (far_rows(*l) <= few)
        return {nullptr, 0};
    const double before = mean_excess(*l, was_far);
    Places further = {nullptr, 0};
    for (uint32_t count : kTries) {
        CHECK_FOR_INTERRUPTS();
        const Places places = cluster_far_lists(*l, was_far, count);
        find_nearest_origins(l, places);
        further = centre_origins(*l, was_far, places);
        find_nearest_origins(l, further);
        if (places.count < count || far_rows(*l) <= few)
            break;
    }
    const bool helps = far_rows(*l) <= few || before - mean_excess(*l, was_far) >= std::log(kNearer);
    return helps ? further : Places{nullptr, 0};
}

} // namespace

void choose_origins(Training *t, const Sample &sample, const float *mean)
{
    MetaPage &m = t->meta;
    const uint32_t dims = m.options.dims;
    m.further_origins = 0;
    t->origins = floats(kMostOrigins, dims);
    t->list_origins = nullptr;
    memcpy(t->origins, mean, dims * sizeof(float));
    if (sample.rows == 0 || m.nlist < 2)
        return;
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant origins", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    if (!many_rows_seem_far(*t, sample, mean)) {
        MemoryContextSwitchTo(old);
        MemoryContextDelete(memory);
        return;
    }
    Lists lists = look_at_lists(*t, sample, mean);
    find_nearest_origins(&lists, {nullptr, 0});
    const Places further = choose_further(&lists);
    MemoryContextSwitchTo(old);
    if (further.count > 0) {
        m.further_origins = (uint8_t)further.count;
        t->list_origins = (uint8_t *)palloc(m.nlist);
        memcpy(t->list_origins, lists.origin, m.nlist);
        for (size_t i = 0; i < (size_t)further.count * dims; i++)
            t->origins[dims + i] = (float)((double)mean[i % dims] + further.places[i]);
    }
    MemoryContextDelete(memory);
}

} // namespace vq::ivf
