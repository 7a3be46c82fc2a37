#include "ivf/write/compact.h"

#include "ivf/write/truncate.h"

extern "C" {
#include "commands/vacuum.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

struct Placed
{
    uint32_t group;
    GroupSpace space;
};

// Groups that have pages, the one that ends last first.
Placed *placed_groups(const Survey &survey, uint32_t *count)
{
    Placed *placed =
        (Placed *)palloc_extended((size_t)(survey.index->groups + 1) * sizeof(Placed), MCXT_ALLOC_HUGE);
    *count = 0;
    for (uint32_t g = 0; g < survey.index->groups; g++)
        if (survey.groups[g].pages > 0)
            placed[(*count)++] = {g, survey.groups[g]};
    std::sort(placed, placed + *count,
              [](const Placed &a, const Placed &b) { return a.space.last > b.space.last; });
    return placed;
}

struct Plan
{
    uint32_t groups; // that end last
    BlockNumber end; // of the lists after they were moved
};

constexpr uint32_t kLittlePages = 2048; // 16 MB
constexpr uint32_t kTrifle = 256;       // 2 MB

// Whether it pays to write so many pages for a file that is so much shorter: two for one that is won. Where a generation was replaced, about as
// many are free as are in use, so that to win nearly all of them nearly all are written.
bool pays(uint64_t cost, BlockNumber won, BlockNumber blocks)
{
    return 2 * (uint64_t)won >= cost || (cost <= kTrifle && worth_truncating(won, blocks));
}

// Where nearly half of the file is free, as after a generation was replaced, whoever made so much free has written as much.
uint64_t most_to_write(uint32_t free_count, BlockNumber blocks)
{
    return Max(kLittlePages, free_count > blocks * 0.4 ? blocks / 2 : blocks / 8);
}

// What the file ends with when the lists end there: fixed parts behind them move down (upkeep/move_fixed.h), but for those of the build.
BlockNumber file_end(const MetaPage &meta, BlockNumber lists_end)
{
    if (meta.fixed_block == 0 || lists_end >= meta.fixed_end)
        return Max(lists_end, meta.fixed_end);
    return Min(meta.fixed_end, lists_end + fixed_pages(meta));
}

// The plan that wins most. placed: as placed_groups, so many; free: pages to move to, ascending.
Plan best_plan(const Survey &survey, const Placed *placed, uint32_t count, const BlockNumber *free,
               uint32_t free_count, BlockNumber blocks)
{
    const MetaPage &meta = survey.index->meta;
    Plan best = {0, count > 0 ? placed[0].space.last + 1 : 0};
    const BlockNumber end_now = file_end(meta, best.end);
    const uint64_t most = most_to_write(free_count, blocks);
    uint64_t cost = 0; // pages to write
    for (uint32_t k = 1; k <= count; k++) {
        cost += placed[k - 1].space.pages + 1; // parts may begin on pages of their own
        if (cost > most || cost > free_count)
            break;
        const BlockNumber lists_end = Max(free[cost - 1] + 1, k < count ? placed[k].space.last + 1 : 0);
        const BlockNumber end = file_end(meta, lists_end);
        if (lists_end < best.end && pays(cost, end_now - Min(end, end_now), blocks) &&
            worth_truncating(blocks - end, blocks))
            best = {k, lists_end};
    }
    return best;
}

} // namespace

// A quarter is what the next inserts and the next VACUUM need: it would be given back and taken in turn, each time with a lock that disturbs
// standbys.
bool much_is_free(const Survey &survey)
{
    const BlockNumber pages = RelationGetNumberOfBlocks(survey.rel) - fixed_pages(survey.index->meta);
    uint64_t used = 0;
    for (uint32_t g = 0; g < survey.index->groups; g++)
        used += survey.groups[g].pages;
    return used < pages - pages / 4;
}

bool rewrite_surveyed(Survey *survey, uint32_t group, PageReserve *reserve, NoRoom *none)
{
    const uint32_t before = reserve->used;
    lock_group(survey->rel, group);
    const bool done = rewrite_group(survey->rel, survey->heap, *survey->index, group, reserve, none);
    unlock_group(survey->rel, group);
    if (!done)
        return false;
    GroupSpace *space = &survey->groups[group];
    *space = {reserve->used - before, 0};
    for (uint32_t i = before; i < reserve->used; i++)
        space->last = Max(space->last, reserve->blocks[i]);
    return true;
}

uint32_t move_last_groups(Survey *survey, PageReserve *reserve)
{
    uint32_t count, moved = 0;
    const BlockNumber blocks = RelationGetNumberOfBlocks(survey->rel);
    if (!much_is_free(*survey))
        return 0;
    Placed *placed = placed_groups(*survey, &count);
    const Plan plan = best_plan(*survey, placed, count, reserve->known + reserve->next,
                                reserve->known_count - reserve->next, blocks);
    reserve_limit(reserve, plan.end);
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant group", ALLOCSET_DEFAULT_SIZES);
    for (bool room = true; room && moved < plan.groups; moved += room) {
        NoRoom none;
        MemoryContext outer = MemoryContextSwitchTo(memory);
        room = rewrite_surveyed(survey, placed[moved].group, reserve, &none);
        MemoryContextSwitchTo(outer);
        MemoryContextReset(memory);
        compat_vacuum_delay_point();
    }
    MemoryContextDelete(memory);
    pfree(placed);
    return moved;
}

} // namespace vq::ivf
