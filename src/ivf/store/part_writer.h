// Writing a part of an index that lies on contiguous pages, as a build does before any row.
#pragma once

#include "ivf/store/format.h"

extern "C" {
#include "common/relpath.h"
#include "storage/buf.h"
#include "utils/rel.h"
}

namespace vq::ivf {

// Appends pages of one kind and fills them with a byte stream.
struct PartWriter
{
    Relation rel;
    ForkNumber fork;
    PageKind kind;
    Buffer buf;        // the last page, exclusively locked; InvalidBuffer = none
    uint32_t used;     // bytes of its payload; kPayload = the next byte begins a page
    BlockNumber first; // where the part begins
};

// The part begins where the fork ends now. Nothing is logged.
void part_begin(PartWriter *writer, Relation rel, ForkNumber fork, PageKind kind);
// What is written next begins on a new page unless `bytes` bytes fit on this one: they never cross pages then.
void part_keep_together(PartWriter *writer, size_t bytes);
// Appends bytes; pages are linked, so that a part can be read as a chain too.
void part_write(PartWriter *writer, const void *data, size_t bytes);
// The last page goes out; what is written next begins on a page of its own.
void part_end(PartWriter *writer);

} // namespace vq::ivf
