#include "ivf/train.h"

#include "core/kmeans.h"
#include "core/random.h"
#include "ivf/normalize.h"
#include "ivf/rows.h"
#include "pg/checksum.h"

extern "C" {
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

constexpr double kRowsPerList = 100;  // at least, when nlist is chosen here
constexpr size_t kSamplePerList = 64; // rows a list that k-means sees
constexpr int kKmeansRounds = 10;
constexpr uint64_t kSeed = 0x5651;   // one seed for every index: the same data give the same index
constexpr uint32_t kGroupPages = 64; // sealed pages of a group of lists: an open page is then 1.5 % of it
constexpr size_t kCalibrationQueries = 200;
constexpr size_t kCalibrationNeighbours = 10;

// Asked by k-means now and then; the error itself is raised when it has returned.
bool may_go_on(void *, double)
{
    return !(QueryCancelPending || ProcDiePending);
}

bool all_unit(const Sample &sample)
{
    for (size_t i = 0; i < sample.rows; i++) {
        const float *x = sample.vectors + i * sample.dims;
        float norm_sq = simd::kernels().dot(x, x, sample.dims);
        if (!(norm_sq > 0.998f && norm_sq < 1.002f))
            return false;
    }
    return sample.rows > 0;
}

void compute_mean(const Sample &sample, float *mean)
{
    double *sum = (double *)palloc0(sample.dims * sizeof(double));
    for (size_t i = 0; i < sample.rows; i++)
        for (uint32_t d = 0; d < sample.dims; d++)
            sum[d] += sample.vectors[i * sample.dims + d];
    for (uint32_t d = 0; d < sample.dims; d++)
        mean[d] = sample.rows > 0 ? (float)(sum[d] / (double)sample.rows) : 0;
    pfree(sum);
}

// x + sign * mean for every row.
void shift_rows(float *rows, size_t n, uint32_t dims, const float *mean, float sign)
{
    for (size_t i = 0; i < n; i++)
        simd::kernels().axpy(sign, mean, rows + i * dims, dims);
}

void cluster(Training *t, const Sample &sample)
{
    KmeansOptions options;
    options.dims = sample.dims;
    options.rows = sample.rows;
    options.clusters = t->meta.nlist;
    options.iterations = kKmeansRounds;
    options.spherical = t->meta.spherical != 0;
    options.seed = kSeed;
    options.progress = may_go_on;
    t->centroids =
        (float *)palloc_extended((size_t)t->meta.nlist * sample.dims * sizeof(float), MCXT_ALLOC_HUGE);
    void *scratch = palloc_extended(kmeans_scratch_bytes(options), MCXT_ALLOC_HUGE);
    // k-means works with differences of large products: about the mean they stay exact where all rows lie far
    // from the origin.
    const float *mean = (const float *)t->image;
    if (!options.spherical)
        shift_rows(sample.vectors, sample.rows, sample.dims, mean, -1);
    while (!kmeans_train(options, sample.vectors, t->centroids, scratch))
        CHECK_FOR_INTERRUPTS();
    if (!options.spherical) {
        shift_rows(sample.vectors, sample.rows, sample.dims, mean, 1);
        shift_rows(t->centroids, t->meta.nlist, sample.dims, mean, 1);
    }
    pfree(scratch);
}

// A group's lists together fill some kGroupPages pages.
uint32_t choose_group_lists(uint32_t nlist, double rows, uint32_t row_bytes)
{
    const double bytes_per_list = Max(rows / nlist, 1.0) * row_bytes;
    const double lists = std::ceil((double)kGroupPages * kPayload / bytes_per_list);
    return (uint32_t)Max(1.0, Min(lists, (double)Min(kMaxGroupLists, nlist)));
}

} // namespace

uint32_t choose_nlist(int option, double rows)
{
    if (option > 0)
        return (uint32_t)option;
    const double lists = Min(6 * std::sqrt(rows), rows / kRowsPerList);
    return (uint32_t)Max(1.0, Min(lists, 65536.0));
}

size_t sample_capacity(Relation heap, uint32_t dims, int nlist_option)
{
    BlockNumber pages;
    double rows, all_visible;
    estimate_rel_size(heap, nullptr, &pages, &rows, &all_visible);
    // Half of maintenance_work_mem for the sample; centroids, k-means' scratch and tuplesort come beside or
    // after it.
    const size_t by_memory = (size_t)maintenance_work_mem * 1024 / 2 / (dims * sizeof(float));
    const size_t wanted = Max(kSamplePerList * choose_nlist(nlist_option, rows), (size_t)10000);
    return Max((size_t)256, Min(by_memory, wanted));
}

