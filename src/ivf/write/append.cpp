#include "ivf/write/append.h"

#include "ivf/store/fine_writer.h"
#include "ivf/store/free_pages.h"
#include "ivf/store/open_writer.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

namespace {

struct Target
{
    Relation rel;
    Relation heap;
    const Index *index;
    uint32_t group;
};

GroupRecord group_record(const Target &t)
{
    Group *group = (Group *)palloc(group_bytes(*t.index));
    read_group(t.rel, *t.index, t.group, group);
    GroupRecord record = group->record;
    pfree(group);
    return record;
}

// Locks a page that the directory named a moment ago. Maintenance may have freed it meanwhile: InvalidBuffer
// then.
Buffer lock_if_still(const Target &t, BlockNumber block, PageKind kind)
{
    return block == InvalidBlockNumber ? InvalidBuffer : lock_page_if(t.rel, block, kind);
}

// --- fine records
// -----------------------------------------------------------------------------------------------------------------

// Puts a record on a locked Fine page that has room. Logged.
FineAddress put_record(const Target &t, Buffer buf, const uint8_t *record)
{
    GenericXLogState *state = GenericXLogStart(t.rel);
    const uint32_t slot = fine_page_add(*t.index, GenericXLogRegisterBuffer(state, buf, 0), record);
    GenericXLogFinish(state);
    return fine_address(BufferGetBlockNumber(buf), slot);
}

// Makes `first` (the first page of a chain of `pages` whose last leads to `expected`) the group's fine head,
// if that still is `expected`.
bool link_fine(const Target &t, BlockNumber expected, BlockNumber first, uint32_t pages)
{
    Buffer buf = lock_directory(t.rel, *t.index, t.group);
    const bool same = group_on_page(*t.index, BufferGetPage(buf), t.group)->record.fine_head == expected;
    if (same) {
        GenericXLogState *state = GenericXLogStart(t.rel);
        update_group(state, *t.index, buf, t.group, [&](Group *group) {
            group->record.fine_head = first;
            group->record.fine_pages += pages;
        });
        GenericXLogFinish(state);
    }
    UnlockReleaseBuffer(buf);
    return same;
}

void set_next(const Target &t, BlockNumber block, BlockNumber next)
{
    Buffer buf = read_page(t.rel, block, PageKind::Fine, BUFFER_LOCK_EXCLUSIVE);
    GenericXLogState *state = GenericXLogStart(t.rel);
    link_page(GenericXLogRegisterBuffer(state, buf, 0), next);
    GenericXLogFinish(state);
    UnlockReleaseBuffer(buf);
}

// store_record for a record that takes several pages: they go in front of the group's chain.
Buffer store_long_record(const Target &t, const uint8_t *record, FineAddress *address)
{
    BlockNumber head = group_record(t).fine_head;
    FineWriter writer;
    fine_begin(&writer, t.index, {t.rel, t.heap, false, nullptr}, t.group);
    *address = fine_add(&writer, record);
    fine_end(&writer, head);
    for (;;) {
        Buffer buf = read_page(t.rel, writer.chain.first, PageKind::Fine, BUFFER_LOCK_EXCLUSIVE);
        if (link_fine(t, head, writer.chain.first, writer.chain.pages))
            return buf;
        UnlockReleaseBuffer(buf); // another backend was faster
        CHECK_FOR_INTERRUPTS();
        head = group_record(t).fine_head;
        set_next(t, writer.chain.block, head);
    }
}

// Stores the record and returns the page it is on, of several the first one, exclusively locked: maintenance that has had that
// lock then knows that the open row naming the record is in as well.
Buffer store_record(const Target &t, const uint8_t *record, FineAddress *address)
{
    if (fine_slots(*t.index) == 0)
        return store_long_record(t, record, address);
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        const BlockNumber head = group_record(t).fine_head;
        Buffer buf = lock_if_still(t, head, PageKind::Fine);
        if (buf != InvalidBuffer && fine_page_has_room(*t.index, t.group, BufferGetPage(buf))) {
            *address = put_record(t, buf, record);
            return buf;
        }
        if (buf != InvalidBuffer)
            UnlockReleaseBuffer(buf);
        // An empty page goes in front; the record itself is stored in the next round, under that page's lock.
        FineWriter writer;
        fine_begin(&writer, t.index, {t.rel, t.heap, false, nullptr}, t.group);
        fine_new_page(&writer);
        const BlockNumber first = writer.chain.first;
        fine_end(&writer, head);
        if (!link_fine(t, head, first, 1))
            free_page(t.rel, first);
    }
}

