#include "ivf/build/lists.h"

#include "core/halves.h"
#include "core/kmeans.h"
#include "ivf/build/origins.h"
#include "ivf/build/outliers.h"

extern "C" {
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

constexpr int kKmeansRounds = 10;
constexpr uint32_t kFarShare = 8; // at most one of so many lists is for outliers

// x + sign * mean for every row.
void shift_rows(float *rows, size_t n, uint32_t dims, const float *mean, float sign)
{
    for (size_t i = 0; i < n; i++)
        simd::kernels().axpy(sign, mean, rows + i * dims, dims);
}

KmeansOptions clustering(const Training &t, const Sample &sample, BuildProgress *progress)
{
    KmeansOptions options;
    options.dims = sample.dims;
    options.rows = sample.rows;
    options.clusters = t.meta.nlist - t.meta.far_lists;
    options.iterations = kKmeansRounds;
    options.spherical = t.meta.spherical != 0;
    options.seed = kTrainingSeed;
    options.progress = phase_may_go_on;
    options.progress_arg = progress;
    return options;
}

// Orders which[0, n) so that near centroids are neighbours, as they are then in the index: a query visits few groups, and few pages.
void order_by_place(const float *centroids, size_t dims, AlongCut *which, size_t n, float *scratch)
{
    if (n <= 2)
        return;
    CHECK_FOR_INTERRUPTS();
    const size_t left = n / 2;
    cut_in_halves(centroids, dims, which, n, left, scratch);
    order_by_place(centroids, dims, which, left, scratch);
    order_by_place(centroids, dims, which + left, n - left, scratch);
}

// Brings centroid which[i].row to place i. Keys of `which` are overwritten.
void permute(float *centroids, size_t dims, AlongCut *which, size_t n, float *one)
{
    for (size_t first = 0; first < n; first++) {
        memcpy(one, centroids + first * dims, dims * sizeof(float));
        for (size_t at = first, from; which[at].row != at; at = from) {
            from = which[at].row;
            which[at].row = (uint32_t)at;
            memcpy(centroids + at * dims, from == first ? one : centroids + from * dims,
                   dims * sizeof(float));
            if (from == first)
                break;
        }
    }
}

void sort_by_place(float *centroids, size_t dims, size_t n)
{
    AlongCut *which = (AlongCut *)palloc_extended(n * sizeof(AlongCut), MCXT_ALLOC_HUGE);
    float *scratch = (float *)palloc(halves_scratch_floats(dims) * sizeof(float));
    for (size_t i = 0; i < n; i++)
        which[i] = {0, (uint32_t)i};
    order_by_place(centroids, dims, which, n, scratch);
    permute(centroids, dims, which, n, scratch);
    pfree(scratch);
    pfree(which);
}

// Lists come in the order of their places.
void run_kmeans(const KmeansOptions &options, const float *rows, float *centroids)
{
    void *scratch = palloc_extended(kmeans_scratch_bytes(options), MCXT_ALLOC_HUGE);
    while (!kmeans_train(options, rows, centroids, scratch))
        CHECK_FOR_INTERRUPTS();
    pfree(scratch);
    sort_by_place(centroids, options.dims, options.clusters);
}

// By the inner product one for all rows that will be far; else as many as the outliers' share of the rows.
uint32_t choose_far_lists(const Training &t, const Sample &sample)
{
    const uint32_t nlist = t.meta.nlist;
    if ((Metric)t.meta.metric == Metric::InnerProduct)
        return nlist >= kFarShare ? 1 : 0;
    if (sample.outliers == 0)
        return 0;
    const double share = (double)sample.outliers / (double)(sample.rows + sample.outliers);
    const size_t wanted = Max((size_t)std::lround(share * nlist), (size_t)1);
    return (uint32_t)Min(wanted, (size_t)(nlist / kFarShare));
}

} // namespace

// Outliers are clustered by themselves: among all rows they would draw centroids away from where rows are.
static void cluster(Training *t, const Sample &sample, const float *mean, BuildProgress *progress)
{
    MetaPage &m = t->meta;
    const size_t dims = sample.dims, all = sample.rows + sample.outliers;
    m.far_lists = choose_far_lists(*t, sample);
    KmeansOptions options = clustering(*t, sample, progress);
    t->centroids = (float *)palloc_extended((size_t)m.nlist * dims * sizeof(float), MCXT_ALLOC_HUGE);
    // k-means works with differences of large products: about the mean they stay exact where all rows lie far
    // from the origin.
    const bool shift = !options.spherical && !sample.centred;
    if (shift)
        shift_rows(sample.vectors, all, sample.dims, mean, -1);
    run_kmeans(options, sample.vectors, t->centroids);
    const size_t ordinary = options.clusters;
    if ((Metric)m.metric == Metric::InnerProduct) {
        // Rows of any direction: about the mean.
        memset(t->centroids + ordinary * dims, 0, m.far_lists * dims * sizeof(float));
    } else if (m.far_lists > 0) {
        options.rows = sample.outliers;
        options.clusters = m.far_lists;
        options.progress = nullptr;
        run_kmeans(options, sample.vectors + sample.rows * dims, t->centroids + ordinary * dims);
    }
    if (shift) {
        shift_rows(sample.vectors, all, sample.dims, mean, 1);
        shift_rows(t->centroids, m.nlist, sample.dims, mean, 1);
    }
}

