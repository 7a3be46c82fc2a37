// Fine records: what Fine pages hold of a row, for a closer look than its code in the tile allows. Two parts, of which an index
// may have either or both:
//   [float factors[3], codec's finer code]   the codec's own, by its options
//   [float error, refine code] (refine.h)               a scalar quantization of the row (option "refine"), and how far off it is
#pragma once

#include "ivf/store/index.h"

namespace vq::ivf {

constexpr FineAddress kNoFine = {0xFFFF, 0xFFFF, 0};
constexpr FineAddress fine_address(BlockNumber block, uint32_t slot)
{
    return {(uint16_t)(block >> 16), (uint16_t)block, (uint16_t)slot};
}

// Records a page holds; 0 where one record takes several pages.
constexpr uint32_t fine_slots(const Index &index)
{
    return kFinePayload / index.fine_record_bytes;
}
// Pages one record takes where fine_slots is 0, else 1.
constexpr uint32_t fine_pages_of_record(const Index &index)
{
    return (index.fine_record_bytes + kFinePayload - 1) / kFinePayload;
}

// Pages that so many records take.
constexpr uint32_t fine_pages_of(const Index &index, uint32_t records)
{
    const uint32_t slots = Max(fine_slots(index), 1u);
    return (records + slots - 1) / slots * fine_pages_of_record(index);
}

// Copies the record at `address` (fine_record_bytes). Errors: INDEX_CORRUPTED.
void read_fine(Relation rel, const Index &index, FineAddress address, uint8_t *record);

// Whether a Fine page is one of that group, and has no more slots in use than fit.
bool valid_fine_page(const Index &index, uint32_t group, Page page);
uint32_t used_fine_slots(Page page);
// FineHeader::free_slots.
uint64_t free_fine_slots(Page page);

// Fills the refine part of a record from the row's vector, and the codec part from what encoding gave.
void build_fine(const Index &index, const float *x, const float factors[3], const uint8_t *codec_fine,
                uint8_t *record);

} // namespace vq::ivf
