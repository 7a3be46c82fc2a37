#include "ivf/store/part_writer.h"

#include "ivf/store/free_pages.h"

extern "C" {
#include "storage/bufmgr.h"
}

namespace vq::ivf {

void part_begin(PartWriter *w, Relation rel, ForkNumber fork, PageKind kind)
{
    *w = {rel, fork, kind, InvalidBuffer, kPayload, RelationGetNumberOfBlocksInFork(rel, fork)};
}

void part_end(PartWriter *w)
{
    if (w->buf == InvalidBuffer)
        return;
    MarkBufferDirty(w->buf);
    UnlockReleaseBuffer(w->buf);
    w->buf = InvalidBuffer;
    w->used = kPayload;
}

void part_keep_together(PartWriter *w, size_t bytes)
{
    if (w->used + bytes > kPayload)
        part_end(w);
}

void part_write(PartWriter *w, const void *data, size_t bytes)
{
    for (const char *p = (const char *)data; bytes > 0;) {
        if (w->used == kPayload) {
            if (w->buf != InvalidBuffer) // parts can also be read as chains
                link_page(BufferGetPage(w->buf), BufferGetBlockNumber(w->buf) + 1);
            part_end(w);
            w->buf = append_page(w->rel, w->fork);
            init_page(BufferGetPage(w->buf), w->kind);
            w->used = 0;
        }
        const size_t n = Min(bytes, (size_t)(kPayload - w->used));
        memcpy(page_payload(BufferGetPage(w->buf)) + w->used, p, n);
        w->used += (uint32_t)n;
        p += n;
        bytes -= n;
    }
}

} // namespace vq::ivf
