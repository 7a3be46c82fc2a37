#include "ivf/scan/batch.h"

#include "ivf/store/directory.h"

namespace vq::ivf {

namespace {

Batch *new_batch(uint32_t list_count)
{
    Batch *batch = (Batch *)palloc0(sizeof(Batch));
    batch->list_count = list_count;
    const size_t bytes = Max(list_count, (uint32_t)1) * sizeof(ProbedList);
    batch->lists = (ProbedList *)palloc_extended(bytes, MCXT_ALLOC_HUGE);
    return batch;
}

ProbedList probed_list(const ScanQuery &query, const RoutedList &routed)
{
    const uint32_t origin = query.index->origin_of(routed.list);
    const float rounding = list_rounding(space_about(*query.about, origin), moved_about(query.about, origin),
                                         routed.centroid_norm, routed.distance) +
                           (float)operator_rounding(query.exact);
    const void *tables = tables_about(query.about, origin);
    return {routed.list,
            routed.add - rounding,
            error_distance(*(const QueryHead *)tables, routed.distance),
            tables,
            kEmptyList,
            nullptr,
            nullptr};
}

// Distributes the lists over their groups.
void find_groups(const Index &index, Batch *batch)
{
    const uint32_t group_lists = index.meta.group_lists;
    int32_t *place = (int32_t *)palloc_extended(index.groups * sizeof(int32_t), MCXT_ALLOC_HUGE);
    memset(place, 0xFF, index.groups * sizeof(int32_t));
    const size_t most = Min(batch->list_count, index.groups);
    batch->groups = (ProbedGroup *)palloc0(Max(most, (size_t)1) * sizeof(ProbedGroup));
    for (uint32_t slot = 0; slot < batch->list_count; slot++) {
        const uint32_t list = batch->lists[slot].list, g = list / group_lists;
        if (place[g] < 0) {
            place[g] = (int32_t)batch->group_count;
            int32_t *slots = (int32_t *)palloc(group_lists * sizeof(int32_t));
            memset(slots, 0xFF, group_lists * sizeof(int32_t));
            batch->groups[batch->group_count++] = {g, InvalidBlockNumber, slots};
        }
        batch->groups[place[g]].slots[list % group_lists] = (int32_t)slot;
    }
    pfree(place);
}

// Copies what the directory says of the lists. Groups come in the order of their numbers: neighbours share a page.
void look_up(Relation rel, const Index &index, Batch *batch)
{
    std::sort(batch->groups, batch->groups + batch->group_count,
              [](const ProbedGroup &a, const ProbedGroup &b) { return a.group < b.group; });
    GroupReader reader;
    groups_open(&reader, rel, &index);
    for (uint32_t i = 0; i < batch->group_count; i++) {
        ProbedGroup &probed = batch->groups[i];
        const Group *group = groups_read(&reader, probed.group);
        probed.open_head = group->record.open_head;
        for (uint32_t l = 0; l < lists_of_group(index, probed.group); l++)
            if (probed.slots[l] >= 0)
                batch->lists[probed.slots[l]].entry = group->entries[l];
    }
    groups_close(&reader);
}

} // namespace

Batch *open_batch(Relation rel, const ScanQuery &query, Router *router, uint32_t count, ScanStats *stats)
{
    RoutedList *routed = (RoutedList *)palloc_extended(count * sizeof(RoutedList), MCXT_ALLOC_HUGE);
    count = route_next(router, count, routed);
    Batch *batch = new_batch(count);
    for (uint32_t i = 0; i < count; i++)
        batch->lists[i] = probed_list(query, routed[i]);
    pfree(routed);
    find_groups(*query.index, batch);
    look_up(rel, *query.index, batch);
    stats->lists += count;
    choose_nearest(rel, query, batch, stats);
    return batch;
}

Batch *open_rest(const Batch &nearest)
{
    Batch *batch = new_batch(nearest.list_count);
    batch->part = BatchPart::Rest;
    for (uint32_t i = 0; i < nearest.list_count; i++) {
        batch->lists[i] = nearest.lists[i];
        batch->lists[i].tiles = tiles_left(nearest.lists[i]);
    }
    return batch;
}

} // namespace vq::ivf
