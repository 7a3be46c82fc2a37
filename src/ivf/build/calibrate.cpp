// What the sample says about queries: how many lists they need, how wide the codes' errors really are, and how far to look for
// which recall.
#include "core/random.h"
#include "ivf/build/farther_rows.h"
#include "ivf/scan/probes.h"

namespace vq::ivf {

namespace {

constexpr size_t kQueries = 200; // for the defaults: calibration, error_scale, sublist_share
constexpr size_t kNeighbours = 10;
constexpr size_t kTargetQueries = 400; // for the table of recall targets
// Targets are about so many times the rows of a depth, because real queries often come from another distribution than the rows:
// titles against abstracts (bench/README.md) reach their targets so. The deeper, the more alike the lists of both are. For one row
// it is more: one that is given out too early makes a nearer one late, which the lists for ten rows would have found.
constexpr double kTimesNearer[kRecallDepths] = {10, 3, 2.5, 1.5, 1};
constexpr size_t kDeepQueries = 200; // for depths that a part of the sample stands for
constexpr size_t kGapDepth = 1024;   // lists of a query whose gaps are kept

// What the queries have met.
struct Findings
{
    uint64_t *at_place; // neighbours whose list is visited as the i-th
    float *errors;      // of estimates, in units of the codes' own standard errors
    size_t error_count;
    float *widths; // of error bounds that find a neighbour, in the same units
    size_t width_count;
    size_t rows_asked; // of the sample, that stand for the kNeighbours nearest of the table
    size_t queries;
    size_t places;
    float *gaps; // queries x places
    NearList *near_lists[kRecallDepths];
    size_t near_count[kRecallDepths];
    FartherRows farther;
};

// The first rows_asked rows would be given out; each is found before the last of them is if the bound is wide enough. Where the sample is a small part of the
// table they are few, and targets ask for the widest of a thousand: so the rows behind them count, too, as many at a time as if they were the nearest.
void probe_codes(Prober *p, Findings *m, const float *q, const Nearest &nearest, bool for_defaults)
{
    const size_t near = Min(nearest.found, kNeighbours), asked = Min(near, m->rows_asked);
    const size_t whole = asked > 0 ? near - near % asked : 0; // in groups of so many
    double last = 0;                                          // of the group
    for (size_t j = 0; j < near; j++) {
        if (j < whole && j % asked == 0)
            last = sample_score(p, q, sample_row(p, nearest.row[j + asked - 1]));
        Estimate e;
        double score;
        if (!estimate_row(p, q, sample_row(p, nearest.row[j]), &e, &score))
            continue;
        if (for_defaults)
            m->errors[m->error_count++] = (float)((e.estimate - score) / e.error);
        if (j < whole)
            m->widths[m->width_count++] = (float)Max((e.estimate - last) / e.error, 0.0);
    }
}

// How many of the codes' own standard errors make one of epsilon's: so many that kEpsilon of them cover all but kAbove
// of the near rows, as they do for Gaussian errors. Never less than one: a bound that is too wide costs time, one that is
// too narrow costs rows.
float error_scale(Findings *m)
{
    constexpr double kEpsilon = 1.9, kAbove = 0.02;
    constexpr size_t kEnough = 500;
    if (m->error_count < kEnough)
        return 1;
    std::sort(m->errors, m->errors + m->error_count);
    const size_t at = (size_t)((1 - kAbove) * (double)(m->error_count - 1));
    return (float)Max(1.0, m->errors[at] / kEpsilon);
}

void probe_gaps(Prober *p, Findings *m)
{
    float *gaps = m->gaps + m->queries++ * m->places;
    for (size_t place = 0; place < m->places; place++)
        gaps[place] = gap_of(p, place);
}

uint32_t place_of(Prober *p, size_t row)
{
    return p->place[nearest_list(&p->row, sample_row(p, row))];
}

void probe_depth(Prober *p, Findings *m, uint32_t d, const Nearest &nearest, size_t rows)
{
    for (size_t j = 0; j < Min(nearest.found, rows); j++) {
        const uint32_t place = place_of(p, nearest.row[j]);
        m->near_lists[d][m->near_count[d]++] = {gap_of(p, place), place};
    }
}

void probe_neighbours(Prober *p, Findings *m, const Nearest &nearest)
{
    for (size_t j = 0; j < Min(nearest.found, kNeighbours); j++)
        m->at_place[place_of(p, nearest.row[j])]++;
}

// Of the sample's nearest rows, those that stand for the n nearest of the table: its rows lie closer together.
size_t sampled(double n, const Sample &sample, uint64_t table_rows)
{
    const double share = (double)sample.rows / Max((double)table_rows, (double)sample.rows);
    return Max((size_t)std::lround(n * share), (size_t)1);
}

// copies: so many rows are equal on average. What is meant by rows of a query are different ones, so one of so many rows of the
// sample stands for all.
DepthSample depth_sample(uint32_t d, const Sample &sample, uint64_t table_rows, size_t copies)
{
    const size_t rows =
        Min(sampled(kTimesNearer[d] * (double)kRecallDepth[d], sample, table_rows), sample.rows);
    const size_t least = copies > 1 ? (size_t)std::ceil(Min(kTimesNearer[d], 3.0)) : d == 0 ? 1 : 2;
    DepthSample s = {};
    s.stride = (rows / copies + kNearest - 1) / kNearest * copies;
    s.stride = Max(s.stride, copies);
    s.rows = Max(rows / s.stride, least);
    return s;
}

void open_findings(Findings *m, uint32_t nlist, size_t queries)
{
    *m = {};
    m->at_place = (uint64_t *)palloc0(nlist * sizeof(uint64_t));
    m->errors = (float *)palloc(kQueries * kNeighbours * sizeof(float));
    m->widths = (float *)palloc(queries * kNeighbours * sizeof(float));
    m->places = Min((size_t)nlist, kGapDepth);
    m->gaps = (float *)palloc(queries * m->places * sizeof(float));
    for (NearList *&lists : m->near_lists)
        lists = (NearList *)palloc(queries * kNearest * sizeof(NearList));
    open_farther_rows(&m->farther);
}

// Lists that n queries need for each recall of kCalibrationRecall.
void fill_calibration(MetaPage *meta, const Findings &m, size_t n)
{
    uint64_t covered = 0;
    uint32_t point = 0;
    for (uint32_t i = 0; i < meta->nlist && point < kCalibrationPoints; i++) {
        covered += m.at_place[i];
        while (point < kCalibrationPoints &&
               (double)covered >= (double)kCalibrationRecall[point] * (double)(n * kNeighbours))
            meta->calibration[point++] = wider_by_sublists(*meta, i + 1);
    }
}

RecallTable recall_table(const Index &index, const MetaPage &meta, const Findings &m)
{
    for (size_t i = 0; i < m.width_count; i++)
        m.widths[i] /= meta.error_scale;
    for (size_t i = 0; i < m.farther.count; i++)
        m.farther.rows[i].width /= meta.error_scale;
    RecallMeasurements measured = {m.queries,
                                   m.places,
                                   m.gaps,
                                   {},
                                   m.widths,
                                   m.width_count,
                                   (float)kDefaultEpsilon,
                                   (float *)palloc(m.queries * kNearest * sizeof(float))};
    for (uint32_t d = 0; d < kRecallDepths; d++)
        measured.near_lists[d] = {m.near_lists[d], m.near_count[d]};
    measured.costs = query_costs(index, meta, m.farther);
    return fit_recall_table(measured);
}

} // namespace

void forget_calibration(MetaPage *meta)
{
    meta->error_scale = meta->sublist_share = 1;
    for (uint32_t i = 0; i < kCalibrationPoints; i++)
        meta->calibration[i] = meta->nlist;
    meta->targets = unknown_recall_table(meta->nlist, (float)kDefaultEpsilon);
}

// How far each query is from the rows nearest to it, and the centroid of its list.
static QueryPlace *query_places(Prober *p, const CalibrationQueries &queries, const Nearest *nearest,
                                const float *centroids)
{
    QueryPlace *places = (QueryPlace *)palloc(queries.count * sizeof(QueryPlace));
    float *squares = (float *)palloc(queries.count * kNearest * sizeof(float));
    each_query(*p, 0, queries.count, [&](size_t i) {
        const float *q = query_vector(queries, i);
        float *square = squares + i * kNearest;
        for (size_t k = 0; k < nearest[i].found; k++)
            square[k] = simd::kernels().l2sq(q, sample_row(p, nearest[i].row[k]), queries.dims);
        std::sort(square, square + nearest[i].found);
        const uint32_t list = nearest_list(&p->row, q);
        places[i] = {centroids + (size_t)list * queries.dims, square, nearest[i].found};
    });
    return places;
}

// nearest: of all rows of the sample.
static void find_nearest(const Sample &sample, Metric metric, uint64_t table_rows,
                         const CalibrationQueries &queries, Nearest *nearest, size_t copies,
                         DepthSample *depths)
{
    for (uint32_t d = 0; d < kRecallDepths; d++) {
        depths[d] = depth_sample(d, sample, table_rows, copies);
        const size_t stride = depths[d].stride;
        if (stride == 1)
            depths[d].nearest = nearest;
        else if (d > 0 && stride == depths[d - 1].stride)
            depths[d].nearest = depths[d - 1].nearest;
        else {
            depths[d].nearest = (Nearest *)palloc0(queries.count * sizeof(Nearest));
            nearest_in_sample(sample, metric, queries,
                              stride == copies ? queries.count : Min(queries.count, kDeepQueries), stride,
                              depths[d].nearest);
        }
    }
}

void calibrate(MetaPage *meta, Relation rel, const Index *index, const Sample &sample, const float *centroids,
               BuildProgress *progress)
{
    forget_calibration(meta);
    if (sample.rows < 10 * kNeighbours || !meta->trained)
        return;
    const size_t n = Min(kQueries, sample.rows / 2), all = Min(kTargetQueries, sample.rows / 2);
    begin_phase(progress, BuildPhase::Calibrating, (int64)all);
    Prober p;
    open_prober(&p, rel, index, &sample);
    CalibrationQueries queries = draw_queries(sample, all);
    const Metric metric = index->space().metric;
    Nearest *nearest = (Nearest *)palloc0(all * sizeof(Nearest));
    nearest_in_sample(sample, metric, queries, all, 1, nearest);
    const double copies = leave_copies(&queries, query_places(&p, queries, nearest, centroids),
                                       {centroids, index->ordinary_lists()},
                                       (double)sample.rows / meta->nlist, sample.unit && !sample.centred);
    if (copies > 1) {
        memset(nearest, 0, all * sizeof(Nearest));
        nearest_in_sample(sample, metric, queries, all, 1, nearest);
    }
    DepthSample depths[kRecallDepths];
    find_nearest(sample, metric, meta->build_rows, queries, nearest, (size_t)std::lround(copies), depths);

    Findings m;
    open_findings(&m, meta->nlist, all);
    m.rows_asked = sampled(kNeighbours, sample, meta->build_rows);
    each_query(p, 0, all, [&](size_t i) {
        const float *q = visit_order(&p, query_vector(queries, i));
        probe_gaps(&p, &m);
        if (i < n)
            probe_neighbours(&p, &m, nearest[i]);
        for (uint32_t d = 0; d < kRecallDepths; d++)
            probe_depth(&p, &m, d, depths[d].nearest[i], depths[d].rows);
        probe_codes(&p, &m, q, nearest[i], i < n);
        probe_farther_rows(&p, &m.farther, i, q, nearest[i], m.rows_asked, depths, (double)meta->build_rows);
        phase_done(progress, (int64)i + 1);
    });
    meta->error_scale = error_scale(&m);
    fill_calibration(meta, m, n);
    const uint32_t nprobe = Min(calibrated_nprobe(*meta), meta->nlist);
    if (meta->sublist_layers > 0)
        meta->sublist_share = measure_sublist_share(&p, nprobe, queries, nearest, n, kNeighbours);
    meta->targets = recall_table(*index, *meta, m);
    if (!valid_recall_table(meta->targets) || !std::isfinite(meta->error_scale))
        forget_calibration(meta);
    report_phase(progress,
                 "calibrated with %zu queries: nprobe %u, error scale %.3f, share of the lists' rows %.3f",
                 all, nprobe, meta->error_scale, meta->sublist_share);
}

} // namespace vq::ivf
