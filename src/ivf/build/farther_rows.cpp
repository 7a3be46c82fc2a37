#include "ivf/build/farther_rows.h"

#include "ivf/scan/probes.h"
#include "ivf/scan/table_costs.h"

namespace vq::ivf {

// Each row is encoded, in 20 to 90 us.
static constexpr size_t kQueries = 100, kRowsOfDepth = 8;

void open_farther_rows(FartherRows *out)
{
    *out = {};
    out->rows = (FartherRow *)palloc(kQueries * kRecallDepths * kRowsOfDepth * sizeof(FartherRow));
}

namespace {

// Rows [first, end) of the nearest that a depth has, each of which stands for so many of the table.
struct Ranks
{
    const Nearest *nearest;
    size_t first, end;
    double rows_each;
};

void probe_ranks(Prober *p, FartherRows *out, const float *q, double last, const Ranks &ranks)
{
    const size_t all = ranks.end - ranks.first, n = Min(all, kRowsOfDepth);
    for (size_t k = 0; k < n; k++) {
        const size_t at = ranks.first + (2 * k + 1) * all / (2 * n); // in the midst of those it stands for
        Estimate e;
        double score;
        if (!estimate_row(p, q, sample_row(p, ranks.nearest->row[at]), &e, &score))
            continue;
        const uint32_t place = p->place[e.list];
        out->rows[out->count++] = {{gap_of(p, place), place},
                                   (float)((e.estimate - last) / e.error),
                                   (float)((double)all / (double)n * ranks.rows_each)};
    }
}

} // namespace

void probe_farther_rows(Prober *p, FartherRows *out, size_t i, const float *q, const Nearest &nearest,
                        size_t asked, const DepthSample *depths, double table_rows)
{
    if (out->queries == kQueries || nearest.found < asked)
        return;
    const double last = sample_score(p, q, sample_row(p, nearest.row[asked - 1]));
    const double share = table_rows / (double)p->sample->rows;
    size_t reached = asked; // rank in the sample
    for (uint32_t d = 0; d < kRecallDepths; d++) {
        const DepthSample &depth = depths[d];
        const size_t first = (reached + depth.stride - 1) / depth.stride;
        const size_t end = Min(depth.nearest[i].found, depth.rows);
        if (first >= end)
            continue;
        probe_ranks(p, out, q, last, {&depth.nearest[i], first, end, (double)depth.stride * share});
        reached = end * depth.stride;
    }
    out->queries++;
}

QueryCosts query_costs(const Index &index, const MetaPage &meta, const FartherRows &farther)
{
    // Where sub-lists let a query read a part of its lists, it visits more of them.
    const double times = (double)wider_by_sublists(meta, meta.nlist / 3 + 1) / (meta.nlist / 3 + 1);
    const double rows = (double)meta.build_rows / meta.nlist * meta.sublist_share;
    return {times * (kListTime + kCodeTime * rows),
            index.has_fine() ? kFineLookTime : vector_times(index).look, farther.rows, farther.count,
            farther.queries};
}

} // namespace vq::ivf
