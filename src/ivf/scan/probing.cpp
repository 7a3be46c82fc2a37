#include "ivf/scan/probing.h"

#include "ivf/scan/probes.h"

namespace vq::ivf {

namespace {

constexpr double kFirstDepth = 10; // rows that calibration and targets are about

// Lists of the first batch. For a target as many as lie within its reach of this query.
uint32_t first_lists(Probing *probing, const ScanQuery &query)
{
    const MetaPage &meta = query.index->meta;
    const ScanSettings &settings = query.settings;
    if (settings.target_recall > 0) {
        const RecallTarget target = recall_target(meta.targets, settings.target_recall);
        return wider_by_sublists(meta, lists_within(&probing->router, target.reach));
    }
    return settings.nprobe > 0 ? (uint32_t)settings.nprobe : default_nprobe(meta);
}

bool has_rest(const Probing &probing, const ScanQuery &query)
{
    return probing.batch_count > 0 && probing.batches[probing.batch_count - 1]->part == BatchPart::Nearest &&
           query.settings.iterative != IterativeScan::Off;
}

// Lists for so many rows. Measured on arxiv-minilm-384 and fashion-mnist-784, a tenfold depth takes 1.4 to 2.5 times the lists
// for the same recall; the root of the number of rows is more than that. And lists that hold less than kRowsHeld times the rows
// taken cannot hold most of the nearest: they would give out their farthest ones.
double lists_for(const Probing &probing, double depth)
{
    constexpr double kRowsHeld = 30;
    const double average = Max(1.0, (double)probing.rows / Max(probing.visited, 1u));
    return Max(probing.first * std::sqrt(depth / kFirstDepth), kRowsHeld * depth / average);
}

// How many lists come next, and what depth they are enough for.
uint32_t further_lists(Probing *probing, bool run_out)
{
    const uint32_t left = probing->most - probing->visited;
    if (probing->visited == 0) {
        probing->depth = kFirstDepth;
        return Min(probing->first, left);
    }
    probing->depth *= run_out ? 4 : 2;
    const double wanted = std::ceil(lists_for(*probing, probing->depth)) - probing->visited;
    return wanted < 1 ? Min(1u, left) : (uint32_t)Min(wanted, (double)left);
}

} // namespace

void begin_probing(Probing *probing, Relation rel, const ScanQuery &query)
{
    const Index &index = *query.index;
    const uint32_t nlist = index.meta.nlist;
    *probing = {};
    route_begin(&probing->router, rel, query.index, &index.space, query.space, query.state);
    probing->first = Min(first_lists(probing, query), nlist);
    const uint32_t max_probes = query.settings.max_probes > 0 ? (uint32_t)query.settings.max_probes : nlist;
    const bool goes_on = query.settings.iterative != IterativeScan::Off;
    probing->most = goes_on ? Min(nlist, Max(max_probes, probing->first)) : probing->first;
}

bool more_to_visit(const Probing &probing, const ScanQuery &query)
{
    return probing.batch_count < kMostBatches && (has_rest(probing, query) || probing.visited < probing.most);
}

Batch *next_batch(Relation rel, const ScanQuery &query, Probing *probing, bool run_out, ScanStats *stats)
{
    if (!more_to_visit(*probing, query))
        return nullptr;
    Batch *batch;
    if (has_rest(*probing, query)) {
        batch = open_rest(*probing->batches[probing->batch_count - 1]);
        probing->depth *= 2;
    } else {
        const uint32_t count = further_lists(probing, run_out);
        batch = open_batch(rel, query, &probing->router, count, stats);
        probing->visited += batch->list_count;
        for (uint32_t i = 0; i < batch->list_count; i++)
            probing->rows += batch->lists[i].entry.rows;
    }
    probing->batches[probing->batch_count++] = batch;
    return batch;
}

} // namespace vq::ivf
