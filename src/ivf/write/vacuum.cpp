// VACUUM: dead rows become tombstones in place, or leave their open page, one record a page; then groups with much dirt are
// rewritten.
#include "ivf/write/vacuum.h"
#include "ivf/store/fine_writer.h"
#include "ivf/store/open_rows.h"
#include "ivf/store/open_writer.h"
#include "ivf/write/compact.h"
#include "ivf/write/maintain.h"
#include "ivf/write/survey.h"
#include "ivf/write/truncate.h"
#include "ivf/store/tiles.h"
#include "ivf/store/page_offers.h"
#include "ivf/store/tombstones.h"
#include "ivf/store/read_stream.h"

extern "C" {
#include "access/genam.h"
#include "access/table.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

constexpr double kRewriteShare =
    0.25; // a group is rewritten when this share of its rows is dead, of its pages open, or of its fine pages idle

struct BulkDelete
{
    Relation rel;
    const Index *index;
    IndexBulkDeleteCallback callback;
    void *callback_state;
    IndexBulkDeleteResult *stats;
    Tombstones found;      // of the list at hand
    BlockNumber fine_head; // of the group at hand; InvalidBlockNumber = none
    uint64_t fine_free;    // slots there whose rows died
};

// True (and counted as removed) if the table says the row is dead; else counted as live.
bool table_says_dead(BulkDelete *b, ItemPointerData tid)
{
    const bool dead = b->callback(&tid, b->callback_state);
    if (dead)
        b->stats->tuples_removed++;
    else
        b->stats->num_index_tuples++;
    return dead;
}

// Inserts look for room for their fine records at the head of the group's chain only.
void note_fine(BulkDelete *b, FineAddress fine)
{
    if (b->fine_head != InvalidBlockNumber && fine.block() == b->fine_head && fine.slot < kFreeableSlots)
        b->fine_free |= (uint64_t)1 << fine.slot;
}

void delete_in_tile(BulkDelete *b, TileReader *reader)
{
    StreamSpan span;
    tile_skip_codes(reader);
    const TileRows tile = tile_rows_placed(reader, &span);
    for (uint32_t v = 0; v < tile.rows; v++)
        if (!tile.dead(v) && table_says_dead(b, tile.tid(v))) {
            tombstones_add(&b->found, place_in(span, tile.tid_offset_at(v)));
            note_fine(b, tile.fine(v));
        }
}

// Returns the number of rows that died.
uint32_t delete_in_list(BulkDelete *b, uint32_t list, const ListEntry &entry)
{
    TileReader reader;
    tiles_open(&reader, b->rel, b->index, list, entry, nullptr);
    while (tiles_next(&reader) > 0)
        delete_in_tile(b, &reader);
    const uint32_t dead = b->found.count;
    tombstones_write(&b->found, b->rel);
    compat_vacuum_delay_point();
    return dead;
}

// Inserters only add rows behind those that were looked at, and the group's lock keeps others away.
void remove_open_rows(BulkDelete *b, BlockNumber block, const uint32_t *places, uint32_t count)
{
    if (count == 0)
        return;
    Buffer buf = read_page(b->rel, block, PageKind::Open, BUFFER_LOCK_EXCLUSIVE);
    GenericXLogState *state = GenericXLogStart(b->rel);
    open_page_remove(*b->index, GenericXLogRegisterBuffer(state, buf, 0), places, count);
    GenericXLogFinish(state);
    UnlockReleaseBuffer(buf);
}

// Dead open rows leave no tombstones: their room is free for inserts at once.
void delete_in_open_pages(BulkDelete *b, uint32_t group, BlockNumber head)
{
    uint32_t *places = (uint32_t *)palloc(b->index->open_rows_per_page * sizeof(uint32_t));
    OpenReader reader;
    open_rows_begin(&reader, b->rel, b->index, group, head);
    reader.vacuum = true;
    while (open_rows_next(&reader)) {
        uint32_t place = 0, count = 0;
        for (const OpenRow &row : reader) {
            if (is_dead(row) || table_says_dead(b, row.tid)) {
                places[count++] = place;
                note_fine(b, row.fine);
            }
            place++;
        }
        open_rows_let_go(&reader);
        remove_open_rows(b, reader.block, places, count);
    }
    pfree(places);
}

// Nothing refers to the records any more.
void free_fine_slots(BulkDelete *b)
{
    Buffer buf = b->fine_free == 0 ? InvalidBuffer : lock_page_if(b->rel, b->fine_head, PageKind::Fine);
    if (buf == InvalidBuffer)
        return;
    GenericXLogState *state = GenericXLogStart(b->rel);
    fine_page_free_slots(GenericXLogRegisterBuffer(state, buf, 0), b->fine_free);
    GenericXLogFinish(state);
    UnlockReleaseBuffer(buf);
}

// Adds what died to the directory's counts. The group's lock is held: no one else changes the entries.
void count_dead(BulkDelete *b, uint32_t group_number, const Group *group)
{
    Buffer buf = lock_directory(b->rel, *b->index, group_number);
    GenericXLogState *state = GenericXLogStart(b->rel);
    update_group(state, *b->index, buf, group_number, [&](Group *on_page) {
        memcpy(on_page->entries, group->entries, b->index->meta.group_lists * sizeof(ListEntry));
    });
    GenericXLogFinish(state);
    UnlockReleaseBuffer(buf);
}

void delete_in_group(BulkDelete *b, uint32_t group_number, Group *group)
{
    lock_group(b->rel, group_number);
    read_group(b->rel, *b->index, group_number, group);
    read_ahead(b->rel, group->record.tile_head, group->record.tile_pages);
    const uint32_t first = group_number * b->index->meta.group_lists;
    const bool slots = b->index->has_fine() && fine_slots(*b->index) > 0;
    b->fine_head = slots ? group->record.fine_head : InvalidBlockNumber;
    b->fine_free = 0;
    uint32_t dead = 0;
    for (uint32_t l = 0; l < lists_of_group(*b->index, group_number); l++) {
        uint32_t n = delete_in_list(b, first + l, group->entries[l]);
        group->entries[l].dead += n;
        dead += n;
    }
    if (dead > 0)
        count_dead(b, group_number, group);
    delete_in_open_pages(b, group_number, group->record.open_head);
    free_fine_slots(b);
    unlock_group(b->rel, group_number);
}

struct GroupCounts
{
    uint64_t rows;
    uint64_t dead;
    uint32_t open_pages;
    uint64_t open_rows; // dead ones included
};

// Reads the open chain, and so surveys it.
GroupCounts group_counts(Relation rel, const Index &index, const Group *group, Survey *survey)
{
    GroupCounts c = {};
    for (uint32_t l = 0; l < lists_of_group(index, group->record.group); l++) {
        c.rows += group->entries[l].rows;
        c.dead += group->entries[l].dead;
    }
    OpenReader reader;
    open_rows_begin(&reader, rel, &index, group->record.group, group->record.open_head);
    reader.vacuum = true;
    for (; open_rows_next(&reader); c.open_pages++) {
        c.open_rows += reader.rows;
        survey_open_page(survey, group->record.group, reader.block);
    }
    return c;
}

// Dead open rows leave their page, but their fine records stay where they are.
bool has_idle_fine_pages(const Index &index, const Group *group, const GroupCounts &c)
{
    if (!index.has_fine())
        return false;
    const uint32_t pages = group->record.fine_pages,
                   needed = fine_pages_of(index, (uint32_t)(c.rows - c.dead + c.open_rows));
    return pages >= needed + 2 && pages - needed > kRewriteShare * pages;
}

bool worth_rewriting(const Index &index, const Group *group, const GroupCounts &c)
{
    if ((double)c.dead > kRewriteShare * (double)c.rows && c.dead > 0)
        return true;
    if (c.open_pages >= 2 && c.open_pages > kRewriteShare * group->record.tile_pages)
        return true;
    return has_idle_fine_pages(index, group, c);
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

// Returns the number of live rows; *dirty: for each group, whether it is worth rewriting.
double survey_groups(Survey *survey, bool *dirty)
{
    const Index &index = *survey->index;
    Group *group = (Group *)palloc(group_bytes(index));
    double rows = 0;
    for (uint32_t g = 0; g < index.groups; g++) {
        lock_group(survey->rel, g);
        read_group(survey->rel, index, g, group);
        const GroupCounts counts = group_counts(survey->rel, index, group, survey);
        survey_group(survey, group);
        unlock_group(survey->rel, g);
        dirty[g] = worth_rewriting(index, group, counts);
        rows += (double)(counts.rows - counts.dead + counts.open_rows);
    }
    pfree(group);
    return rows;
}

// Calls rewrite(reserve) with the pages that the survey found free, for new groups; those that were taken are the survey's no more.
template <class Rewrite>
void with_free_pages(Survey *survey, Rewrite rewrite)
{
    PageReserve reserve;
    reserve_begin(&reserve, survey->rel, survey->heap);
    reserve_prefer(&reserve, survey->ripe.blocks, survey->ripe.count);
    rewrite(&reserve);
    reserve_end(&reserve);
    survey_forget(survey, reserve.next);
}

// Returns whether any group was rewritten.
bool rewrite_groups(Survey *survey, const bool *dirty)
{
    MemoryContext outer = CurrentMemoryContext;
    MemoryContext memory = AllocSetContextCreate(outer, "vector_quant group", ALLOCSET_DEFAULT_SIZES);
    bool rewritten = false;
    PutOff later = {0, {}, outer};
    with_free_pages(survey, [&](PageReserve *reserve) {
        for (uint32_t g = 0; g < survey->index->groups; g++) {
            if (!dirty[g])
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

struct Shortened
{
    bool moved; // some group
    BlockNumber
        blocks; // of the file when the transaction ends, unless somebody has the index open or adds pages until then
};

// Sees to it that the file becomes shorter when the transaction ends.
Shortened shorten(Survey *survey, int message_level)
{
    if (survey->damaged || !compat_vacuum_truncates(survey->heap))
        return {false, RelationGetNumberOfBlocks(survey->rel)};
    uint32_t moved = 0;
    with_free_pages(survey, [&](PageReserve *reserve) { moved = move_last_groups(survey, reserve); });
    const BlockNumber first = survey->index->meta.first_list_block;
    const BlockNumber blocks = RelationGetNumberOfBlocks(survey->rel);
    BlockNumber end = first;
    for (uint32_t g = 0; g < survey->index->groups; g++)
        if (survey->groups[g].pages > 0)
            end = Max(end, survey->groups[g].last + 1);
    if (blocks <= end || !worth_truncating(blocks - end, blocks))
        return {moved > 0, blocks};
    truncate_later(survey->rel, first, message_level);
    return {moved > 0, end};
}

void report_survey(const IndexVacuumInfo *info, const Survey &survey)
{
    const char *name = RelationGetRelationName(info->index);
    if (survey.damaged)
        ereport(WARNING,
                (errcode(ERRCODE_INDEX_CORRUPTED),
                 errmsg("index \"%s\" is corrupted: chains of pages are not as its directory says", name),
                 errhint("Please REINDEX it.")));
    if (survey.lost.count > 0)
        ereport(info->message_level, (errmsg("index \"%s\": %u pages that nothing referred to are free again",
                                             name, survey.lost.count)));
}

} // namespace

IndexBulkDeleteResult *bulk_delete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
                                   IndexBulkDeleteCallback callback, void *callback_state)
{
    if (stats == nullptr)
        stats = (IndexBulkDeleteResult *)palloc0(sizeof(IndexBulkDeleteResult));
    stats->num_index_tuples = 0;
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant vacuum", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    BulkDelete b = {info->index,
                    open_index(info->index, memory),
                    callback,
                    callback_state,
                    stats,
                    {},
                    InvalidBlockNumber,
                    0};
    tombstones_begin(&b.found);
    Group *group = (Group *)palloc(group_bytes(*b.index));
    for (uint32_t g = 0; g < b.index->groups; g++)
        delete_in_group(&b, g, group);
    stats->estimated_count = false;
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    return stats;
}

IndexBulkDeleteResult *vacuum_cleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
    if (info->analyze_only)
        return stats;
    const bool counted = stats != nullptr;
    if (stats == nullptr)
        stats = (IndexBulkDeleteResult *)palloc0(sizeof(IndexBulkDeleteResult));
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant vacuum", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    const Index &index = *open_index(info->index, memory);
    Relation heap = table_open(info->index->rd_index->indrelid, NoLock); // VACUUM has locked it
    Survey survey;
    survey_begin(&survey, info->index, heap, &index, info->strategy);
    bool *dirty = (bool *)palloc_extended(index.groups * sizeof(bool), MCXT_ALLOC_HUGE);
    const double rows = survey_groups(&survey, dirty);
    survey_end(&survey);
    report_survey(info, survey);
    const bool rewritten = rewrite_groups(&survey, dirty);
    const Shortened shortened = shorten(&survey, info->message_level);
    if (!counted) {
        stats->num_index_tuples = rows;
        stats->estimated_count = true;
    }
    if (rewritten || shortened.moved || survey.lost.count > 0)
        ripen_later();
    IndexFreeSpaceMapVacuum(info->index);
    stats->num_pages = shortened.blocks;
    stats->pages_deleted = survey.ripe.count + survey.young.count + survey.lost.count;
    stats->pages_free = survey.ripe.count;
    table_close(heap, NoLock);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    return stats;
}

} // namespace vq::ivf
