// What the sample says about queries: how many lists they need, and how wide the codes' errors really are.
#include "core/half.h"
#include "core/kmeans.h"
#include "core/random.h"
#include "ivf/directory.h"
#include "ivf/rows.h"
#include "ivf/sublists.h"
#include "ivf/train.h"

extern "C" {
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

constexpr size_t kQueries = 200;
constexpr size_t kNeighbours = 10;
// Where lists are read in part, so many times the lists are worth a look: of 344 lists of arxiv-minilm-384 20 to 30 % instead
// of the 7 that hold .95 of the neighbours (bench/README.md, the fuzzy layer).
constexpr uint32_t kWiderBySublists = 3;

// The nearest rows one calibration query has met so far, nearest first.
struct Nearest
{
    float score[kNeighbours];
    uint32_t row[kNeighbours];
    size_t found;

    void offer(float s, uint32_t r)
    {
        if (found == kNeighbours && s >= score[found - 1])
            return;
        size_t at = found < kNeighbours ? found++ : found - 1;
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

// One query of the sample against an index without rows.
struct Prober
{
    const Index *index;
    const Sample *sample;
    const float *centroids;
    const float *norms; // of centroids
    RowEncoder query;
    RowEncoder row;
    RoutedList *order;  // all lists, nearest first
    uint32_t *place;    // of every list in that order
    float *scratch;     // of kmeans_assign
    uint64_t *at_place; // neighbours whose list is visited as the i-th
    float *errors;      // of estimates, in units of the codes' own standard errors
    size_t error_count;
    float *shares; // of rows that sub-lists have to hold to find a neighbour
    size_t share_count;
};

void visit_order(Prober *p, const float *x)
{
    const Index &index = *p->index;
    SpaceQuery query = space_query(index.space, x, p->query.moved, p->query.scratch);
    index.codec->prepare(index.space.image, p->query.moved, 0, p->query.state);
    Router router;
    route_begin(&router, p->query.rel, p->index, &index.space, query, p->query.state);
    route_next(&router, index.meta.nlist, p->order);
    for (uint32_t i = 0; i < index.meta.nlist; i++)
        p->place[p->order[i].list] = i;
}

uint32_t own_list(const Prober *p, const float *x)
{
    uint32_t list;
    kmeans_assign(x, 1, p->sample->dims, p->centroids, p->norms, p->index->meta.nlist, &list, nullptr,
                  p->scratch);
    return list;
}

// What a scan would estimate for the row, against its real score.
void measure_error(Prober *p, const float *q, const float *x)
{
    const auto &k = simd::kernels();
    EncodedRow row;
    if (!encode_row(&p->row, x, &row))
        return;
    const QueryHead &head = *(const QueryHead *)p->query.state;
    const RoutedList &list = p->order[p->place[row.list]];
    const double dot = (double)head.mul * p->index->codec->scan_row(p->query.state, row.code) + head.offset;
    const double estimate = (double)list.add + row.factors.add + bf16_to_float(row.factors.scale) * dot;
    const double bound = (double)error_distance(head, list.distance) * bf16_to_float(row.factors.err);
    const size_t dims = p->sample->dims;
    const double score = p->index->space.metric == Metric::L2 ? k.l2sq(q, x, dims) : -k.dot(q, x, dims);
    const double share = (estimate - score) / bound;
    if (!std::isfinite(share) || std::fabs(share) > 100) // no bound, or nothing but rounding errors
        return;
    p->errors[p->error_count++] = (float)share;
}

void open_prober(Prober *p, Relation rel, const Index *index, const Sample *sample, const float *centroids)
{
    const uint32_t nlist = index->meta.nlist, dims = sample->dims;
    p->index = index;
    p->sample = sample;
    p->centroids = centroids;
    float *norms = (float *)palloc(nlist * sizeof(float));
    for (uint32_t i = 0; i < nlist; i++)
        norms[i] = simd::kernels().dot(centroids + (size_t)i * dims, centroids + (size_t)i * dims, dims);
    p->norms = norms;
    encoder_open(&p->query, rel, index);
    encoder_open(&p->row, rel, index);
    p->order = (RoutedList *)palloc(nlist * sizeof(RoutedList));
    p->place = (uint32_t *)palloc(nlist * sizeof(uint32_t));
    p->scratch =
        (float *)palloc_extended(kmeans_assign_scratch_floats(nlist) * sizeof(float), MCXT_ALLOC_HUGE);
    p->at_place = (uint64_t *)palloc0(nlist * sizeof(uint64_t));
    p->errors = (float *)palloc(kQueries * kNeighbours * sizeof(float));
    p->shares = (float *)palloc(kQueries * kNeighbours * sizeof(float));
}

// How many of the codes' own standard errors make one of epsilon's: so many that kEpsilon of them cover all but kAbove
// of the near rows, as they do for Gaussian errors. Never less than one: a bound that is too wide costs time, one that is
// too narrow costs rows.
float error_scale(Prober *p)
{
    constexpr double kEpsilon = 1.9, kAbove = 0.02;
    constexpr size_t kEnough = 500;
    if (p->error_count < kEnough)
        return 1;
    std::sort(p->errors, p->errors + p->error_count);
    const size_t at = (size_t)((1 - kAbove) * (double)(p->error_count - 1));
    return (float)Max(1.0, p->errors[at] / kEpsilon);
}

void probe(Prober *p, const float *q, const Nearest &neighbours)
{
    visit_order(p, q);
    for (size_t j = 0; j < neighbours.found; j++) {
        const float *x = p->sample->vectors + (size_t)neighbours.row[j] * p->sample->dims;
        p->at_place[p->place[own_list(p, x)]]++;
        measure_error(p, q, x);
    }
}

// Sub-lists of the first n lists in the query's order, nearest first. Rows of all of them in *rows.
RankedSublist *rank_sublists(Prober *p, uint32_t n, uint32_t *count, uint64_t *rows)
{
    const Index &index = *p->index;
    Group *group = (Group *)palloc(group_bytes(index));
    RankedSublist *all = nullptr;
    *count = 0, *rows = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t list = p->order[i].list, g = list / index.meta.group_lists;
        read_group(p->query.rel, index, g, group);
        const Sublists *s =
            read_sublists(p->query.rel, index, list, group->entries[list - g * index.meta.group_lists]);
        if (s == nullptr)
            continue;
        const size_t bytes = (*count + s->header.entries) * sizeof(RankedSublist);
        all = (RankedSublist *)(all ? repalloc_huge(all, bytes) : palloc_extended(bytes, MCXT_ALLOC_HUGE));
        score_sublists(index, p->query.state, *s, p->order[i].add, i, all + *count);
        *count += s->header.entries;
        *rows += s->header.rows;
    }
    std::sort(all, all + *count,
              [](const RankedSublist &a, const RankedSublist &b) { return a.score < b.score; });
    return all;
}

// The share of the rows that sub-lists have passed with the one of row x; 0 if it is in none of them.
float share_needed(Prober *p, const float *x, const RankedSublist *all, uint32_t count, uint64_t rows)
{
    const Index &index = *p->index;
    EncodedRow row;
    if (!encode_row(&p->row, x, &row))
        return 0;
    const uint32_t key = index.codec->sublist_of(index.space.image, row.code, index.meta.sublist_layers);
    uint64_t passed = 0;
    for (uint32_t i = 0; i < count; i++) {
        passed += all[i].rows;
        if (all[i].key == key && p->order[all[i].slot].list == row.list)
            return (float)passed / (float)rows;
    }
    return 0;
}

void probe_sublists(Prober *p, uint32_t nprobe, const float *q, const Nearest &neighbours)
{
    visit_order(p, q);
    uint32_t count;
    uint64_t rows;
    const RankedSublist *all = rank_sublists(p, nprobe, &count, &rows);
    for (size_t j = 0; j < neighbours.found; j++) {
        const float *x = p->sample->vectors + (size_t)neighbours.row[j] * p->sample->dims;
        const float share = share_needed(p, x, all, count, rows);
        if (share > 0)
            p->shares[p->share_count++] = share;
    }
}

// The share of the visited lists' rows that all but kLost of the near rows in them are among.
float sublist_share(Prober *p)
{
    constexpr double kLost = 0.005;
    if (p->share_count == 0)
        return 1;
    std::sort(p->shares, p->shares + p->share_count);
    return Min(p->shares[(size_t)((1 - kLost) * (double)(p->share_count - 1))], 1.0f);
}

template <class Probe>
void each_query(MemoryContext memory, BuildProgress *progress, size_t n, Probe probe)
{
    for (size_t i = 0; i < n; i++) {
        MemoryContext old = MemoryContextSwitchTo(memory);
        probe(i);
        MemoryContextSwitchTo(old);
        MemoryContextReset(memory);
        CHECK_FOR_INTERRUPTS();
        phase_done(progress, (int64)i + 1);
    }
}

} // namespace

void calibrate(MetaPage *meta, BuildProgress *progress, const Index *index, const Sample &sample,
               const float *centroids)
{
    meta->error_scale = meta->sublist_share = 1;
    for (uint32_t i = 0; i < kCalibrationPoints; i++)
        meta->calibration[i] = meta->nlist;
    if (sample.rows < 10 * kNeighbours)
        return;
    const uint32_t nlist = meta->nlist;
    const size_t n = Min(kQueries, sample.rows / 2);
    begin_phase(progress, BuildPhase::Calibrating, (int64)n);
    size_t *queries = (size_t *)palloc(n * sizeof(size_t));
    Random random(kTrainingSeed + 1);
    for (size_t i = 0; i < n; i++)
        queries[i] = random.below(sample.rows);
    Nearest *neighbours = (Nearest *)palloc0(n * sizeof(Nearest));
    nearest_in_sample(sample, index->space.metric, queries, n, neighbours);

    Prober p = {};
    open_prober(&p, progress->index, index, &sample, centroids);
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant calibrate", ALLOCSET_DEFAULT_SIZES);
    const auto vector = [&](size_t i) { return sample.vectors + queries[i] * sample.dims; };
    each_query(memory, progress, n, [&](size_t i) { probe(&p, vector(i), neighbours[i]); });
    meta->error_scale = error_scale(&p);
    uint64_t covered = 0;
    uint32_t point = 0;
    const uint32_t wider = meta->sublist_layers > 0 ? kWiderBySublists : 1;
    for (uint32_t i = 0; i < nlist && point < kCalibrationPoints; i++) {
        covered += p.at_place[i];
        while (point < kCalibrationPoints &&
               (double)covered >= (double)kCalibrationRecall[point] * (double)(n * kNeighbours))
            meta->calibration[point++] = Min(nlist, wider * (i + 1));
    }
    const uint32_t nprobe = Min(default_nprobe(*meta), nlist);
    if (meta->sublist_layers > 0)
        each_query(memory, progress, n,
                   [&](size_t i) { probe_sublists(&p, nprobe, vector(i), neighbours[i]); });
    meta->sublist_share = sublist_share(&p);
    report_phase(progress,
                 "calibrated with %zu queries: nprobe %u, error scale %.3f, share of the lists' rows %.3f", n,
                 nprobe, meta->error_scale, meta->sublist_share);
}

} // namespace vq::ivf
