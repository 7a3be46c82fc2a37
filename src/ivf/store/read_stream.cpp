#include "ivf/store/read_stream.h"

extern "C" {
#include "miscadmin.h"
#include "storage/bufmgr.h"
#if COMPAT_READ_STREAM
#include "storage/read_stream.h"
#endif
}

namespace vq::ivf {

#if COMPAT_READ_STREAM

static BlockNumber next_of_stream(ReadStream *, void *arg, void *)
{
    const BlockStream *s = (const BlockStream *)arg;
    return s->next(s->arg);
}

void block_stream_begin(BlockStream *s, Relation rel, NextBlock next, void *arg,
                        BufferAccessStrategy strategy)
{
    *s = {};
    s->rel = rel;
    s->next = next;
    s->arg = arg;
    s->stream = read_stream_begin_relation(COMPAT_READ_STREAM_FLAGS, strategy, rel, MAIN_FORKNUM,
                                           next_of_stream, s, 0);
}

Buffer block_stream_next(BlockStream *s)
{
    return read_stream_next_buffer(s->stream, nullptr);
}

void block_stream_end(BlockStream *s)
{
    read_stream_end(s->stream);
}

#else

void block_stream_begin(BlockStream *s, Relation rel, NextBlock next, void *arg,
                        BufferAccessStrategy strategy)
{
    *s = {};
    s->rel = rel;
    s->next = next;
    s->arg = arg;
    s->strategy = strategy;
}

// Tells the kernel of blocks until the ring is full.
static void tell(BlockStream *s)
{
    while (s->count < kReadAhead) {
        const BlockNumber block = s->next(s->arg);
        if (block == InvalidBlockNumber)
            return;
        (void)PrefetchBuffer(s->rel, MAIN_FORKNUM, block);
        s->ahead[(s->first + s->count++) % kReadAhead] = block;
    }
}

Buffer block_stream_next(BlockStream *s)
{
    if (s->count <= kReadAhead / 2)
        tell(s);
    if (s->count == 0)
        return InvalidBuffer;
    const BlockNumber block = s->ahead[s->first];
    s->first = (s->first + 1) % kReadAhead;
    s->count--;
    return ReadBufferExtended(s->rel, MAIN_FORKNUM, block, RBM_NORMAL, s->strategy);
}

void block_stream_end(BlockStream *) {}

#endif

static BlockNumber next_of_range(void *arg)
{
    BlockRange *range = (BlockRange *)arg;
    return range->next < range->end ? range->next++ : InvalidBlockNumber;
}

void range_begin(BlockRange *range, Relation rel, BlockNumber first, BlockNumber count)
{
    if (count > 0)
        check_block(rel, first + count - 1);
    range->next = first;
    range->end = first + count;
    block_stream_begin(&range->stream, rel, next_of_range, range, nullptr);
}

Buffer range_next(BlockRange *range, PageKind kind)
{
    return check_page(range->stream.rel, block_stream_next(&range->stream), kind, BUFFER_LOCK_SHARE);
}

void range_end(BlockRange *range)
{
    block_stream_end(&range->stream);
}

void read_ahead(Relation rel, BlockNumber first, BlockNumber count)
{
    const BlockNumber blocks = RelationGetNumberOfBlocks(rel);
    if (first >= blocks)
        return;
    BlockRange range;
    range_begin(&range, rel, first, Min(count, blocks - first));
    for (Buffer buf; (buf = block_stream_next(&range.stream)) != InvalidBuffer;) {
        CHECK_FOR_INTERRUPTS();
        ReleaseBuffer(buf);
    }
    range_end(&range);
}

} // namespace vq::ivf