// --- open rows
// ----------------------------------------------------------------------------------------------------------------------

bool append_to_tail(const Target &t, BlockNumber tail, const char *row)
{
    Buffer buf = lock_if_still(t, tail, PageKind::Open);
    if (buf == InvalidBuffer)
        return false;
    const bool fits = open_page_has_room(*t.index, t.group, BufferGetPage(buf));
    if (fits) {
        GenericXLogState *state = GenericXLogStart(t.rel);
        open_page_add(*t.index, GenericXLogRegisterBuffer(state, buf, 0), row);
        GenericXLogFinish(state);
    }
    UnlockReleaseBuffer(buf);
    return fits;
}

// Adds a page with the row to the chain's end, if that still is `tail`; one record for the link, the
// directory and the page. The new page's place in the chain is its length; 0 if it ends elsewhere.
Appended extend_chain(const Target &t, BlockNumber tail, const char *row)
{
    const Index &index = *t.index;
    Buffer directory = lock_directory(t.rel, index, t.group);
    if (group_on_page(index, BufferGetPage(directory), t.group)->record.open_tail != tail) {
        UnlockReleaseBuffer(directory);
        return {};
    }
    Buffer before = tail == InvalidBlockNumber
                        ? InvalidBuffer
                        : read_page(t.rel, tail, PageKind::Open, BUFFER_LOCK_EXCLUSIVE);
    Buffer buf = new_page(t.rel, t.heap);
    const BlockNumber block = BufferGetBlockNumber(buf);
    const uint32_t sequence = before == InvalidBuffer ? 1 : open_page_sequence(BufferGetPage(before)) + 1;

    GenericXLogState *state = GenericXLogStart(t.rel);
    uint32_t tile_pages;
    update_group(state, index, directory, t.group, [&](Group *group) {
        tile_pages = group->record.tile_pages;
        if (before == InvalidBuffer)
            group->record.open_head = block;
        group->record.open_tail = block;
    });
    if (before != InvalidBuffer)
        link_page(GenericXLogRegisterBuffer(state, before, 0), block);
    Page page = GenericXLogRegisterBuffer(state, buf, GENERIC_XLOG_FULL_IMAGE);
    format_open_page(index, t.group, sequence, page);
    open_page_add(index, page, row);
    GenericXLogFinish(state);

    UnlockReleaseBuffer(buf);
    if (before != InvalidBuffer)
        UnlockReleaseBuffer(before);
    UnlockReleaseBuffer(directory);
    return {sequence, tile_pages};
}

Appended append_open(const Target &t, const char *row)
{
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        const BlockNumber tail = group_record(t).open_tail;
        if (append_to_tail(t, tail, row))
            return {};
        const Appended appended = extend_chain(t, tail, row);
        if (appended.open_pages > 0)
            return appended;
    }
}

} // namespace

Appended append_row(Relation rel, Relation heap, const Index &index, const EncodedRow &row)
{
    const Target target = {rel, heap, &index, row.list / index.meta.group_lists};
    StoredRow stored = {row.tid, row.factors, kNoFine, row.code, row.keys};
    Buffer fine = InvalidBuffer;
    if (index.has_fine())
        fine = store_record(target, row.record, &stored.fine);
    char *bytes = (char *)palloc0(index.open_row_bytes);
    format_open_row(index, row.list, stored, bytes);
    const Appended appended = append_open(target, bytes);
    pfree(bytes);
    if (fine != InvalidBuffer)
        UnlockReleaseBuffer(fine);
    return appended;
}

} // namespace vq::ivf
