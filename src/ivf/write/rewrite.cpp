#include "ivf/write/maintain.h"

#include "ivf/store/fine_writer.h"
#include "ivf/store/free_pages.h"
#include "ivf/store/run_writer.h"
#include "ivf/store/tiles.h"
#include "ivf/write/maintenance.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

namespace {

// No record is added to the group's present fine pages from now on, and those that are on them belong to rows that
// take_open_rows will see: an inserter holds the page it wrote to until its open row is in.
GroupRecord close_fine(const Maintenance &m)
{
    const GroupRecord record = group_record(m);
    const bool long_records = fine_slots(*m.index) == 0; // each of them has an inserter and pages of its own
    BlockNumber block = record.fine_head;
    for (uint32_t left = record.fine_pages; block != InvalidBlockNumber; left--) {
        if (left == 0)
            report_corrupted(m.rel, block, "wrong number of fine pages");
        CHECK_FOR_INTERRUPTS();
        Buffer buf = read_page(m.rel, block, PageKind::Fine, BUFFER_LOCK_EXCLUSIVE);
        block = long_records ? next_of(BufferGetPage(buf)) : InvalidBlockNumber;
        if (!long_records) {
            GenericXLogState *state = GenericXLogStart(m.rel);
            fine_page_close(GenericXLogRegisterBuffer(state, buf, 0));
            GenericXLogFinish(state);
        }
        UnlockReleaseBuffer(buf);
    }
    return record;
}

// Opens the head again, after all, where it is closed.
void leave_fine(const Maintenance &m, BlockNumber head)
{
    if (head == InvalidBlockNumber || fine_slots(*m.index) == 0)
        return;
    Buffer buf = read_page(m.rel, head, PageKind::Fine, BUFFER_LOCK_EXCLUSIVE);
    GenericXLogState *state = GenericXLogStart(m.rel);
    fine_page_reopen(GenericXLogRegisterBuffer(state, buf, 0));
    GenericXLogFinish(state);
    UnlockReleaseBuffer(buf);
}

// The rows of a list that is rewritten, kept until all are known: they go out by key.
struct KeyedRow
{
    uint32_t key;
    StoredRow row; // code: its place among `codes`, while that may still move
};

struct KeyedRows
{
    KeyedRow *rows;
    uint8_t *codes;
    uint32_t count, capacity;
};

struct Rewriter
{
    const Maintenance *m;
    RunWriter run;
    SublistWriter sublists;
    KeyedRows keyed;
    FineWriter fine;
    uint8_t *record;
    uint8_t *codes; // of one tile
    uint8_t *code;  // of one row
    HeadCopy heads; // of extents
};

void keep_keyed(KeyedRows *k, const Index &index, const StoredRow &row)
{
    const size_t code_bytes = index.shape.code_bytes;
    if (k->count == k->capacity) {
        k->capacity = Max(2 * k->capacity, (uint32_t)kExtentRows);
        const size_t rows = k->capacity * sizeof(KeyedRow), codes = k->capacity * code_bytes;
        k->rows = (KeyedRow *)(k->rows ? repalloc_huge(k->rows, rows) : palloc(rows));
        k->codes = (uint8_t *)(k->codes ? repalloc_huge(k->codes, codes) : palloc(codes));
    }
    k->rows[k->count] = {index.codec->sublist_of(index.space().image, row.code, index.meta.sublist_layers),
                         row};
    memcpy(k->codes + k->count++ * code_bytes, row.code, code_bytes);
}

void rewrite_row(Rewriter *r, uint32_t list, StoredRow row)
{
    if (r->m->index->has_fine()) {
        read_fine(r->m->rel, *r->m->index, row.fine, r->record);
        row.fine = fine_add(&r->fine, r->record);
    }
    if (r->run.sublists)
        keep_keyed(&r->keyed, *r->m->index, row);
    else
        run_add(&r->run, list, row);
}

// Sub-lists in order; within one, rows stay as they came.
void write_keyed(Rewriter *r, uint32_t list)
{
    KeyedRows *k = &r->keyed;
    for (uint32_t i = 0; i < k->count; i++)
        k->rows[i].row.code = k->codes + (size_t)i * r->m->index->shape.code_bytes;
    std::stable_sort(k->rows, k->rows + k->count,
                     [](const KeyedRow &a, const KeyedRow &b) { return a.key < b.key; });
    for (uint32_t i = 0; i < k->count; i++)
        run_add(&r->run, list, k->rows[i].row);
    k->count = 0;
}

void rewrite_sealed(Rewriter *r, uint32_t list, const ListEntry &entry)
{
    TileReader reader;
    tiles_open(&reader, r->m->rel, r->m->index, list, entry, &r->heads);
    while (tiles_next(&reader) > 0) {
        tile_copy_codes(&reader, r->codes);
        const TileRows tile = tile_rows(&reader);
        for (uint32_t v = 0; v < tile.rows; v++) {
            if (tile.dead(v))
                continue;
            tile_unpack(r->codes, v, r->m->index->shape.code_bytes, r->code);
            rewrite_row(r, list, tile.row(v, r->code));
        }
    }
}

// --- how many pages it takes

// Adds the live open rows to the counts of the group's lists.
void count_open_rows(const Maintenance &m, const GroupRecord &record, uint32_t *rows)
{
    OpenReader reader;
    open_rows_begin(&reader, m.rel, m.index, m.group, record.open_head);
    while (open_rows_next(&reader))
        for (const OpenRow &row : reader)
            rows[row.list] += !is_dead(row);
}

void count_taken_rows(const Maintenance &m, uint32_t *rows)
{
    for (uint32_t i = 0; i < m.taken.row_count; i++)
        rows[m.taken.rows[i].list]++;
}

// At most; open: rows that are in no tile yet, of each of the group's lists.
uint32_t pages_to_rewrite(const Maintenance &m, const Group *group, const uint32_t *open)
{
    const Index &index = *m.index;
    uint64_t tiles = 0, sublists = 0;
    uint32_t rows = 0;
    for (uint32_t l = 0; l < lists_of_group(index, m.group); l++) {
        const ListEntry &entry = group->entries[l];
        const uint32_t live = entry.rows - entry.dead + open[l];
        const uint64_t bytes = run_bytes(index, live);
        tiles += bytes;
        rows += live;
        if (index.meta.sublist_layers > 0)
            sublists +=
                sublist_bytes(index, live, bytes, Min(live, most_sublists(m.rel, index, entry) + open[l]));
    }
    return pages_of(tiles) + pages_of(sublists) + (index.has_fine() ? fine_pages_of(index, rows) : 0);
}

// Once the open rows are taken.
uint32_t live_rows(const Maintenance &m, const Group *group)
{
    uint32_t rows = m.taken.row_count;
    for (uint32_t l = 0; l < lists_of_group(*m.index, m.group); l++)
        rows += group->entries[l].rows - group->entries[l].dead;
    return rows;
}

// Sees to it that there is room, before anything is done, then for the very rows that were taken over.
bool make_room(const Maintenance &m, const Group *group, bool taken, NoRoom *none)
{
    uint32_t *open = (uint32_t *)palloc0(m.index->meta.group_lists * sizeof(uint32_t));
    if (taken)
        count_taken_rows(m, open);
    else
        count_open_rows(m, group->record, open);
    none->pages = pages_to_rewrite(m, group, open);
    pfree(open);
    return reserve_pages(m.source.reserve, none->pages, &none->why);
}

// --- all of it

bool rewrite(Maintenance *m, NoRoom *none)
{
    const Index &index = *m->index;
    Group *group = (Group *)palloc(group_bytes(index));
    read_group(m->rel, index, m->group, group);
    if (!make_room(*m, group, false, none))
        return false;

    Rewriter r = {};
    r.m = m;
    r.record = (uint8_t *)palloc(index.fine_record_bytes + 1);
    r.codes = (uint8_t *)palloc(tile_code_bytes(index.shape.code_bytes));
    r.code = (uint8_t *)palloc(index.shape.code_bytes);
    r.heads = new_head_copy(index);
    const GroupRecord old = index.has_fine() ? close_fine(*m) : GroupRecord{};
    read_group(m->rel, index, m->group, group);
    m->taken = take_open_rows(*m, group->record);
    if (!make_room(*m, group, true, none)) { // rows came meanwhile
        leave_open_rows(*m);
        leave_fine(*m, old.fine_head);
        return false;
    }
    ListEntry *entries = (ListEntry *)palloc0(index.meta.group_lists * sizeof(ListEntry));
    for (uint32_t l = 0; l < index.meta.group_lists; l++)
        entries[l] = kEmptyList;
    run_begin(&r.run, m->index, m->source, m->group, entries,
              sublists_begin(&r.sublists, m->index, m->source));
    fine_begin(&r.fine, m->index, m->source, m->group);
    if (index.has_fine())
        fine_leave_room(&r.fine, live_rows(*m, group));
    const uint32_t first_list = m->group * index.meta.group_lists;
    uint32_t next_open = 0;
    for (uint32_t l = 0; l < lists_of_group(index, m->group); l++) {
        rewrite_sealed(&r, first_list + l, group->entries[l]);
        for (; next_open < m->taken.row_count && m->taken.rows[next_open].list == l; next_open++)
            rewrite_row(&r, first_list + l, stored_row(index, *m->taken.rows[next_open].row));
        write_keyed(&r, first_list + l);
    }
    run_end(&r.run, InvalidBlockNumber);
    fine_end(&r.fine, InvalidBlockNumber);
    sublists_end(&r.sublists);

    OpenWriter no_rows;
    open_begin(&no_rows, m->index, m->source, m->group);
    switch_group(*m, {entries, r.run.chain.first, r.run.chain.pages, r.sublists.chain.first,
                      r.sublists.chain.pages, &no_rows, index.has_fine(), old.fine_head, r.fine.chain.first,
                      old.fine_pages, r.fine.chain.pages});
    free_taken(*m);
    free_chain(m->rel, group->record.tile_head, InvalidBlockNumber, PageKind::Tile);
    free_chain(m->rel, group->record.sublist_head, InvalidBlockNumber, PageKind::Sublist);
    if (index.has_fine())
        free_chain(m->rel, old.fine_head, InvalidBlockNumber, PageKind::Fine);
    return true;
}

} // namespace

bool rewrite_group(Relation rel, Relation heap, const Index &index, uint32_t group, PageReserve *reserve,
                   NoRoom *none)
{
    Maintenance m = maintenance(rel, heap, index, group, reserve);
    return rewrite(&m, none);
}

} // namespace vq::ivf
