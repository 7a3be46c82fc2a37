// Payloads as one row of bytes: a chain of pages read as a stream of units (kUnit, format.h), and parts of an index that lie on
// contiguous pages. Readers hold a share lock on one page at a time.
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

// Reads a chain of pages of one kind; the page at hand is pinned and share locked. Or reads a copy in memory.
struct UnitStream
{
    Relation rel;
    PageKind kind;
    Buffer buf;            // InvalidBuffer: closed, or in memory
    BlockNumber block;     // the page at hand
    uint32_t offset;       // of the next byte, into its payload
    const uint8_t *memory; // not null: the next byte lies here, and all that follow
};

// Starts at a byte of a page. Errors: INDEX_CORRUPTED if no unit can begin there.
void stream_open(UnitStream *s, Relation rel, PageKind kind, BlockNumber block, uint32_t offset);
void stream_open_memory(UnitStream *s, const uint8_t *memory);
// Lets go of the page at hand.
void stream_close(UnitStream *s);

// All that follows here moves on past what it reads. Where a page is used up it goes to the next one of the chain first.
// Errors: INDEX_CORRUPTED if there is none. Pointers are valid until the next call.

// The next bytes, as many as lie on one page, but not more than `want`, a multiple of kUnit; *got: how many, at least one unit.
// want = 0 only leaves a page that is used up.
const uint8_t *stream_take(UnitStream *s, uint32_t want, uint32_t *got);

// The same for code rows that the codec takes some at a time (CodecShape::row_group): whole groups of row_group_bytes, of which
// `want` is a multiple. A group that crosses a page border comes alone, as a copy in `buffer`.
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

// Moves past `bytes` bytes. Pages between are visited all the same, for their links.
void stream_skip(UnitStream *s, uint64_t bytes);

// Copies `bytes` bytes from a position on of a part that begins on page `first`.
void read_part(Relation rel, PageKind kind, BlockNumber first, uint64_t position, size_t bytes, void *out);

// Pages of a part of that many bytes; bytes of one that fills so many pages.
constexpr uint32_t pages_of(uint64_t bytes)
{
    return (uint32_t)((bytes + kPayload - 1) / kPayload);
}
constexpr uint64_t bytes_of_pages(uint32_t pages)
{
    return (uint64_t)pages * kPayload;
}

// Copies the first `bytes` bytes of a part, reading many pages at a time.
void read_whole_part(Relation rel, PageKind kind, BlockNumber first, size_t bytes, void *out);

} // namespace vq::ivf
