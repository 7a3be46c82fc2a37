#include "ivf/write/append.h"

#include "ivf/store/writer.h"
#include "ivf/store/free_pages.h"

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
    char *payload = page_payload(GenericXLogRegisterBuffer(state, buf, 0));
    const uint32_t slot = ((FineHeader *)payload)->slots++;
    memcpy(payload + sizeof(FineHeader) + slot * t.index->fine_record_bytes, record,
           t.index->fine_record_bytes);
    GenericXLogFinish(state);
    return fine_address(BufferGetBlockNumber(buf), slot);
}

bool has_room(const Target &t, Buffer buf)
{
    const FineHeader *header = (const FineHeader *)page_payload(BufferGetPage(buf));
    return header->group == t.group && !header->closed && header->slots < fine_slots(*t.index);
}

// Makes `first` (the first page of a chain of `pages` whose last leads to `expected`) the group's fine head,
// if that still is `expected`.
bool link_fine(const Target &t, BlockNumber expected, BlockNumber first, uint32_t pages)
{
    Buffer buf =
        read_page(t.rel, directory_block(*t.index, t.group), PageKind::Directory, BUFFER_LOCK_EXCLUSIVE);
    const bool same = group_on_page(*t.index, BufferGetPage(buf), t.group)->record.fine_head == expected;
    if (same) {
        GenericXLogState *state = GenericXLogStart(t.rel);
        Group *group = group_on_page(*t.index, GenericXLogRegisterBuffer(state, buf, 0), t.group);
        group->record.fine_head = first;
        group->record.fine_pages += pages;
        seal_group_record(*t.index, group);
        GenericXLogFinish(state);
    }
    UnlockReleaseBuffer(buf);
    return same;
}

// A new page (or the pages of one long record) in front of the group's fine chain. False if another backend
// was faster.
bool extend_fine(const Target &t, BlockNumber head, const uint8_t *record, FineAddress *address)
{
    FineWriter writer;
    fine_begin(&writer, t.index, {t.rel, t.heap, false}, t.group);
    *address = fine_add(&writer, record);
    BlockNumber block = writer.chain.first;
    fine_end(&writer, head);
    if (link_fine(t, head, block, writer.chain.pages))
        return true;
    for (uint32_t i = 0; i < writer.chain.pages; i++) {
        Buffer buf = read_page(t.rel, block, PageKind::Fine, BUFFER_LOCK_SHARE);
        const BlockNumber next = page_tail(BufferGetPage(buf))->next;
        UnlockReleaseBuffer(buf);
        free_page(t.rel, block);
        block = next;
    }
    return false;
}

// Stores the record and returns the page it is on, exclusively locked: maintenance that closes the page then
// knows that the open row naming it is in as well. InvalidBuffer for records of several pages, which
// maintenance never moves.
Buffer store_record(const Target &t, const uint8_t *record, FineAddress *address)
{
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        const BlockNumber head = group_record(t).fine_head;
        if (fine_slots(*t.index) == 0) {
            if (extend_fine(t, head, record, address))
                return InvalidBuffer;
            continue;
        }
        Buffer buf = lock_if_still(t, head, PageKind::Fine);
        if (buf != InvalidBuffer && has_room(t, buf)) {
            *address = put_record(t, buf, record);
            return buf;
        }
        if (buf != InvalidBuffer)
            UnlockReleaseBuffer(buf);
        // An empty page goes in front; the record itself is stored in the next round, under that page's lock.
        FineWriter writer;
        fine_begin(&writer, t.index, {t.rel, t.heap, false}, t.group);
        fine_new_page(&writer);
        const BlockNumber first = writer.chain.first;
        fine_end(&writer, head);
        if (!link_fine(t, head, first, 1))
            free_page(t.rel, first);
    }
}

// --- open rows
// ----------------------------------------------------------------------------------------------------------------------

