// Reading bytes of pages in order: a chain of pages as a stream of 32-byte units, one share lock at a time; and parts that
// lie on contiguous pages.
#pragma once

#include "ivf/store/page.h"

namespace vq::ivf {

// Positions are counted in payload bytes from the start of a chain or part.
constexpr uint64_t position_of(uint64_t page, uint32_t offset)
{
    return page * kPayload + offset;
}
constexpr uint64_t page_of_position(uint64_t position)
{
    return position / kPayload;
}
constexpr uint32_t offset_of_position(uint64_t position)
{
    return (uint32_t)(position % kPayload);
}
// Of `bytes` bytes from a position on, those that lie on its page.
constexpr uint32_t bytes_on_page(uint64_t position, uint64_t bytes)
{
    return (uint32_t)Min(bytes, (uint64_t)kPayload - position % kPayload);
}
// The byte there; page: the one that it lies on.
inline const uint8_t *byte_at(Page page, uint64_t position)
{
    return (const uint8_t *)page_payload(page) + offset_of_position(position);
}
// Whether a unit may begin there on a page.
constexpr bool valid_unit_offset(uint32_t offset)
{
    return offset < kPayload && offset % kUnit == 0;
}

// A position in a chain of pages of one kind, with a pin and a share lock on the current page while open; or
// in memory.
struct UnitStream
{
    Relation rel;
    PageKind kind;
    Buffer buf; // InvalidBuffer: closed
    BlockNumber block;
    uint32_t offset;       // into the payload
    const uint8_t *memory; // not null: what follows lies here, all of it
};

void stream_open(UnitStream *s, Relation rel, PageKind kind, BlockNumber block, uint32_t offset);
void stream_open_memory(UnitStream *s, const uint8_t *memory);
void stream_close(UnitStream *s);

// Up to `want` bytes (a multiple of kUnit) that lie together at the current position; *got says how many (at
// least one unit; want = 0 only moves to the next page if this one is used up). The position moves past them;
// the pointer is valid until the next call. Moves to the next page when one is used up.
const uint8_t *stream_take(UnitStream *s, uint32_t want, uint32_t *got);

// The same in whole groups of row_group_bytes (a multiple of kUnit), of which `want` is a multiple, too. A group that crosses a
// page border is copied to `buffer`.
const uint8_t *stream_take_groups(UnitStream *s, uint32_t want, uint32_t row_group_bytes, uint8_t *buffer,
                                  uint32_t *got);

// Copies exactly `bytes` bytes.
void stream_copy(UnitStream *s, size_t bytes, uint8_t *out);

// Exactly `bytes` bytes: a pointer into the page, or, where they cross a page border, their copy in `buffer`.
const uint8_t *stream_read(UnitStream *s, uint32_t bytes, uint8_t *buffer);

// Where bytes of a stream lie: on one page or, across a border, on two.
struct StreamSpan
{
    PagePlace first;
    uint32_t on_first;  // bytes on the first page
    BlockNumber second; // the rest begins its payload; meaningless where there is none
};

inline PagePlace place_in(const StreamSpan &span, uint32_t byte)
{
    if (byte < span.on_first)
        return {span.first.block, span.first.offset + byte};
    return {span.second, byte - span.on_first};
}

// stream_read that also says where the bytes lie; not for a stream in memory.
const uint8_t *stream_read_placed(UnitStream *s, uint32_t bytes, uint8_t *buffer, StreamSpan *span);

// Moves past `bytes` bytes without looking at them (pages between are still visited, for their links).
void stream_skip(UnitStream *s, uint64_t bytes);

// Reads `bytes` bytes at byte `position` of a part that lies on contiguous pages of one kind.
void read_part(Relation rel, PageKind kind, BlockNumber first, uint64_t position, size_t bytes, void *out);

// Pages of such a part; bytes of a part that fills its pages.
constexpr uint32_t pages_of(uint64_t bytes)
{
    return (uint32_t)((bytes + kPayload - 1) / kPayload);
}
constexpr uint64_t bytes_of_pages(uint32_t pages)
{
    return (uint64_t)pages * kPayload;
}

// Reads such a part of `bytes` bytes from its beginning, many pages at a time.
void read_whole_part(Relation rel, PageKind kind, BlockNumber first, size_t bytes, void *out);

} // namespace vq::ivf
