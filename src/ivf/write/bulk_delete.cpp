#include "ivf/write/bulk_delete.h"

#include "ivf/store/fine_writer.h"
#include "ivf/store/open_rows.h"
#include "ivf/store/open_writer.h"
#include "ivf/store/tiles.h"
#include "ivf/store/tombstones.h"
#include "ivf/store/read_stream.h"

extern "C" {
#include "access/genam.h"
#include "commands/vacuum.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

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
    uint32_t *places = (uint32_t *)palloc(kMostOpenRows * sizeof(uint32_t));
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

} // namespace vq::ivf
