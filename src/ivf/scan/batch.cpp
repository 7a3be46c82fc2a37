#include "ivf/scan/batch.h"

#include "ivf/scan/probes.h"
#include "ivf/store/directory.h"

namespace vq::ivf {

namespace {

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

constexpr float kRounding = 2e-6f; // of the terms of a score: some dozen units in the last place

void enter_lists(const ScanQuery &query, Batch *batch, const RoutedList *routed)
{
    for (uint32_t i = 0; i < batch->list_count; i++) {
        // Bounds are sums of floats: rows that differ by less than their rounding must not be told apart by
        // them.
        const float rounding = kRounding * (std::fabs(routed[i].add) + query.space.norm_sq);
        batch->lists[i] = {routed[i].list,
                           routed[i].add - rounding,
                           error_distance(query.head(), routed[i].distance),
                           {},
                           nullptr,
                           nullptr};
        batch->slot_of_list[routed[i].list] = (int32_t)i;
    }
}

// Copies what the directory says of the lists, each group once.
void look_up(Relation rel, const Index &index, Batch *batch)
{
    Group *group = (Group *)palloc(group_bytes(index));
    bool *known = (bool *)palloc0(index.groups);
    batch->group_count = 0;
    for (uint32_t i = 0; i < batch->list_count; i++) {
        const uint32_t g = batch->lists[i].list / index.meta.group_lists;
        const uint32_t first = g * index.meta.group_lists;
        if (known[g])
            continue;
        known[g] = true;
        read_group(rel, index, g, group);
        batch->groups[batch->group_count++] = {g, group->record.open_head};
        for (uint32_t l = 0; l < lists_of_group(index, g); l++)
            if (batch->slot_of_list[first + l] >= 0)
                batch->lists[batch->slot_of_list[first + l]].entry = group->entries[l];
    }
    pfree(known);
    pfree(group);
}

void leave_lists(Batch *batch)
{
    for (uint32_t i = 0; i < batch->list_count; i++)
        batch->slot_of_list[batch->lists[i].list] = -1;
    if (batch->lists) {
        pfree(batch->lists);
        pfree(batch->groups);
    }
}

} // namespace

void begin_probing(Probing *probing, Batch *batch, Relation rel, const ScanQuery &query)
{
    const Index &index = *query.index;
    const uint32_t nlist = index.meta.nlist;
    route_begin(&probing->router, rel, query.index, &index.space, query.space, query.state);
    probing->first = Min(first_lists(probing, query), nlist);
    probing->visited = 0;
    const uint32_t max_probes = query.settings.max_probes > 0 ? (uint32_t)query.settings.max_probes : nlist;
    const bool goes_on = query.settings.iterative != IterativeScan::Off;
    probing->most = goes_on ? Min(nlist, Max(max_probes, probing->first)) : probing->first;
    *batch = {};
    batch->slot_of_list = (int32_t *)palloc_extended(nlist * sizeof(int32_t), MCXT_ALLOC_HUGE);
    memset(batch->slot_of_list, 0xFF, nlist * sizeof(int32_t));
}

bool next_batch(Relation rel, const ScanQuery &query, Probing *probing, Batch *batch, ScanStats *stats)
{
    if (batch->part == BatchPart::Nearest && query.settings.iterative != IterativeScan::Off) {
        choose_rest(batch);
        return true;
    }
    const uint32_t wanted = probing->visited == 0 ? probing->first : probing->visited;
    const uint32_t count = Min(wanted, probing->most - probing->visited);
    if (count == 0)
        return false;
    leave_lists(batch);
    batch->lists = (ProbedList *)palloc_extended(count * sizeof(ProbedList), MCXT_ALLOC_HUGE);
    batch->groups = (ProbedGroup *)palloc(Min(count, query.index->groups) * sizeof(ProbedGroup));
    RoutedList *routed = (RoutedList *)palloc_extended(count * sizeof(RoutedList), MCXT_ALLOC_HUGE);
    batch->list_count = route_next(&probing->router, count, routed);
    enter_lists(query, batch, routed);
    pfree(routed);
    look_up(rel, *query.index, batch);
    probing->visited += batch->list_count;
    stats->lists += batch->list_count;
    choose_nearest(rel, query, batch, stats);
    return true;
}

} // namespace vq::ivf