// Nearest centroids of a training set's rows, by blocks.
static void assign_rows(TrainingSet *set, uint32_t nlist, uint32_t dims)
{
    constexpr size_t kBlock = 64;
    float *norms = (float *)palloc(nlist * sizeof(float));
    squared_norms(set->centroids, nlist, dims, norms);
    float *scratch =
        (float *)palloc_extended(kmeans_assign_scratch_floats(nlist) * sizeof(float), MCXT_ALLOC_HUGE);
    float *block = (float *)palloc(kBlock * dims * sizeof(float));
    uint32_t *lists = (uint32_t *)palloc((set->rows + 1) * sizeof(uint32_t));
    for (size_t first = 0; first < set->rows; first += kBlock) {
        CHECK_FOR_INTERRUPTS();
        const size_t n = Min(kBlock, set->rows - first);
        for (size_t i = 0; i < n; i++)
            memcpy(block + i * dims, set->vectors + set->which[first + i] * (size_t)dims,
                   dims * sizeof(float));
        kmeans_assign(block, n, dims, set->centroids, norms, nlist, lists + first, nullptr, scratch);
    }
    set->lists = lists;
}

TrainingSet choose_rows(const Training &t, const Sample &sample, size_t rows)
{
    TrainingSet set;
    set.rows = rows;
    set.vectors = sample.vectors;
    set.centroids = t.centroids;
    set.toward_vector = (Metric)t.meta.metric != Metric::L2 && !sample.centred;
    if (rows == 0)
        return set;
    uint32_t *which = (uint32_t *)palloc(rows * sizeof(uint32_t));
    for (size_t i = 0; i < rows; i++)
        which[i] = (uint32_t)(i * sample.rows / rows);
    set.which = which;
    assign_rows(&set, t.meta.nlist, sample.dims);
    return set;
}

