#include "ivf/upkeep/tidy.h"

#include "ivf/store/fine.h"
#include "ivf/upkeep/condition.h"
#include "ivf/upkeep/move_fixed.h"
#include "ivf/write/compact.h"
#include "ivf/write/maintain.h"
#include "ivf/write/truncate.h"

extern "C" {
#include "commands/vacuum.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

constexpr double kRewriteShare =
    0.25; // a group is rewritten when this share of its rows is dead, or of its fine pages idle

// Dead open rows leave their page, but their fine records stay where they are.
bool has_idle_fine_pages(const Index &index, const Group *group, const GroupRows &c)
{
    if (!index.has_fine())
        return false;
    const uint32_t pages = group->record.fine_pages,
                   needed = fine_pages_of(index, (uint32_t)(c.live() + c.open_dead));
    return pages >= needed + 2 && pages - needed > kRewriteShare * pages;
}

bool worth_rewriting(const Index &index, const Group *group, const GroupRows &c)
{
    if ((double)c.dead > kRewriteShare * (double)c.sealed && c.dead > 0)
        return true;
    return has_many_open_pages(index, c.open_pages, group->record.tile_pages) ||
           has_idle_fine_pages(index, group, c);
}

// Groups that stay as they are.
struct PutOff
{
    uint32_t groups;
    NoRoom least; // of the one that takes the fewest pages
    MemoryContext memory;
};

void put_off(PutOff *p, const NoRoom &none)
{
    if (p->groups++ == 0 || none.pages < p->least.pages)
        p->least = {none.pages, MemoryContextStrdup(p->memory, none.why)};
}

void warn_put_off(Relation rel, const Index &index, const PutOff &p)
{
    if (p.groups == 0)
        return;
    ereport(
        WARNING,
        (errcode(ERRCODE_DISK_FULL),
         errmsg("index \"%s\" keeps the space of its deleted rows for now", RelationGetRelationName(rel)),
         errdetail("There is no room to rewrite %u of its %u groups of lists. The smallest of them takes up "
                   "to %u kB: %s.",
                   p.groups, index.groups, p.least.pages * (BLCKSZ / 1024), p.least.why),
         errhint("Free disk space, then VACUUM again.")));
}

struct OpenPages // of a group, as they are surveyed
{
    Survey *survey;
    uint32_t group;
};

void note_open_page(void *arg, BlockNumber block)
{
    const OpenPages *open = (const OpenPages *)arg;
    survey_open_page(open->survey, open->group, block);
}

} // namespace

void survey_index(GroupsSurvey *s, Relation rel, Relation heap, const Index *index,
                  BufferAccessStrategy strategy)
{
    *s = {};
    survey_begin(&s->survey, rel, heap, index, strategy);
    s->dirty = (bool *)palloc_extended(index->groups * sizeof(bool), MCXT_ALLOC_HUGE);
    Group *group = (Group *)palloc(group_bytes(*index));
    uint64_t *rows_of_list = (uint64_t *)palloc(index->meta.group_lists * sizeof(uint64_t));
    for (uint32_t g = 0; g < index->groups; g++) {
        OpenPages open = {&s->survey, g};
        lock_group(rel, g);
        read_group(rel, *index, g, group);
        const GroupRows rows = count_group(rel, *index, group, true, rows_of_list, note_open_page, &open);
        survey_group(&s->survey, group);
        unlock_group(rel, g);
        s->dirty[g] = worth_rewriting(*index, group, rows);
        s->rows += (double)rows.live();
        s->rows_squared += rows.squared;
    }
    pfree(rows_of_list);
    pfree(group);
    survey_end(&s->survey);
}

bool rewrite_dirty_groups(GroupsSurvey *s)
{
    Survey *survey = &s->survey;
    MemoryContext outer = CurrentMemoryContext;
    MemoryContext memory = AllocSetContextCreate(outer, "vector_quant group", ALLOCSET_DEFAULT_SIZES);
    bool rewritten = false;
    PutOff later = {0, {}, outer};
    with_free_pages(survey, [&](PageReserve *reserve) {
        for (uint32_t g = 0; g < survey->index->groups; g++) {
            if (!s->dirty[g])
                continue;
            NoRoom none;
            MemoryContextSwitchTo(memory);
            if (rewrite_surveyed(survey, g, reserve, &none))
                rewritten = true;
            else
                put_off(&later, none);
            MemoryContextSwitchTo(outer);
            MemoryContextReset(memory);
        }
    });
    MemoryContextDelete(memory);
    warn_put_off(survey->rel, *survey->index, later);
    return rewritten;
}

// The block behind the last list's last page.
static BlockNumber end_of_lists(const Survey &survey)
{
    BlockNumber end = 1;
    for (uint32_t g = 0; g < survey.index->groups; g++)
        if (survey.groups[g].pages > 0)
            end = Max(end, survey.groups[g].last + 1);
    return end;
}

// Moves fixed parts that lie last, if that makes the file much shorter. Returns where they end.
static BlockNumber move_fixed_parts_down(Survey *survey, bool *moved)
{
    const MetaPage &meta = survey->index->meta;
    const BlockNumber blocks = RelationGetNumberOfBlocks(survey->rel);
    const BlockNumber pages = meta.fixed_end - meta.fixed_block, end = Max(end_of_lists(*survey), pages);
    if (end >= meta.fixed_end || !worth_truncating(meta.fixed_end - end, blocks))
        return meta.fixed_end;
    MetaPage now = meta;
    with_free_pages(survey, [&](PageReserve *reserve) {
        *moved = move_fixed_parts(survey->rel, *survey->index, reserve, meta.fixed_block, &now);
    });
    if (*moved)
        free_fixed_parts(survey->rel, meta);
    return now.fixed_end;
}

Shortened shorten(GroupsSurvey *s, int message_level)
{
    Survey *survey = &s->survey;
    if (survey->damaged || !compat_vacuum_truncates(survey->heap))
        return {false, RelationGetNumberOfBlocks(survey->rel)};
    uint32_t groups = 0;
    bool moved = false;
    with_free_pages(survey, [&](PageReserve *reserve) { groups = move_last_groups(survey, reserve); });
    const BlockNumber fixed_end = move_fixed_parts_down(survey, &moved);
    const BlockNumber blocks = RelationGetNumberOfBlocks(survey->rel);
    const BlockNumber end = Max(end_of_lists(*survey), fixed_end);
    moved |= groups > 0;
    if (blocks <= end || !worth_truncating(blocks - end, blocks))
        return {moved, blocks};
    truncate_later(survey->rel, 1, message_level);
    return {moved, end};
}

} // namespace vq::ivf
