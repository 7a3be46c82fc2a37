#include "ivf/upkeep/move_fixed.h"

#include "ivf/store/free_pages.h"
#include "ivf/store/generation.h"

extern "C" {
#include "commands/vacuum.h"
#include "miscadmin.h"
}

namespace vq::ivf {

namespace {

struct Move
{
    Relation rel;
    const MetaPage *from;
    MetaPage *to;
};

void copy_page(const Move &m, BlockNumber from)
{
    const BlockNumber distance = m.to->fixed_block - m.from->fixed_block; // may wrap
    PGAlignedBlock copy;
    Buffer buf = ReadBuffer(m.rel, from);
    LockBuffer(buf, BUFFER_LOCK_SHARE);
    memcpy(copy.data, BufferGetPage(buf), BLCKSZ);
    UnlockReleaseBuffer(buf);
    const Page page = (Page)copy.data;
    stamp_page(page);
    if (next_of(page) != InvalidBlockNumber)
        link_page(page, next_of(page) + distance);
    replace_page(m.rel, ReadBuffer(m.rel, from + distance), page);
}

void copy_directory(void *arg)
{
    const Move &m = *(const Move *)arg;
    for (BlockNumber block = m.from->directory; block < m.from->fixed_end; block++)
        copy_page(m, block);
}

MetaPage moved_meta(const MetaPage &from, BlockNumber first)
{
    const BlockNumber distance = first - from.fixed_block;
    MetaPage to = from;
    for (BlockNumber MetaPage::*part :
         {&MetaPage::image_block, &MetaPage::assign_tiles, &MetaPage::query_tiles, &MetaPage::centroids,
          &MetaPage::directory, &MetaPage::fixed_end, &MetaPage::fixed_block})
        to.*part += distance;
    return to;
}

} // namespace

bool move_fixed_parts(Relation rel, const Index &index, PageReserve *reserve, BlockNumber end, MetaPage *meta)
{
    const MetaPage &from = index.meta;
    BlockNumber first;
    if (from.fixed_block == 0 ||
        !reserve_known_range(reserve, from.fixed_end - from.fixed_block, end, &first))
        return false;
    *meta = moved_meta(from, first);
    meta->generation = new_generation(rel);
    Move move = {rel, &from, meta};
    // The first one has the meta page that they came with, which nobody reads.
    for (BlockNumber block = from.fixed_block; block < from.directory; block++) {
        compat_vacuum_delay_point();
        copy_page(move, block);
    }
    take_over_lists(rel, meta, copy_directory, &move);
    return true;
}

void free_fixed_parts(Relation rel, const MetaPage &old)
{
    for (BlockNumber block = Max(old.fixed_block, 1u); block < old.fixed_end; block++) {
        CHECK_FOR_INTERRUPTS();
        free_page(rel, block);
    }
}

} // namespace vq::ivf
