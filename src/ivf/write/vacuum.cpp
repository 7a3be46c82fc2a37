// VACUUM: dead rows become tombstones in place, one record a page; then groups with much dirt are rewritten.
#include "ivf/write/vacuum.h"
#include "ivf/store/open_rows.h"
#include "ivf/write/maintain.h"
#include "ivf/store/tiles.h"
#include "ivf/store/page_offers.h"
#include "ivf/store/tombstones.h"
#include "ivf/store/read_stream.h"

extern "C" {
#include "access/genam.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/indexfsm.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

constexpr double kRewriteShare =
    0.25; // a group is rewritten when this share of its rows is dead, or of its pages open

struct BulkDelete
{
    Relation rel;
    const Index *index;
    IndexBulkDeleteCallback callback;
    void *callback_state;
    IndexBulkDeleteResult *stats;
    Tombstones found; // of the list or page at hand
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

void delete_in_tile(BulkDelete *b, TileReader *reader)
{
    StreamSpan span;
    tile_skip_codes(reader);
    const TileRows tile = tile_rows_placed(reader, &span);
    for (uint32_t v = 0; v < tile.rows; v++)
        if (!tile.dead(v) && table_says_dead(b, tile.tid(v)))
            tombstones_add(&b->found, place_in(span, tile.tid_offset_at(v)));
}

// Returns the number of rows that died.
uint32_t delete_in_list(BulkDelete *b, uint32_t list, const ListEntry &entry)
{
    TileReader reader;
    tiles_open(&reader, b->rel, b->index, list, entry);
    while (tiles_next(&reader) > 0)
        delete_in_tile(b, &reader);
    const uint32_t dead = b->found.count;
    tombstones_write(&b->found, b->rel, PageKind::Tile);
    compat_vacuum_delay_point();
    return dead;
}

void delete_in_open_pages(BulkDelete *b, uint32_t group, BlockNumber head)
{
    OpenReader reader;
    open_rows_begin(&reader, b->rel, b->index, group, head);
    reader.vacuum = true;
    while (open_rows_next(&reader)) {
        for (const OpenRow &row : reader)
            if (!is_dead(row) && table_says_dead(b, row.tid))
                tombstones_add(&b->found, reader.tid_offset_place(row));
        open_rows_let_go(&reader);
        tombstones_write(&b->found, b->rel, PageKind::Open);
    }
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
    uint32_t dead = 0;
    for (uint32_t l = 0; l < lists_of_group(*b->index, group_number); l++) {
        uint32_t n = delete_in_list(b, first + l, group->entries[l]);
        group->entries[l].dead += n;
        dead += n;
    }
    if (dead > 0)
        count_dead(b, group_number, group);
    delete_in_open_pages(b, group_number, group->record.open_head);
    unlock_group(b->rel, group_number);
}

struct GroupCounts
{
    uint64_t rows;
    uint64_t dead;
    uint32_t open_pages;
    uint64_t open_rows; // dead ones included
};

GroupCounts group_counts(Relation rel, const Index &index, const Group *group)
{
    GroupCounts c = {};
    for (uint32_t l = 0; l < lists_of_group(index, group->record.group); l++) {
        c.rows += group->entries[l].rows;
        c.dead += group->entries[l].dead;
    }
    OpenReader reader;
    open_rows_begin(&reader, rel, &index, group->record.group, group->record.open_head);
    reader.vacuum = true;
    for (; open_rows_next(&reader); c.open_pages++)
        c.open_rows += reader.rows;
    return c;
}

bool worth_rewriting(const Group *group, const GroupCounts &c)
{
    if ((double)c.dead > kRewriteShare * (double)c.rows && c.dead > 0)
        return true;
    return c.open_pages >= 2 && c.open_pages > kRewriteShare * group->record.tile_pages;
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
    BulkDelete b = {info->index, open_index(info->index, memory), callback, callback_state, stats, {}};
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
    Relation heap = compat_heap_of_vacuum(info);
    MemoryContext group_memory = AllocSetContextCreate(memory, "vector_quant group", ALLOCSET_DEFAULT_SIZES);
    double rows = 0;
    bool rewritten = false;
    for (uint32_t g = 0; g < index.groups; g++) {
        MemoryContextSwitchTo(group_memory);
        Group *group = (Group *)palloc(group_bytes(index));
        lock_group(info->index, g);
        read_group(info->index, index, g, group);
        GroupCounts counts = group_counts(info->index, index, group);
        if (worth_rewriting(group, counts)) {
            rewrite_group(info->index, heap, index, g);
            rewritten = true;
        }
        unlock_group(info->index, g);
        rows += (double)(counts.rows - counts.dead + counts.open_rows);
        MemoryContextReset(group_memory);
    }
    if (!counted) {
        stats->num_index_tuples = rows;
        stats->estimated_count = true;
    }
    if (rewritten)
        ripen_later();
    IndexFreeSpaceMapVacuum(info->index);
    stats->num_pages = RelationGetNumberOfBlocks(info->index);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    return stats;
}

} // namespace vq::ivf
