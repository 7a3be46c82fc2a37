#include "ivf/store/open_rows.h"

extern "C" {
#include "commands/vacuum.h"
#include "miscadmin.h"
}

namespace vq::ivf {

void open_rows_begin(OpenReader *r, Relation rel, const Index *index, uint32_t group, BlockNumber head)
{
    *r = {};
    r->rel = rel;
    r->index = index;
    r->group = group;
    r->lists = lists_of_group(*index, group);
    r->next = head;
    r->block = InvalidBlockNumber;
    r->buf = InvalidBuffer;
}

// The page that lies at `page` becomes the one at hand.
static void look_at(OpenReader *r, BlockNumber block, const char *page)
{
    const char *payload = page_payload((Page)page);
    const OpenHeader header = *(const OpenHeader *)payload;
    if (header.group != r->group || header.closed > 1 || header.row_bytes != r->index->open_row_bytes ||
        header.sequence <= r->sequence || !valid_page_bounds((Page)page, PageKind::Open))
        report_corrupted(r->rel, block, "damaged open page");
    r->block = block;
    r->sequence = header.sequence;
    r->rows = header.rows;
    r->first_row = payload + sizeof(OpenHeader);
    r->list_numbers = open_page_numbers((Page)page);
    r->next = next_of((Page)page);
}

static Buffer read_next_page(const OpenReader *r)
{
    if (r->vacuum)
        compat_vacuum_delay_point();
    else
        CHECK_FOR_INTERRUPTS();
    return read_page(r->rel, r->next, PageKind::Open, BUFFER_LOCK_SHARE);
}

bool open_rows_next(OpenReader *r)
{
    open_rows_let_go(r);
    if (r->next == InvalidBlockNumber)
        return false;
    r->buf = read_next_page(r);
    look_at(r, r->next, (const char *)BufferGetPage(r->buf));
    return true;
}

bool open_rows_next_copy(OpenReader *r, PGAlignedBlock *copy)
{
    open_rows_let_go(r);
    if (r->next == InvalidBlockNumber)
        return false;
    Buffer buf = read_next_page(r);
    memcpy(copy->data, BufferGetPage(buf), BLCKSZ);
    UnlockReleaseBuffer(buf);
    open_rows_look_at(r, *copy);
    return true;
}

void open_rows_look_at(OpenReader *r, const PGAlignedBlock &page)
{
    look_at(r, r->next, page.data);
}

void open_rows_let_go(OpenReader *r)
{
    if (r->buf != InvalidBuffer)
        UnlockReleaseBuffer(r->buf);
    r->buf = InvalidBuffer;
}

} // namespace vq::ivf
