// Pages that are known to be read next are read before they are asked for: from PostgreSQL 17 on in large pieces, on 18
// without waiting for them; before 17 the kernel is told of them.
#pragma once

#include "ivf/store/page.h"

extern "C" {
#include "storage/buf.h"
#include "storage/bufmgr.h"
#include "utils/rel.h"
}

struct ReadStream; // PostgreSQL's

namespace vq::ivf {

// The next block, or InvalidBlockNumber at the end. Asked long before the block is handed out; takes no locks.
using NextBlock = BlockNumber (*)(void *arg);

constexpr uint32_t kReadAhead = 32; // blocks told to the kernel, before 17

struct BlockStream
{
    Relation rel;
    NextBlock next;
    void *arg;
    BufferAccessStrategy strategy;
    ReadStream *stream;            // from 17 on
    BlockNumber ahead[kReadAhead]; // before: a ring of blocks told
    uint32_t first, count;
};

// Every block that `next` names must exist. strategy: VACUUM's, or null. Memory: in the current context. An error lets go of
// all pages.
void block_stream_begin(BlockStream *s, Relation rel, NextBlock next, void *arg,
                        BufferAccessStrategy strategy);

// The next page, pinned, not locked; InvalidBuffer at the end.
Buffer block_stream_next(BlockStream *s);

// Lets go of what was read ahead.
void block_stream_end(BlockStream *s);

// A stream of contiguous blocks. Must stay where it is while the stream is open.
struct BlockRange
{
    BlockNumber next, end;
    BlockStream stream;
};

// `count` blocks from `first` on. Errors: INDEX_CORRUPTED if the relation has not that many.
void range_begin(BlockRange *range, Relation rel, BlockNumber first, BlockNumber count);

// The next page as read_page returns it, share locked; there must be one left. Errors: INDEX_CORRUPTED.
Buffer range_next(BlockRange *range, PageKind kind);

void range_end(BlockRange *range);

// Brings up to `count` blocks from `first` on into shared buffers: those of a chain that was written in one go, before it
// is followed. Blocks that do not exist are left out. Honours interrupts.
void read_ahead(Relation rel, BlockNumber first, BlockNumber count);

} // namespace vq::ivf
