#include "ivf/store/open_writer.h"

namespace vq::ivf {

static OpenHeader *open_header(Page page)
{
    return (OpenHeader *)page_payload(page);
}

void open_begin(OpenWriter *w, const Index *index, const PageSource &source, uint32_t group)
{
    w->index = index;
    chain_begin(&w->chain, source, PageKind::Open);
    w->group = group;
    w->row = (char *)palloc0(index->open_row_bytes);
}

void open_add(OpenWriter *w, uint32_t list, const StoredRow &row)
{
    const Index &index = *w->index;
    Page page = chain_page(&w->chain);
    if (w->chain.pages == 0 || !open_page_has_room(index, w->group, page)) {
        chain_extend(&w->chain);
        format_open_page(index, w->group, w->chain.pages, page);
    }
    format_open_row(index, list, row, w->row);
    open_page_add(index, page, w->row);
}

void format_open_row(const Index &index, uint32_t list, const StoredRow &row, char *out)
{
    OpenRow head = {};
    head.tid = row.tid;
    head.list = (uint16_t)(list % index.meta.group_lists);
    head.factors = row.factors;
    head.fine = row.fine;
    memcpy(out, &head, sizeof head);
    memcpy(out + sizeof head, row.code, index.shape.code_bytes);
    memcpy(out + open_keys_at(index.shape.code_bytes), row.keys.key,
           index.meta.filter_columns * sizeof(uint64_t));
}

void format_open_page(const Index &index, uint32_t group, uint32_t sequence, Page page)
{
    init_page(page, PageKind::Open);
    stamp_page(page);
    *open_header(page) = {group, 0, 0, index.open_row_bytes, sequence};
    ((PageHeader)page)->pd_lower = open_page_end(0, index.open_row_bytes);
}

uint32_t open_page_sequence(Page page)
{
    return open_header(page)->sequence;
}

bool open_page_has_room(const Index &index, uint32_t group, Page page)
{
    const OpenHeader *header = open_header(page);
    return header->group == group && !header->closed && next_of(page) == InvalidBlockNumber &&
           header->rows < index.open_rows_per_page;
}

// The page has that many rows now, and their lists' numbers, if it has numbers at all.
static void set_rows(const Index &index, Page page, uint32_t rows, const uint8_t *numbers)
{
    PageHeader header = (PageHeader)page;
    open_header(page)->rows = (uint16_t)rows;
    header->pd_lower = (LocationIndex)open_page_end(rows, index.open_row_bytes);
    header->pd_upper = (LocationIndex)(header->pd_special - (numbers ? rows : 0));
}

void open_page_add(const Index &index, Page page, const char *row)
{
    const OpenHeader *header = open_header(page);
    uint8_t *numbers = (uint8_t *)open_page_numbers(page);
    memcpy((char *)(header + 1) + header->rows * index.open_row_bytes, row, index.open_row_bytes);
    if (numbers)
        numbers[-1 - (int32_t)header->rows] = (uint8_t)((const OpenRow *)row)->list;
    set_rows(index, page, header->rows + 1u, numbers);
}

void open_page_remove(const Index &index, Page page, const uint32_t *places, uint32_t count)
{
    OpenHeader *header = open_header(page);
    char *rows = (char *)(header + 1);
    uint8_t *numbers = (uint8_t *)open_page_numbers(page);
    uint32_t kept = 0;
    for (uint32_t row = 0, removed = 0; row < header->rows; row++) {
        if (removed < count && places[removed] == row) {
            removed++;
            continue;
        }
        memmove(rows + kept * index.open_row_bytes, rows + row * index.open_row_bytes, index.open_row_bytes);
        if (numbers)
            numbers[-1 - (int32_t)kept] = numbers[-1 - (int32_t)row];
        kept++;
    }
    set_rows(index, page, kept, numbers);
}

void open_page_close(Page page)
{
    open_header(page)->closed = 1;
}

void open_page_reopen(Page page)
{
    open_header(page)->closed = 0;
}

} // namespace vq::ivf