bool is_open_tail(const Target &t, Buffer buf)
{
    const OpenHeader *header = (const OpenHeader *)page_payload(BufferGetPage(buf));
    return header->group == t.group && !header->closed &&
           page_tail(BufferGetPage(buf))->next == InvalidBlockNumber;
}

bool append_to_tail(const Target &t, BlockNumber tail, const char *row)
{
    Buffer buf = lock_if_still(t, tail, PageKind::Open);
    if (buf == InvalidBuffer)
        return false;
    const uint32_t rows = ((const OpenHeader *)page_payload(BufferGetPage(buf)))->rows;
    const bool fits = is_open_tail(t, buf) && rows < t.index->open_rows_per_page;
    if (fits) {
        GenericXLogState *state = GenericXLogStart(t.rel);
        put_open_row(*t.index, GenericXLogRegisterBuffer(state, buf, 0), row);
        GenericXLogFinish(state);
    }
    UnlockReleaseBuffer(buf);
    return fits;
}

uint32_t sequence_of(Buffer buf)
{
    return ((const OpenHeader *)page_payload(BufferGetPage(buf)))->sequence;
}

// Adds a page with the row to the chain's end, if that still is `tail`; one record for the link, the
// directory and the page. Returns the new page's place in the chain, or 0.
uint32_t extend_chain(const Target &t, BlockNumber tail, const char *row)
{
    const Index &index = *t.index;
    Buffer directory =
        read_page(t.rel, directory_block(index, t.group), PageKind::Directory, BUFFER_LOCK_EXCLUSIVE);
    if (group_on_page(index, BufferGetPage(directory), t.group)->record.open_tail != tail) {
        UnlockReleaseBuffer(directory);
        return 0;
    }
    Buffer before = tail == InvalidBlockNumber
                        ? InvalidBuffer
                        : read_page(t.rel, tail, PageKind::Open, BUFFER_LOCK_EXCLUSIVE);
    Buffer buf = new_page(t.rel, t.heap);
    const uint32_t sequence = before == InvalidBuffer ? 1 : sequence_of(before) + 1;

    GenericXLogState *state = GenericXLogStart(t.rel);
    Group *group = group_on_page(index, GenericXLogRegisterBuffer(state, directory, 0), t.group);
    if (before == InvalidBuffer)
        group->record.open_head = BufferGetBlockNumber(buf);
    else
        page_tail(GenericXLogRegisterBuffer(state, before, 0))->next = BufferGetBlockNumber(buf);
    group->record.open_tail = BufferGetBlockNumber(buf);
    seal_group_record(index, group);
    Page page = GenericXLogRegisterBuffer(state, buf, GENERIC_XLOG_FULL_IMAGE);
    format_open_page(index, t.group, sequence, page);
    put_open_row(index, page, row);
    GenericXLogFinish(state);

    UnlockReleaseBuffer(buf);
    if (before != InvalidBuffer)
        UnlockReleaseBuffer(before);
    UnlockReleaseBuffer(directory);
    return sequence;
}

uint32_t append_open(const Target &t, const char *row)
{
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        const BlockNumber tail = group_record(t).open_tail;
        if (append_to_tail(t, tail, row))
            return 0;
        uint32_t sequence = extend_chain(t, tail, row);
        if (sequence > 0)
            return sequence;
    }
}

} // namespace

uint32_t append_row(Relation rel, Relation heap, const Index &index, const EncodedRow &row)
{
    const Target target = {rel, heap, &index, row.list / index.meta.group_lists};
    StoredRow stored = {row.tid, row.factors, kNoFine, row.code};
    Buffer fine = InvalidBuffer;
    if (index.has_fine())
        fine = store_record(target, row.record, &stored.fine);
    char *bytes = (char *)palloc0(index.open_row_bytes);
    format_open_row(index, row.list, stored, bytes);
    uint32_t length = append_open(target, bytes);
    pfree(bytes);
    if (fine != InvalidBuffer)
        UnlockReleaseBuffer(fine);
    return length;
}

} // namespace vq::ivf
