#include "ivf/store/fine_writer.h"

namespace vq::ivf {

static FineHeader *fine_header(Page page)
{
    return (FineHeader *)page_payload(page);
}

static uint8_t *fine_bytes(Page page)
{
    return (uint8_t *)(fine_header(page) + 1);
}

void fine_begin(FineWriter *w, const Index *index, const PageSource &source, uint32_t group)
{
    w->index = index;
    chain_begin(&w->chain, source, PageKind::Fine);
    w->group = group;
    w->first_slots = 0;
}

void fine_leave_room(FineWriter *w, uint32_t records)
{
    const uint32_t slots = fine_slots(*w->index);
    w->first_slots = slots > 0 ? records % slots : 0;
}

// The last page, of which the chain has one, takes no more records.
static bool is_full(FineWriter *w)
{
    const Page page = chain_page(&w->chain);
    return !fine_page_has_room(*w->index, w->group, page) ||
           (w->chain.pages == 1 && fine_header(page)->slots == w->first_slots);
}

void fine_new_page(FineWriter *w)
{
    chain_extend(&w->chain);
    *fine_header(chain_page(&w->chain)) = {w->group, 0, 0, 0};
}

// A record of several pages: its address is the first of them.
static FineAddress add_long_record(FineWriter *w, const uint8_t *record)
{
    uint32_t left = w->index->fine_record_bytes;
    BlockNumber first = InvalidBlockNumber;
    while (left > 0) {
        fine_new_page(w);
        if (first == InvalidBlockNumber)
            first = w->chain.block;
        Page page = chain_page(&w->chain);
        fine_header(page)->slots = 1;
        const uint32_t n = Min(left, kFinePayload);
        memcpy(fine_bytes(page), record, n);
        record += n;
        left -= n;
    }
    return fine_address(first, 0);
}

FineAddress fine_add(FineWriter *w, const uint8_t *record)
{
    if (fine_slots(*w->index) == 0)
        return add_long_record(w, record);
    if (w->chain.pages == 0 || is_full(w))
        fine_new_page(w);
    const uint32_t slot = fine_page_add(*w->index, chain_page(&w->chain), record);
    return fine_address(w->chain.block, slot);
}

void fine_end(FineWriter *w, BlockNumber next)
{
    chain_end(&w->chain, next);
}

bool fine_page_has_room(const Index &index, uint32_t group, Page page)
{
    const FineHeader *header = fine_header(page);
    return header->group == group && !header->closed &&
           (header->slots < fine_slots(index) || header->free_slots != 0);
}

static uint32_t take_slot(FineHeader *header)
{
    if (header->free_slots == 0)
        return header->slots++;
    const uint32_t slot = (uint32_t)std::countr_zero(header->free_slots);
    header->free_slots &= header->free_slots - 1;
    return slot;
}

uint32_t fine_page_add(const Index &index, Page page, const uint8_t *record)
{
    const uint32_t slot = take_slot(fine_header(page));
    memcpy(fine_bytes(page) + slot * index.fine_record_bytes, record, index.fine_record_bytes);
    return slot;
}

void fine_page_free_slots(Page page, uint64_t slots)
{
    fine_header(page)->free_slots |= slots;
}

void fine_page_close(Page page)
{
    fine_header(page)->closed = 1;
}

void fine_page_reopen(Page page)
{
    fine_header(page)->closed = 0;
}

} // namespace vq::ivf