void train(Training *t, const AccessMethod *am, const IndexOptions *options, Metric metric,
           const Sample &sample, Relation index)
{
    *t = {};
    MetaPage &m = t->meta;
    m.magic = kMetaMagic;
    m.version = kFormatVersion;
    m.codec = am->codec->id;
    m.metric = (uint8_t)metric;
    m.refine = options->refine ? (uint8_t)options->refine_type : kNoRefine;
    m.trained = sample.rows > 0;
    m.options.dims = sample.dims;
    m.options.seed = kSeed;
    for (int i = 0; i < 6; i++)
        m.options.value[i] = options->codec[i];
    m.nlist = sample.rows > 0 ? choose_nlist(options->nlist, sample.table_rows) : 1;
    m.spherical = metric == Metric::Cosine || (metric == Metric::InnerProduct && all_unit(sample));

    // Codec first: it says how many dimensions its space has.
    m.codec_image_bytes = am->codec->image_bytes(m.options);
    uint8_t *codec_image = (uint8_t *)palloc_extended(m.codec_image_bytes + 64, MCXT_ALLOC_HUGE);
    am->codec->train(m.options, nullptr, 0, codec_image);
    const CodecShape shape = am->codec->shape(codec_image);
    m.space_dims = shape.space_dims;

    const size_t before = codec_image_offset(m.options.dims, m.space_dims);
    const size_t refine = m.refine == kNoRefine ? 0 : sq_image_bytes((Element)m.refine, m.options.dims);
    m.image_bytes = before + m.codec_image_bytes + refine;
    t->image = (uint8_t *)TYPEALIGN(64, palloc_extended(m.image_bytes + 64, MCXT_ALLOC_HUGE));
    float *mean = (float *)t->image, *moved_mean = mean + m.options.dims;
    memcpy(t->image + before, codec_image, m.codec_image_bytes);
    compute_mean(sample, mean);
    am->codec->transform(codec_image, mean, moved_mean);
    if (m.refine != kNoRefine)
        sq_train((Element)m.refine, m.options.dims, sample.vectors, sample.rows,
                 (float *)(t->image + before + m.codec_image_bytes));
    pfree(codec_image);
    m.image_crc = pg::checksum(t->image, m.image_bytes);

    if (sample.rows > 0)
        cluster(t, sample);
    else
        t->centroids = (float *)palloc0(m.options.dims * sizeof(float));
    m.group_lists = choose_group_lists(m.nlist, sample.table_rows, shape.code_bytes + 14);
    ereport(DEBUG1,
            (errmsg_internal("index \"%s\": %u lists in groups of %u, trained on %zu of about %.0f rows",
                             RelationGetRelationName(index), m.nlist, m.group_lists, sample.rows,
                             sample.table_rows)));
    if (sample.rows > 0 && sample.rows < m.nlist)
        ereport(NOTICE, (errmsg("index \"%s\" has more lists than the sample has rows",
                                RelationGetRelationName(index)),
                         errdetail("%u lists, %zu rows.", m.nlist, sample.rows),
                         errhint("Use a smaller nlist, or REINDEX when the table has more rows.")));
}

namespace {

// The nearest rows one calibration query has met so far, nearest first.
struct Nearest
{
    float score[kCalibrationNeighbours];
    uint32_t row[kCalibrationNeighbours];
    size_t found;

