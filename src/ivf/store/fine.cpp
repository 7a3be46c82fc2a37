#include "ivf/store/fine.h"

#include "ivf/store/refine.h"

namespace vq::ivf {

void read_fine(Relation rel, const Index &index, FineAddress address, uint8_t *record)
{
    const uint32_t slots = fine_slots(index);
    BlockNumber block = address.block();
    uint32_t left = index.fine_record_bytes;
    uint32_t offset = slots > 0 ? address.slot * index.fine_record_bytes : 0;
    while (left > 0) {
        Buffer buf = read_page(rel, block, PageKind::Fine, BUFFER_LOCK_SHARE);
        const char *payload = page_payload(BufferGetPage(buf));
        if (address.slot >= ((const FineHeader *)payload)->slots || (slots > 0 && address.slot >= slots))
            report_corrupted(rel, block, "no such fine record");
        uint32_t n = Min(left, kFinePayload - offset);
        memcpy(record, payload + sizeof(FineHeader) + offset, n);
        const BlockNumber next = next_of(BufferGetPage(buf));
        UnlockReleaseBuffer(buf);
        record += n;
        left -= n;
        block = next;
        offset = 0;
    }
}

bool valid_fine_page(const Index &index, uint32_t group, Page page)
{
    const FineHeader *header = (const FineHeader *)page_payload(page);
    return header->group == group && header->slots <= Max(fine_slots(index), 1u) && header->closed <= 1 &&
           (header->slots >= kFreeableSlots || header->free_slots >> header->slots == 0) &&
           (fine_slots(index) > 0 || header->free_slots == 0);
}

uint32_t used_fine_slots(Page page)
{
    return ((const FineHeader *)page_payload(page))->slots;
}

uint64_t free_fine_slots(Page page)
{
    return ((const FineHeader *)page_payload(page))->free_slots;
}

void build_fine(const Index &index, const float *x, const float factors[3], const uint8_t *codec_fine,
                uint8_t *record)
{
    if (index.shape.fine_bytes > 0) {
        memcpy(record, factors, 3 * sizeof(float));
        memcpy(record + 3 * sizeof(float), codec_fine, index.shape.fine_bytes);
        record += codec_fine_part(index.shape);
    }
    if (index.has_refine())
        put_refined(index, x, record);
}

} // namespace vq::ivf