// Spherical centroids have unit length, the rows around one lie closer to the origin: their mean is some 0.8 of it. Brought
// to the mean's length they attract the same rows and rank the same, while residuals and so the codes' errors shrink
// (arxiv-minilm-384, pq_dims 4: recall of the ten best estimates .749 -> .781). One length serves lists that are alike. A list
// whose rows are closer together than that length is from their mean gets the mean's own: from there its codes tell rows apart.
static void shrink_centroids(Training *t, const Sample &sample)
{
    constexpr size_t kRows = 4096;
    // A list is narrow whose rows' variance about their mean is less than so many times (length - own length)^2.
    constexpr double kNarrow = 4;
    const size_t dims = sample.dims, nlist = t->meta.nlist;
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant training", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    const TrainingSet set = choose_rows(*t, sample, Min(sample.rows, kRows));
    double *of_list = (double *)palloc0(nlist * sizeof(double)),
           all = 0; // sums of rows' cosines to their centroids
    uint32_t *rows = (uint32_t *)palloc0(nlist * sizeof(uint32_t));
    for (size_t i = 0; i < set.rows; i++) {
        const double cosine =
            simd::kernels().dot(set.vectors + set.which[i] * dims, set.centroids + set.lists[i] * dims, dims);
        all += cosine, of_list[set.lists[i]] += cosine, rows[set.lists[i]]++;
    }
    const double common = all / (double)set.rows;
    for (size_t list = 0; list < nlist; list++) {
        double length = common;
        if (rows[list] > 0) {
            const double own = Min(of_list[list] / rows[list], 1.0), off = own - common;
            if (off > 0 && kNarrow * off * off > 1 - own * own)
                length = own;
        }
        for (size_t i = 0; length > 0 && length < 1 && i < dims; i++)
            t->centroids[list * dims + i] *= (float)length;
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
}

// Brings the sample's rows of each origin together; first[o] is where those of origin o begin, first[origins] their end.
static void sort_by_origin(const Training &t, const Sample &sample, size_t *first)
{
    const TrainingSet set = choose_rows(t, sample, sample.rows);
    uint32_t *lists = const_cast<uint32_t *>(set.lists);
    size_t at = 0;
    for (uint32_t o = 0; o <= t.meta.further_origins; o++) {
        first[o] = at;
        for (size_t i = at; i < sample.rows; i++) {
            if (t.list_origins[lists[i]] != o)
                continue;
            float *a = sample.vectors + at * sample.dims, *b = sample.vectors + i * sample.dims;
            if (a != b)
                std::swap_ranges(a, a + sample.dims, b);
            std::swap(lists[at++], lists[i]);
        }
    }
    first[t.meta.further_origins + 1] = at;
}

// Where there are several origins: places the ordinary lists of each anew, by k-means of its rows about it. In differences of the large
// products of rows far from the mean, what tells rows of one cluster apart is lost. Lists are then in the order of their origins.
static void cluster_again(Training *t, const Sample &sample, const float *mean, BuildProgress *progress)
{
    const uint32_t dims = sample.dims, ordinary = t->meta.nlist - t->meta.far_lists;
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant training", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    size_t first[kMostOrigins + 1];
    sort_by_origin(*t, sample, first);
    float *place = (float *)palloc(dims * sizeof(float));
    uint32_t list = 0;
    uint32_t counts[kMostOrigins] = {};
    for (uint32_t i = 0; i < ordinary; i++)
        counts[t->list_origins[i]]++;
    for (uint32_t o = 0; o <= t->meta.further_origins; o++) {
        KmeansOptions options = clustering(*t, sample, progress);
        options.rows = first[o + 1] - first[o];
        options.clusters = counts[o];
        if (options.clusters == 0)
            continue;
        for (uint32_t d = 0; d < dims; d++)
            place[d] = (float)(t->origins[o * (size_t)dims + d] - (t->centred ? (double)mean[d] : 0));
        float *rows = sample.vectors + first[o] * dims, *centroids = t->centroids + (size_t)list * dims;
        shift_rows(rows, options.rows, dims, place, -1);
        run_kmeans(options, rows, centroids);
        shift_rows(rows, options.rows, dims, place, 1);
        shift_rows(centroids, options.clusters, dims, place, 1);
        memset(t->list_origins + list, (int)o, options.clusters);
        list += counts[o];
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
}

// How far rows are from the nearest centroid, and so which are far from all.
static float far_distance(const Training &t, const Sample &sample)
{
    constexpr size_t kRows = 1024;
    const TrainingSet set = choose_rows(t, sample, Min(sample.rows, kRows));
    float distances[kRows];
    for (size_t i = 0; i < set.rows; i++)
        distances[i] =
            std::sqrt(simd::kernels().l2sq(set.vectors + set.which[i] * (size_t)sample.dims,
                                           set.centroids + set.lists[i] * (size_t)sample.dims, sample.dims));
    double limit = outlier_distance(distances, set.rows);
    // Where lengths are spread widely, the longest rows are the nearest of nearly all queries, and to find them in one list
    // saves more than it costs to visit that: with lengths like exp(g), 15 of 200 lists for a recall of .98, else 131.
    constexpr double kWidelySpread = 2;
    const float most = quantile(distances, set.rows, 1 - kMostOutliers);
    if ((Metric)t.meta.metric == Metric::InnerProduct &&
        most > kWidelySpread * quantile(distances, set.rows, 0.5))
        limit = Min(limit, (double)most);
    return limit < std::numeric_limits<float>::max() ? (float)limit : 0;
}

void place_lists(Training *t, const Sample &sample, const float *mean, BuildProgress *progress)
{
    begin_phase(progress, BuildPhase::Clustering, (int64)sample.rows);
    if (sample.rows == 0)
        t->centroids = (float *)palloc0(sample.dims * sizeof(float));
    else
        cluster(t, sample, mean, progress);
    if (sample.rows > 0 && t->meta.spherical)
        shrink_centroids(t, sample);
    choose_origins(t, sample, mean);
    if (t->meta.further_origins > 0 && !t->meta.spherical)
        cluster_again(t, sample, mean, progress);
    if (sample.rows > 0)
        t->meta.far_distance = far_distance(*t, sample);
    char origins[40] = "";
    if (t->meta.further_origins > 0)
        snprintf(origins, sizeof origins, " about %u origins", 1 + t->meta.further_origins);
    report_phase(progress, "%u lists%s clustered from %zu rows, %d rounds of %sk-means", t->meta.nlist,
                 origins, sample.rows, sample.rows > 0 ? kKmeansRounds : 0,
                 t->meta.spherical ? "spherical " : "");
}

} // namespace vq::ivf
