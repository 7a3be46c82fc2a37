#include "ivf/store/part_writer.h"

#include "ivf/store/free_pages.h"

extern "C" {
#include "storage/bufmgr.h"
}

namespace vq::ivf {

PartPages appended_pages(Relation rel, ForkNumber fork)
{
    return {rel, fork, true, RelationGetNumberOfBlocksInFork(rel, fork)};
}

PartPages pages_set_aside(Relation rel, BlockNumber first)
{
    return {rel, MAIN_FORKNUM, false, first};
}

void part_begin(PartWriter *w, PartPages *pages, PageKind kind)
{
    w->pages = pages;
    w->kind = kind;
    w->open = false;
    w->used = kPayload;
    w->first = pages->next;
}

static void append(const PartPages &pages, Page page)
{
    Buffer buf = append_page(pages.rel, pages.fork);
    memcpy(BufferGetPage(buf), page, BLCKSZ);
    MarkBufferDirty(buf);
    UnlockReleaseBuffer(buf);
}

// The last page goes out.
static void put_page(PartWriter *w)
{
    if (!w->open)
        return;
    const Page page = (Page)w->copy.data;
    if (w->pages->append)
        append(*w->pages, page);
    else
        replace_page(w->pages->rel, ReadBuffer(w->pages->rel, w->pages->next), page);
    w->pages->next++;
    w->open = false;
}

void part_end(PartWriter *w)
{
    put_page(w);
    w->used = kPayload;
}

void part_keep_together(PartWriter *w, size_t bytes)
{
    if (w->used + bytes > kPayload)
        part_end(w);
}

static void begin_page(PartWriter *w)
{
    if (w->open) // parts can also be read as chains
        link_page((Page)w->copy.data, w->pages->next + 1);
    put_page(w);
    init_page((Page)w->copy.data, w->kind);
    if (!w->pages->append)
        stamp_page((Page)w->copy.data);
    w->open = true;
    w->used = 0;
}

void part_write(PartWriter *w, const void *data, size_t bytes)
{
    for (const char *p = (const char *)data; bytes > 0;) {
        if (w->used == kPayload)
            begin_page(w);
        const size_t n = Min(bytes, (size_t)(kPayload - w->used));
        memcpy(page_payload((Page)w->copy.data) + w->used, p, n);
        w->used += (uint32_t)n;
        p += n;
        bytes -= n;
    }
}

} // namespace vq::ivf
