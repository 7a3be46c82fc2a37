#include "ivf/scan/probing.h"

#include "ivf/scan/probes.h"

namespace vq::ivf {

namespace {

// Lists that hold less than so many times the rows wanted cannot hold most of the nearest: they would give out their farthest
// ones. It counts where lists are empty, or nearly so; and where a setting asks for few lists and the consumer goes deep.
constexpr double kRowsHeld = 3, kRowsHeldByFew = 30;

double rows_wanted(const Probing &probing)
{
    return probing.depth * (probing.nprobe > 0 ? kRowsHeldByFew : kRowsHeld);
}

bool has_rest(const Probing &probing, const ScanQuery &query)
{
    return probing.batch_count > 0 && probing.batches[probing.batch_count - 1]->part == BatchPart::Nearest &&
           query.settings.iterative != IterativeScan::Off;
}

// Lists for that depth, from the first one on, counting those visited.
uint32_t lists_for(Probing *probing, const Index &index, double depth)
{
    const MetaPage &meta = index.meta;
    const RecallTarget target = recall_target(index.targets, probing->target, depth);
    if (probing->nprobe == 0)
        return wider_by_sublists(meta, lists_within(&probing->router, target.reach, target.lists));
    const double usual = recall_target(index.targets, probing->target, kUsualDepth).lists;
    const double growth = usual >= 1 ? Max(target.lists / usual, 1.0) : 1.0;
    return (uint32_t)Min(probing->nprobe * growth, (double)meta.nlist);
}

// Those of the lists visited that hold rows say how many lists hold so many rows.
uint32_t lists_holding(const Probing &probing, double rows)
{
    const double average = (double)Max(probing.rows, (uint64_t)1) / Max(probing.visited, 1u);
    return (uint32_t)Min(std::ceil(rows / average), (double)probing.most);
}

// Whether the lists not visited yet are so few, or hold so few rows, that a scan with conditions on filter columns takes all of them
// rather than some: rows of lists visited later than needed are late, and no sweep finds those of such a scan.
bool takes_rest(const Probing &probing, const ScanQuery &query)
{
    constexpr double kFewRows = 8192; // whose codes take as long as a dozen rows of the table (table_costs.h)
    if (probing.visited == 0 || !has_filter(query.filter))
        return false;
    const uint32_t left = probing.most - probing.visited;
    return left <= 2 * probing.visited || (double)probing.rows / probing.visited * left <= kFewRows;
}

double deeper(double depth, bool run_out)
{
    if (depth < kUsualDepth)
        return kUsualDepth;
    return depth * (run_out ? 4 : 2);
}

// How many lists come next. At least one, or the search would stand still.
uint32_t further_lists(Probing *probing, const ScanQuery &query, const ScanProgress &done, bool run_out)
{
    const Index &index = *query.index;
    if (probing->visited > 0 && (double)probing->rows >= rows_wanted(*probing))
        probing->depth = Max(deeper(probing->depth, run_out), depth_of(done));
    uint32_t wanted = lists_for(probing, index, probing->depth);
    if (probing->visited == 0 && probing->depth > 1 && probing->nprobe == 0)
        wanted = Max(wanted, lists_for(probing, index, 1) + 1); // as where rows are asked for one by one
    if (probing->visited > 0)
        wanted = Max(wanted, lists_holding(*probing, rows_wanted(*probing)));
    if (run_out)
        wanted = Max(wanted, 2 * probing->visited);
    wanted = takes_rest(*probing, query) ? probing->most : Max(wanted, probing->visited + 1);
    return Min(wanted, probing->most) - probing->visited;
}

// Lists for all rows wanted are visited at once, which takes less time than some and then others: as many as would be in the end. But
// not for very many rows, since the consumer may stop before.
double first_depth(double rows)
{
    constexpr double kAtOnce = 1000;
    double depth = 1;
    while (depth < Min(rows, kAtOnce))
        depth = deeper(depth, false);
    return depth;
}

} // namespace

void begin_probing(Probing *probing, Relation rel, const ScanQuery &query, double rows)
{
    const Index &index = *query.index;
    const ScanSettings &settings = query.settings;
    const uint32_t nlist = index.meta.nlist;
    *probing = {};
    route_open(&probing->router, rel, &index);
    route_begin(&probing->router, query.about);
    probing->target = target_of(settings);
    const uint32_t always = index.visits_far_lists() ? index.meta.far_lists : 0;
    probing->nprobe = settings.nprobe > 0 ? (uint32_t)settings.nprobe + always : 0;
    probing->depth =
        probing->nprobe > 0 || settings.iterative == IterativeScan::Off ? kUsualDepth : first_depth(rows);
    const uint32_t first = Min(lists_for(probing, index, probing->depth), nlist);
    const uint32_t max_probes = settings.max_probes > 0 ? (uint32_t)settings.max_probes : nlist;
    probing->most = settings.iterative != IterativeScan::Off ? Min(nlist, Max(max_probes, first)) : first;
}

bool more_to_visit(const Probing &probing, const ScanQuery &query)
{
    return probing.batch_count < kMostBatches && (has_rest(probing, query) || probing.visited < probing.most);
}

bool wants_deeper(const Probing &probing, const ScanProgress &done)
{
    if (depth_of(done) > probing.depth)
        return true;
    // A setting that asks for few lists gets them at first.
    return (double)probing.rows < rows_wanted(probing) && (probing.nprobe == 0 || probing.batch_count > 1);
}

Batch *next_batch(Relation rel, const ScanQuery &query, Probing *probing, const ScanProgress &done,
                  bool run_out, ScanStats *stats)
{
    if (!more_to_visit(*probing, query))
        return nullptr;
    Batch *batch;
    if (has_rest(*probing, query)) {
        batch = open_rest(*probing->batches[probing->batch_count - 1]);
        probing->depth = deeper(probing->depth, run_out);
    } else {
        const uint32_t count = further_lists(probing, query, done, run_out);
        batch = open_batch(rel, query, &probing->router, count, stats);
        probing->visited += batch->list_count;
        for (uint32_t i = 0; i < batch->list_count; i++)
            probing->rows += batch->lists[i].entry.rows - batch->lists[i].entry.dead;
    }
    batch->number = (uint16_t)probing->batch_count;
    probing->batches[probing->batch_count++] = batch;
    return batch;
}

} // namespace vq::ivf
