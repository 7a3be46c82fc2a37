#include "ivf/write/survey.h"

#include "ivf/store/free_pages.h"
#include "ivf/store/page_offers.h"
#include "ivf/store/read_stream.h"

extern "C" {
#include "commands/vacuum.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
}

namespace vq::ivf {

namespace {

BlockList new_list()
{
    return {(BlockNumber *)palloc(64 * sizeof(BlockNumber)), 0, 64};
}

void add(BlockList *list, BlockNumber block)
{
    if (list->count == list->capacity)
        list->blocks =
            (BlockNumber *)repalloc_huge(list->blocks, (size_t)(list->capacity *= 2) * sizeof(BlockNumber));
    list->blocks[list->count++] = block;
}

// The blocks that the file has, none of which is half-way into being: who adds one page locks it before he lets others extend.
BlockNumber blocks_now(Relation rel)
{
    const bool shared = !RELATION_IS_LOCAL(rel);
    if (shared)
        LockRelationForExtension(rel, ExclusiveLock);
    const BlockNumber blocks = RelationGetNumberOfBlocks(rel);
    if (shared)
        UnlockRelationForExtension(rel, ExclusiveLock);
    return blocks;
}

// The page that follows, or `block` itself where no page of that kind is.
BlockNumber next_in_chain(const Survey *s, BlockNumber block, PageKind kind)
{
    Buffer buf = ReadBufferExtended(s->rel, MAIN_FORKNUM, block, RBM_NORMAL, s->strategy);
    LockBuffer(buf, BUFFER_LOCK_SHARE);
    const BlockNumber next = is_page_of(BufferGetPage(buf), kind) ? next_of(BufferGetPage(buf)) : block;
    UnlockReleaseBuffer(buf);
    return next;
}

void note_used(Survey *s, uint32_t group, BlockNumber block)
{
    (void)blocks_add(&s->used, block);
    GroupSpace *space = &s->groups[group];
    space->last = space->pages > 0 ? Max(space->last, block) : block;
    space->pages++;
}

void note_fixed_parts(Survey *s, const MetaPage &meta)
{
    (void)blocks_add(&s->used, 0);
    for (BlockNumber block = meta.fixed_block; block < meta.fixed_end; block++)
        (void)blocks_add(&s->used, block);
}

// Follows a chain that should have so many pages.
void follow(Survey *s, uint32_t group, PageKind kind, BlockNumber block, uint32_t pages)
{
    for (; pages > 0 && block_exists(s->rel, block); pages--) {
        compat_vacuum_delay_point();
        note_used(s, group, block);
        const BlockNumber next = next_in_chain(s, block, kind);
        if (next == block)
            break;
        block = next;
    }
    if (pages > 0 || block != InvalidBlockNumber)
        s->damaged = true;
}

// A page that no group has.
void look_at(Survey *s, BlockNumber block, Page page)
{
    if (is_free(page))
        add(is_ripe(s->heap, page) ? &s->ripe : &s->young, block);
    else if (is_lost(page, s->over))
        add(&s->lost, block);
}

void look_at_others(Survey *s)
{
    OtherBlocks other = {&s->used, 0, s->blocks};
    BlockStream stream;
    block_stream_begin(&stream, s->rel, next_other_block, &other, s->strategy);
    for (Buffer buf; (buf = block_stream_next(&stream)) != InvalidBuffer;) {
        LockBuffer(buf, BUFFER_LOCK_SHARE);
        look_at(s, BufferGetBlockNumber(buf), BufferGetPage(buf));
        UnlockReleaseBuffer(buf);
        compat_vacuum_delay_point();
    }
    block_stream_end(&stream);
}

} // namespace

void survey_begin(Survey *s, Relation rel, Relation heap, const Index *index, BufferAccessStrategy strategy)
{
    *s = {};
    s->rel = rel;
    s->heap = heap;
    s->index = index;
    s->strategy = strategy;
    s->over = ActiveSnapshotSet() ? GetActiveSnapshot()->xmin : InvalidTransactionId;
    s->blocks = blocks_now(rel);
    blocks_begin(&s->used, s->blocks);
    note_fixed_parts(s, index->meta);
    s->groups =
        (GroupSpace *)palloc_extended(index->groups * sizeof(GroupSpace), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    s->ripe = new_list();
    s->young = new_list();
    s->lost = new_list();
}

void survey_group(Survey *s, const Group *group)
{
    const GroupRecord &record = group->record;
    read_ahead(s->rel, Min(record.tile_head, record.fine_head),
               record.tile_pages + record.fine_pages + record.sublist_pages);
    follow(s, record.group, PageKind::Tile, record.tile_head, record.tile_pages);
    follow(s, record.group, PageKind::Sublist, record.sublist_head, record.sublist_pages);
    follow(s, record.group, PageKind::Fine, record.fine_head,
           record.fine_pages); // others come in front of it meanwhile
}

void survey_open_page(Survey *s, uint32_t group, BlockNumber block)
{
    note_used(s, group, block);
}

void survey_end(Survey *s)
{
    look_at_others(s);
    if (s->damaged || s->over == InvalidTransactionId)
        s->lost.count = 0;
    for (uint32_t i = 0; i < s->lost.count; i++)
        free_lost_page(s->rel, s->lost.blocks[i], s->over);
    offer_pages(s->rel, s->ripe.blocks, s->ripe.count, false);
    offer_pages(s->rel, s->young.blocks, s->young.count, true);
}

void survey_forget(Survey *s, uint32_t count)
{
    s->ripe.blocks += count;
    s->ripe.count -= count;
}

} // namespace vq::ivf
