// Writing a part of an index that lies on contiguous pages, as is done before any row.
#pragma once

#include "ivf/store/format.h"

extern "C" {
#include "common/relpath.h"
#include "storage/buf.h"
#include "utils/rel.h"
}

namespace vq::ivf {

// Where parts go, one after the other: pages at the end of a fork, which a build appends and does not log; or pages that are set
// aside (PageRange, page_reserve.h), each logged.
struct PartPages
{
    Relation rel;
    ForkNumber fork;
    bool append;
    BlockNumber next; // page that will be written next
};
PartPages appended_pages(Relation rel, ForkNumber fork);
PartPages pages_set_aside(Relation rel, BlockNumber first);

// Fills pages of one kind with a byte stream.
struct PartWriter
{
    PartPages *pages;
    PageKind kind;
    bool open;         // there is a last page, in `copy`
    uint32_t used;     // bytes of its payload; kPayload = the next byte begins a page
    BlockNumber first; // where the part begins
    PGAlignedBlock copy;
};

void part_begin(PartWriter *writer, PartPages *pages, PageKind kind);
// What is written next begins on a new page unless `bytes` bytes fit on this one: they never cross pages then.
void part_keep_together(PartWriter *writer, size_t bytes);
// Appends bytes; pages are linked, so that a part can be read as a chain too.
void part_write(PartWriter *writer, const void *data, size_t bytes);
// The last page goes out; what is written next begins on a page of its own.
void part_end(PartWriter *writer);

} // namespace vq::ivf