    void offer(float s, uint32_t r)
    {
        if (found == kCalibrationNeighbours && s >= score[found - 1])
            return;
        size_t at = found < kCalibrationNeighbours ? found++ : found - 1;
        for (; at > 0 && score[at - 1] > s; at--)
            score[at] = score[at - 1], row[at] = row[at - 1];
        score[at] = s;
        row[at] = r;
    }
};

// Finds the nearest sample rows of each query, itself left out, by blocks of rows against all queries.
void nearest_in_sample(const Sample &sample, Metric metric, const size_t *queries, size_t n, Nearest *out)
{
    constexpr size_t kBlock = 64;
    const auto &k = simd::kernels();
    const size_t dims = sample.dims;
    float *q = (float *)palloc(n * dims * sizeof(float)), *dots = (float *)palloc(n * kBlock * sizeof(float));
    for (size_t i = 0; i < n; i++)
        memcpy(q + i * dims, sample.vectors + queries[i] * dims, dims * sizeof(float));
    for (size_t first = 0; first < sample.rows; first += kBlock) {
        CHECK_FOR_INTERRUPTS();
        const size_t rows = Min(kBlock, sample.rows - first);
        const float *block = sample.vectors + first * dims;
        k.dot_block(q, n, dims, block, rows, dims, dims, dots, kBlock);
        for (size_t j = 0; j < rows; j++) {
            const float norm_sq = metric == Metric::L2 ? k.dot(block + j * dims, block + j * dims, dims) : 0;
            const float factor = metric == Metric::L2 ? 2.0f : 1.0f;
            for (size_t i = 0; i < n; i++)
                if (first + j != queries[i])
                    out[i].offer(norm_sq - factor * dots[i * kBlock + j], (uint32_t)(first + j));
        }
    }
    pfree(q);
    pfree(dots);
}

// Place (0 = first) of every list in the order in which a query visits them.
void places_of_lists(RowEncoder *encoder, const float *x, uint32_t *place)
{
    const Index &index = *encoder->index;
    SpaceQuery query = space_query(index.space, x, encoder->moved, encoder->scratch);
    index.codec->prepare(index.space.image, encoder->moved, 0, encoder->state);
    Router router;
    route_begin(&router, encoder->rel, encoder->index, &index.space, query, encoder->state);
    RoutedList *all = (RoutedList *)palloc(index.meta.nlist * sizeof(RoutedList));
    route_next(&router, index.meta.nlist, all);
    for (uint32_t i = 0; i < index.meta.nlist; i++)
        place[all[i].list] = i;
}

} // namespace

void calibrate(MetaPage *meta, Relation rel, const Index *index, const Sample &sample, const float *centroids)
{
    for (uint32_t i = 0; i < kCalibrationPoints; i++)
        meta->calibration[i] = meta->nlist;
    if (sample.rows < 10 * kCalibrationNeighbours || meta->nlist == 1)
        return;
    const uint32_t nlist = meta->nlist;
    const size_t n = Min(kCalibrationQueries, sample.rows / 2);
    size_t *queries = (size_t *)palloc(n * sizeof(size_t));
    Random random(kSeed + 1);
    for (size_t i = 0; i < n; i++)
        queries[i] = random.below(sample.rows);
    Nearest *neighbours = (Nearest *)palloc0(n * sizeof(Nearest));
    nearest_in_sample(sample, index->space.metric, queries, n, neighbours);

    float *norms = (float *)palloc(nlist * sizeof(float));
    for (uint32_t i = 0; i < nlist; i++)
        norms[i] = simd::kernels().dot(centroids + (size_t)i * sample.dims,
                                       centroids + (size_t)i * sample.dims, sample.dims);
    float *scratch =
        (float *)palloc_extended(kmeans_assign_scratch_floats(nlist) * sizeof(float), MCXT_ALLOC_HUGE);
    uint64_t *at_place =
        (uint64_t *)palloc0(nlist * sizeof(uint64_t)); // neighbours whose list is visited as the i-th
    uint32_t *place = (uint32_t *)palloc(nlist * sizeof(uint32_t));
    RowEncoder encoder;
    encoder_open(&encoder, rel, index);
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant calibrate", ALLOCSET_DEFAULT_SIZES);
    for (size_t q = 0; q < n; q++) {
        MemoryContext old = MemoryContextSwitchTo(memory);
        places_of_lists(&encoder, sample.vectors + queries[q] * sample.dims, place);
        for (size_t j = 0; j < kCalibrationNeighbours; j++) {
            uint32_t list;
            kmeans_assign(sample.vectors + (size_t)neighbours[q].row[j] * sample.dims, 1, sample.dims,
                          centroids, norms, nlist, &list, nullptr, scratch);
            at_place[place[list]]++;
        }
        MemoryContextSwitchTo(old);
        MemoryContextReset(memory);
        CHECK_FOR_INTERRUPTS();
    }
    uint64_t covered = 0;
    uint32_t point = 0;
    for (uint32_t i = 0; i < nlist && point < kCalibrationPoints; i++) {
        covered += at_place[i];
        while (point < kCalibrationPoints &&
               (double)covered >= (double)kCalibrationRecall[point] * (double)(n * kCalibrationNeighbours))
            meta->calibration[point++] = i + 1;
    }
}

} // namespace vq::ivf
