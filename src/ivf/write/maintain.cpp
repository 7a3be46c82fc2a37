#include "ivf/write/maintain.h"

#include "ivf/store/open_rows.h"
#include "ivf/store/tiles.h"
#include "ivf/store/fine_writer.h"
#include "ivf/store/free_pages.h"
#include "ivf/store/open_writer.h"
#include "ivf/store/run_writer.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

namespace {

struct OpenRowRef // a live open row, in memory
{
    uint32_t list; // within the group
    const OpenRow *row;
};

// The part of a group's open chain that maintenance takes over: its pages up to one that was closed, and
// their live rows.
struct TakenRows
{
    BlockNumber *blocks;
    uint32_t block_count, block_capacity;
    OpenRowRef *rows; // by list; they lie in copies of the pages
    uint32_t row_count, row_capacity;
    BlockNumber closed; // last of the blocks; rows arriving meanwhile go behind it
};

struct Maintenance
{
    Relation rel;
    Relation heap;
    const Index *index;
    uint32_t group;
    PageSource source;
    TakenRows taken;
};

GroupRecord group_record(const Maintenance &m)
{
    Group *group = (Group *)palloc(group_bytes(*m.index));
    read_group(m.rel, *m.index, m.group, group);
    const GroupRecord record = group->record;
    pfree(group);
    return record;
}

// From here on no row is added to the chain's present pages.
BlockNumber close_tail(const Maintenance &m, BlockNumber tail)
{
    if (tail == InvalidBlockNumber)
        return tail;
    Buffer buf = read_page(m.rel, tail, PageKind::Open, BUFFER_LOCK_EXCLUSIVE);
    GenericXLogState *state = GenericXLogStart(m.rel);
    open_page_close(GenericXLogRegisterBuffer(state, buf, 0));
    GenericXLogFinish(state);
    UnlockReleaseBuffer(buf);
    return tail;
}

void take_page(TakenRows *taken, const OpenReader &page)
{
    if (taken->block_count == taken->block_capacity)
        taken->blocks =
            (BlockNumber *)repalloc_huge(taken->blocks, (taken->block_capacity *= 2) * sizeof(BlockNumber));
    taken->blocks[taken->block_count++] = page.block;
    if (taken->row_count + page.rows > taken->row_capacity) {
        taken->row_capacity = 2 * (taken->row_count + page.rows);
        taken->rows = (OpenRowRef *)repalloc_huge(taken->rows, taken->row_capacity * sizeof(OpenRowRef));
    }
    for (const OpenRow &row : page)
        if (!is_dead(row))
            taken->rows[taken->row_count++] = {row.list, &row};
}

// Closes the chain's tail and reads all rows up to it, sorted by list (stable, so by age within a list).
TakenRows take_open_rows(const Maintenance &m, const GroupRecord &record)
{
    TakenRows taken = {};
    taken.block_capacity = 16, taken.row_capacity = 256;
    taken.blocks = (BlockNumber *)palloc(taken.block_capacity * sizeof(BlockNumber));
    taken.rows = (OpenRowRef *)palloc(taken.row_capacity * sizeof(OpenRowRef));
    taken.closed = close_tail(m, record.open_tail);
    OpenReader reader;
    open_rows_begin(&reader, m.rel, m.index, m.group, record.open_head);
    while (reader.block != taken.closed) { // both invalid: the group has no open rows
        if (!open_rows_next_copy(&reader, (PGAlignedBlock *)palloc(sizeof(PGAlignedBlock))))
            report_corrupted(m.rel, taken.closed, "open pages do not end at the tail");
        take_page(&taken, reader);
    }
    std::stable_sort(taken.rows, taken.rows + taken.row_count,
                     [](const OpenRowRef &a, const OpenRowRef &b) { return a.list < b.list; });
    return taken;
}

// What the group's record becomes.
struct Switch
{
    const ListEntry *entries;
    BlockNumber tile_head;
    uint32_t tile_pages;
    BlockNumber sublist_head;
    uint32_t sublist_pages;
    OpenWriter *open;     // rows that stay open; its last page is still to be linked
    bool moves_fine;      // rewriting with fine records; else what follows means nothing
    BlockNumber old_fine; // first page of those that were rewritten; new records came in front of it
    BlockNumber new_fine; // first page of where they lie now
    uint32_t old_fine_pages, new_fine_pages;
};

// The fine page that is linked to `old`, exclusively locked; InvalidBuffer if `old` is the group's head. Pages are added in
// front only, so once there is such a page it stays the one.
Buffer lock_fine_before(const Maintenance &m, BlockNumber old)
{
    const GroupRecord record = group_record(m);
    BlockNumber block = record.fine_head, next;
    if (block == old)
        return InvalidBuffer;
    for (uint32_t left = record.fine_pages; (next = read_next(m.rel, block, PageKind::Fine)) != old;
         block = next)
        if (next == InvalidBlockNumber || --left == 0)
            report_corrupted(m.rel, block, "fine pages do not lead to those that are rewritten");
    return read_page(m.rel, block, PageKind::Fine, BUFFER_LOCK_EXCLUSIVE);
}

// Locks the directory page and, before it, the fine page whose link or else the record will lead to the rewritten records.
Buffer lock_for_switch(const Maintenance &m, const Switch &s, Buffer *fine)
{
    for (;;) {
        *fine = s.moves_fine ? lock_fine_before(m, s.old_fine) : InvalidBuffer;
        Buffer directory = lock_directory(m.rel, *m.index, m.group);
        if (!s.moves_fine || *fine != InvalidBuffer ||
            group_on_page(*m.index, BufferGetPage(directory), m.group)->record.fine_head == s.old_fine)
            return directory;
        UnlockReleaseBuffer(directory); // a page came in front meanwhile
    }
}

// One record makes the new state visible: entries, chains and (rewriting) the link to the rewritten fine pages from those that
// were added meanwhile.
void switch_group(const Maintenance &m, const Switch &s)
{
    const Index &index = *m.index;
    Buffer fine;
    Buffer directory = lock_for_switch(m, s, &fine);
    // Pages that inserters put behind the closed one stay in the chain.
    const BlockNumber later = m.taken.closed == InvalidBlockNumber
                                  ? group_on_page(index, BufferGetPage(directory), m.group)->record.open_head
                                  : read_next(m.rel, m.taken.closed, PageKind::Open);
    const BlockNumber last_open = s.open->chain.block;
    chain_end(&s.open->chain, later);

    GenericXLogState *state = GenericXLogStart(m.rel);
    update_group(state, index, directory, m.group, [&](Group *group) {
        GroupRecord &record = group->record;
        memcpy(group->entries, s.entries, index.meta.group_lists * sizeof(ListEntry));
        record.tile_head = s.tile_head;
        record.tile_pages = s.tile_pages;
        record.sublist_head = s.sublist_head;
        record.sublist_pages = s.sublist_pages;
        record.open_head = s.open->chain.pages > 0 ? s.open->chain.first : later;
        if (later == InvalidBlockNumber)
            record.open_tail = last_open;
        record.fine_pages = record.fine_pages - s.old_fine_pages + s.new_fine_pages;
        if (s.moves_fine && fine == InvalidBuffer)
            record.fine_head = s.new_fine;
    });
    if (fine != InvalidBuffer)
        link_page(GenericXLogRegisterBuffer(state, fine, 0), s.new_fine);
    GenericXLogFinish(state);
    UnlockReleaseBuffer(directory);
    if (fine != InvalidBuffer)
        UnlockReleaseBuffer(fine);
}

void free_taken(const Maintenance &m)
{
    for (uint32_t i = 0; i < m.taken.block_count; i++)
        free_page(m.rel, m.taken.blocks[i]);
}

// --- sealing
// --------------------------------------------------------------------------------------------------------------------

// before, after: sealed rows of the group's first list.
void seal(Maintenance *m, uint32_t *before, uint32_t *after)
{
    const Index &index = *m->index;
    Group *group = (Group *)palloc(group_bytes(index));
    read_group(m->rel, index, m->group, group);
    *before = group->entries[0].rows;
    m->taken = take_open_rows(*m, group->record);
    const uint32_t first_list = m->group * index.meta.group_lists;
    RunWriter run;
    OpenWriter open;
    run_begin(&run, m->index, m->source, m->group, group->entries, nullptr);
    open_begin(&open, m->index, m->source, m->group);
    for (uint32_t i = 0, end; i < m->taken.row_count; i = end) {
        const uint32_t list = m->taken.rows[i].list;
        for (end = i; end < m->taken.row_count && m->taken.rows[end].list == list;)
            end++;
        const uint32_t whole = i + (end - i) / simd::kTileRows * simd::kTileRows;
        for (uint32_t j = i; j < whole; j++)
            run_add(&run, first_list + list, stored_row(*m->taken.rows[j].row));
        for (uint32_t j = whole; j < end; j++)
            open_add(&open, first_list + list, stored_row(*m->taken.rows[j].row));
    }
    run_end(&run, group->record.tile_head);
    const bool any = run.chain.pages > 0;
    switch_group(*m,
                 {group->entries, any ? run.chain.first : group->record.tile_head,
                  group->record.tile_pages + run.chain.pages, group->record.sublist_head,
                  group->record.sublist_pages, &open, false, InvalidBlockNumber, InvalidBlockNumber, 0, 0});
    *after = group->entries[0].rows;
    free_taken(*m);
}

// --- rewriting
// --------------------------------------------------------------------------------------------------------------------

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
    k->rows[k->count] = {index.codec->sublist_of(index.space.image, row.code, index.meta.sublist_layers),
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
    tiles_open(&reader, r->m->rel, r->m->index, list, entry);
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

void rewrite(Maintenance *m)
{
    const Index &index = *m->index;
    Rewriter r = {};
    r.m = m;
    r.record = (uint8_t *)palloc(index.fine_record_bytes + 1);
    r.codes = (uint8_t *)palloc(tile_code_bytes(index.shape.code_bytes));
    r.code = (uint8_t *)palloc(index.shape.code_bytes);
    const GroupRecord old = index.has_fine() ? close_fine(*m) : GroupRecord{};

    Group *group = (Group *)palloc(group_bytes(index));
    read_group(m->rel, index, m->group, group);
    m->taken = take_open_rows(*m, group->record);
    ListEntry *entries = (ListEntry *)palloc0(index.meta.group_lists * sizeof(ListEntry));
    for (uint32_t l = 0; l < index.meta.group_lists; l++)
        entries[l] = kEmptyList;
    run_begin(&r.run, m->index, m->source, m->group, entries,
              sublists_begin(&r.sublists, m->index, m->source));
    fine_begin(&r.fine, m->index, m->source, m->group);
    const uint32_t first_list = m->group * index.meta.group_lists;
    uint32_t next_open = 0;
    for (uint32_t l = 0; l < lists_of_group(index, m->group); l++) {
        rewrite_sealed(&r, first_list + l, group->entries[l]);
        for (; next_open < m->taken.row_count && m->taken.rows[next_open].list == l; next_open++)
            rewrite_row(&r, first_list + l, stored_row(*m->taken.rows[next_open].row));
        write_keyed(&r, first_list + l);
    }
    run_end(&r.run, InvalidBlockNumber);
    fine_end(&r.fine, InvalidBlockNumber);
    sublists_end(&r.sublists);

    OpenWriter none;
    open_begin(&none, m->index, m->source, m->group);
    switch_group(*m, {entries, r.run.chain.first, r.run.chain.pages, r.sublists.chain.first,
                      r.sublists.chain.pages, &none, index.has_fine(), old.fine_head, r.fine.chain.first,
                      old.fine_pages, r.fine.chain.pages});
    free_taken(*m);
    free_chain(m->rel, group->record.tile_head, InvalidBlockNumber, PageKind::Tile);
    free_chain(m->rel, group->record.sublist_head, InvalidBlockNumber, PageKind::Sublist);
    if (index.has_fine())
        free_chain(m->rel, old.fine_head, InvalidBlockNumber, PageKind::Fine);
}

Maintenance maintenance(Relation rel, Relation heap, const Index &index, uint32_t group)
{
    return {rel, heap, &index, group, {rel, heap, false}, {}};
}

} // namespace

uint32_t seal_limit(const Index &index)
{
    const uint32_t rows = index.meta.group_lists * simd::kTileRows * 3 / 2;
    return Max(rows / index.open_rows_per_page, 4u);
}

// Says so when an index that was built without rows has grown past the point where training pays.
static void notice_untrained(Relation rel, const Index &index, uint32_t before, uint32_t after)
{
    if (index.meta.trained || before >= kUntrainedRows || after < kUntrainedRows)
        return;
    ereport(NOTICE,
            (errmsg("index \"%s\" was built on an empty table and keeps all rows in one list",
                    RelationGetRelationName(rel)),
             errdetail("It holds more than %u rows, and every query looks at all of them.", kUntrainedRows),
             errhint("REINDEX it to train it on the rows it has now.")));
}

void try_seal(Relation rel, Relation heap, const Index &index, uint32_t group)
{
    if (!try_lock_group(rel, group))
        return;
    Maintenance m = maintenance(rel, heap, index, group);
    uint32_t before, after;
    seal(&m, &before, &after);
    unlock_group(rel, group);
    notice_untrained(rel, index, before, after);
}

void rewrite_group(Relation rel, Relation heap, const Index &index, uint32_t group)
{
    Maintenance m = maintenance(rel, heap, index, group);
    rewrite(&m);
}

} // namespace vq::ivf
