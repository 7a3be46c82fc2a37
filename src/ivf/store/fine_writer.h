// Writing fine records: a chain of new Fine pages, and what an inserter does to one that is there.
#pragma once

#include "ivf/store/fine.h"
#include "ivf/store/page_chain.h"

namespace vq::ivf {

struct FineWriter
{
    const Index *index;
    PageChain chain;
    uint32_t group;
    uint32_t first_slots; // records that the first page takes; 0 = as many as fit
};

// The group's head takes the next insert's record. fine_leave_room, for a chain of so many records that becomes the head: its first
// page is the one that is not full.
void fine_begin(FineWriter *writer, const Index *index, const PageSource &source, uint32_t group);
void fine_leave_room(FineWriter *writer, uint32_t records);
// Adds an empty page.
void fine_new_page(FineWriter *writer);
// Adds a record (fine_record_bytes), which may take several pages; returns where it is.
FineAddress fine_add(FineWriter *writer, const uint8_t *record);
void fine_end(FineWriter *writer, BlockNumber next);

// Whether a Fine page is one of that group and takes one more record; never where a record takes several pages.
bool fine_page_has_room(const Index &index, uint32_t group, Page page);
// Puts a record on a page with room; returns its slot.
uint32_t fine_page_add(const Index &index, Page page, const uint8_t *record);
// Slots, as in FineHeader::free_slots, of rows that no snapshot sees any more. A scan that still holds such a row as a candidate reads
// another row's record then, and finds out at the table that its own is gone.
void fine_page_free_slots(Page page, uint64_t slots);
// The page takes no more records; or does again.
void fine_page_close(Page page);
void fine_page_reopen(Page page);

} // namespace vq::ivf
