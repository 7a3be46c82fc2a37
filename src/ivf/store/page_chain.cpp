#include "ivf/store/page_chain.h"

namespace vq::ivf {

void chain_begin(PageChain *chain, const PageSource &source, PageKind kind)
{
    chain->source = source;
    chain->kind = kind;
    chain->first = chain->block = InvalidBlockNumber;
    chain->buf = InvalidBuffer;
    chain->pages = 0;
    chain->used = kPayload;
}

static void put_page(PageChain *chain, BlockNumber next)
{
    Page copy = chain_page(chain);
    link_page(copy, next);
    if (chain->source.build) {
        LockBuffer(chain->buf, BUFFER_LOCK_EXCLUSIVE);
        memcpy(BufferGetPage(chain->buf), copy, BLCKSZ);
        MarkBufferDirty(chain->buf);
        UnlockReleaseBuffer(chain->buf);
    } else
        replace_page(chain->source.rel, chain->buf, copy);
    chain->buf = InvalidBuffer;
}

// Pinned, not locked: nothing refers to it yet, so that is enough until it is written.
static Buffer next_buffer(const PageSource &source)
{
    if (source.reserve)
        return reserve_take(source.reserve);
    Buffer buf = source.build ? append_page(source.rel, MAIN_FORKNUM) : new_page(source.rel, source.heap);
    if (!source.build)
        claim_page(BufferGetPage(buf));
    LockBuffer(buf, BUFFER_LOCK_UNLOCK);
    return buf;
}

void chain_extend(PageChain *chain)
{
    Buffer buf = next_buffer(chain->source);
    const BlockNumber block = BufferGetBlockNumber(buf);
    if (chain->pages > 0)
        put_page(chain, block);
    else
        chain->first = block;
    chain->buf = buf;
    chain->block = block;
    chain->pages++;
    chain->used = 0;
    init_page(chain_page(chain), chain->kind);
    if (!chain->source.build)
        stamp_page(chain_page(chain));
}

void chain_foresee(const PageChain *chain, uint32_t pages, BlockNumber *blocks)
{
    const PageSource &source = chain->source;
    if (source.build) { // appends, and does it alone
        const BlockNumber end = RelationGetNumberOfBlocks(source.rel);
        for (uint32_t i = 0; i < pages; i++)
            blocks[i] = end + i;
    } else
        reserve_look(source.reserve, pages, blocks);
}

void chain_reserve(PageChain *chain)
{
    if (chain->used == kPayload)
        chain_extend(chain);
}

size_t chain_put(PageChain *chain, const uint8_t *bytes, size_t n)
{
    chain_reserve(chain);
    const size_t part = Min(n, (size_t)(kPayload - chain->used));
    memcpy(page_payload(chain_page(chain)) + chain->used, bytes, part);
    chain->used += (uint32_t)part;
    return part;
}

void chain_append(PageChain *chain, const uint8_t *bytes, size_t n)
{
    for (size_t done = 0; done < n;)
        done += chain_put(chain, bytes + done, n - done);
}

void chain_end(PageChain *chain, BlockNumber next)
{
    if (chain->pages > 0)
        put_page(chain, next);
}

} // namespace vq::ivf
