#include "ivf/write/maintenance.h"

#include "ivf/store/free_pages.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

Maintenance maintenance(Relation rel, Relation heap, const Index &index, uint32_t group, PageReserve *reserve)
{
    return {rel, heap, &index, group, {rel, heap, false, reserve}, {}};
}

GroupRecord group_record(const Maintenance &m)
{
    Group *group = (Group *)palloc(group_bytes(*m.index));
    read_group(m.rel, *m.index, m.group, group);
    const GroupRecord record = group->record;
    pfree(group);
    return record;
}

namespace {

void change_page(const Maintenance &m, BlockNumber block, void (*change)(Page))
{
    Buffer buf = read_page(m.rel, block, PageKind::Open, BUFFER_LOCK_EXCLUSIVE);
    GenericXLogState *state = GenericXLogStart(m.rel);
    change(GenericXLogRegisterBuffer(state, buf, 0));
    GenericXLogFinish(state);
    UnlockReleaseBuffer(buf);
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

} // namespace

TakenRows take_open_rows(const Maintenance &m, const GroupRecord &record)
{
    TakenRows taken = {};
    taken.block_capacity = 16, taken.row_capacity = 256;
    taken.blocks = (BlockNumber *)palloc(taken.block_capacity * sizeof(BlockNumber));
    taken.rows = (OpenRowRef *)palloc(taken.row_capacity * sizeof(OpenRowRef));
    taken.closed = record.open_tail;
    if (taken.closed != InvalidBlockNumber) // from here on no row is added to the chain's present pages
        change_page(m, taken.closed, open_page_close);
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

void leave_open_rows(const Maintenance &m)
{
    if (m.taken.closed != InvalidBlockNumber)
        change_page(m, m.taken.closed, open_page_reopen);
}

namespace {

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

} // namespace

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

} // namespace vq::ivf
