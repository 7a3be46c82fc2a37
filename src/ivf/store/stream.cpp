#include "ivf/store/stream.h"

#include "ivf/store/read_stream.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

void stream_open(UnitStream *s, Relation rel, PageKind kind, BlockNumber block, uint32_t offset)
{
    if (!valid_unit_offset(offset))
        report_corrupted(rel, block, "unit offset out of bounds");
    *s = {rel, kind, read_page(rel, block, kind, BUFFER_LOCK_SHARE), block, offset, nullptr};
}

void stream_open_memory(UnitStream *s, const uint8_t *memory)
{
    *s = {};
    s->buf = InvalidBuffer;
    s->memory = memory;
}

void stream_close(UnitStream *s)
{
    if (s->buf != InvalidBuffer)
        UnlockReleaseBuffer(s->buf);
    s->buf = InvalidBuffer;
}

static void next_page(UnitStream *s)
{
    const BlockNumber next = next_of(BufferGetPage(s->buf));
    stream_close(s);
    CHECK_FOR_INTERRUPTS();
    if (next == InvalidBlockNumber)
        report_corrupted(s->rel, s->block, "chain of pages ends too early");
    s->buf = read_page(s->rel, next, s->kind, BUFFER_LOCK_SHARE);
    s->block = next;
    s->offset = 0;
}

const uint8_t *stream_take(UnitStream *s, uint32_t want, uint32_t *got)
{
    if (s->memory) {
        *got = want;
        s->memory += want;
        return s->memory - want;
    }
    if (s->offset == kPayload)
        next_page(s);
    *got = Min(want, kPayload - s->offset);
    const uint8_t *p = (const uint8_t *)page_payload(BufferGetPage(s->buf)) + s->offset;
    s->offset += *got;
    return p;
}

void stream_copy(UnitStream *s, size_t bytes, uint8_t *out)
{
    uint32_t got;
    for (size_t done = 0; done < bytes; done += got) {
        const uint8_t *p = stream_take(s, (uint32_t)Min(bytes - done, (size_t)kPayload), &got);
        memcpy(out + done, p, got);
    }
}

const uint8_t *stream_take_groups(UnitStream *s, uint32_t want, uint32_t row_group_bytes, uint8_t *buffer,
                                  uint32_t *got)
{
    const uint8_t *p = stream_take(s, want, got);
    if (row_group_bytes == kUnit || *got % row_group_bytes == 0)
        return p;
    const uint32_t part = *got % row_group_bytes; // at the end of a page
    *got -= part;
    s->offset -= part;
    if (*got > 0)
        return p;
    *got = row_group_bytes;
    return stream_read(s, row_group_bytes, buffer);
}

const uint8_t *stream_read(UnitStream *s, uint32_t bytes, uint8_t *buffer)
{
    uint32_t got;
    const uint8_t *p = stream_take(s, bytes, &got);
    if (got == bytes)
        return p;
    memcpy(buffer, p, got);
    stream_copy(s, bytes - got, buffer + got);
    return buffer;
}

const uint8_t *stream_read_placed(UnitStream *s, uint32_t bytes, uint8_t *buffer, StreamSpan *span)
{
    uint32_t got;
    stream_take(s, 0, &got); // moves to the next page if this one is used up
    span->first = {s->block, s->offset};
    span->on_first = Min(bytes, kPayload - s->offset);
    const uint8_t *p = stream_read(s, bytes, buffer);
    span->second = s->block;
    return p;
}

void stream_skip(UnitStream *s, uint64_t bytes)
{
    while (bytes > 0) {
        uint32_t got;
        stream_take(s, (uint32_t)Min(bytes, (uint64_t)kPayload), &got);
        bytes -= got;
    }
}

void read_part(Relation rel, PageKind kind, BlockNumber first, uint64_t position, size_t bytes, void *out)
{
    for (size_t done = 0, n; done < bytes; done += n) {
        const uint64_t at = position + done;
        n = bytes_on_page(at, bytes - done);
        Buffer buf = read_page(rel, first + (BlockNumber)page_of_position(at), kind, BUFFER_LOCK_SHARE);
        memcpy((char *)out + done, byte_at(BufferGetPage(buf), at), n);
        UnlockReleaseBuffer(buf);
    }
}

void read_whole_part(Relation rel, PageKind kind, BlockNumber first, size_t bytes, void *out)
{
    BlockRange range;
    range_begin(&range, rel, first, pages_of(bytes));
    for (size_t done = 0, n; done < bytes; done += n) {
        CHECK_FOR_INTERRUPTS();
        n = bytes_on_page(done, bytes - done);
        Buffer buf = range_next(&range, kind);
        memcpy((char *)out + done, byte_at(BufferGetPage(buf), done), n);
        UnlockReleaseBuffer(buf);
    }
    range_end(&range);
}

} // namespace vq::ivf
