#include "ivf/store/generation.h"

extern "C" {
#include "storage/lmgr.h"
#include "utils/inval.h"
}

namespace vq::ivf {

// Heavyweight page locks, of numbers that no group has (directory.h).
constexpr BlockNumber kMakerLock = MaxBlockNumber;
constexpr BlockNumber kGate = MaxBlockNumber - 1;

static Generations generations_of(const MetaPage &meta)
{
    const bool under_way = meta.next_meta != 0;
    return {meta.generation, under_way ? meta.begun : 0, meta.next_meta};
}

Buffer hold_generations(Relation rel, Generations *generations)
{
    Buffer buf = read_page(rel, 0, PageKind::Meta, BUFFER_LOCK_SHARE);
    *generations = generations_of(*meta_on_page(BufferGetPage(buf)));
    return buf;
}

Generations read_generations(Relation rel)
{
    Generations generations;
    UnlockReleaseBuffer(hold_generations(rel, &generations));
    return generations;
}

uint32_t new_generation(Relation rel)
{
    Buffer buf = read_page(rel, 0, PageKind::Meta, BUFFER_LOCK_SHARE);
    const uint32_t begun = meta_on_page(BufferGetPage(buf))->begun;
    UnlockReleaseBuffer(buf);
    return begun + 1;
}

// change(MetaPage *) changes block 0, or returns false.
template <class Change>
static void change_meta(Relation rel, Change change)
{
    LockPage(rel, kGate, ExclusiveLock);
    Buffer buf = read_page(rel, 0, PageKind::Meta, BUFFER_LOCK_EXCLUSIVE);
    MetaPage meta = *meta_on_page(BufferGetPage(buf));
    if (change(&meta)) {
        meta.version = kFormatVersion;
        GenericXLogState *state = GenericXLogStart(rel);
        put_meta(GenericXLogRegisterBuffer(state, buf, 0), &meta);
        GenericXLogFinish(state);
    }
    UnlockReleaseBuffer(buf);
    UnlockPage(rel, kGate, ExclusiveLock);
}

void pass_gate(Relation rel)
{
    if (!ConditionalLockPage(rel, kGate, ShareLock))
        LockPage(rel, kGate, ShareLock);
    UnlockPage(rel, kGate, ShareLock);
}

static bool is_named(const MetaPage &meta, uint32_t generation)
{
    return meta.next_meta != 0 && meta.begun == generation;
}

void name_generation(Relation rel, uint32_t generation, BlockNumber block)
{
    change_meta(rel, [&](MetaPage *meta) {
        meta->begun = generation;
        meta->next_meta = block;
        return true;
    });
}

void forget_generation(Relation rel, uint32_t generation)
{
    change_meta(rel, [&](MetaPage *meta) {
        const bool named = is_named(*meta, generation);
        meta->next_meta = 0;
        return named;
    });
}

void forget_orphan(Relation rel)
{
    const Generations generations = read_generations(rel);
    if (generations.next != 0)
        forget_generation(rel, generations.next);
}

// Block 0 becomes the meta page of another generation.
static void replace_meta(MetaPage *meta, MetaPage *next)
{
    next->begun = Max(meta->begun, next->generation);
    next->next_meta = 0;
    *meta = *next;
}

void take_over(Relation rel, MetaPage *next)
{
    change_meta(rel, [&](MetaPage *meta) {
        if (!is_named(*meta, next->generation))
            ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                            errmsg("training index \"%s\" anew was given up meanwhile",
                                   RelationGetRelationName(rel))));
        replace_meta(meta, next);
        return true;
    });
}

void take_over_lists(Relation rel, MetaPage *next, void (*at_switch)(void *), void *arg)
{
    change_meta(rel, [&](MetaPage *meta) {
        at_switch(arg);
        replace_meta(meta, next);
        return true;
    });
}

void note_untrainable(Relation rel, uint64_t rows)
{
    change_meta(rel, [&](MetaPage *meta) {
        meta->build_rows = rows;
        return true;
    });
    CacheInvalidateRelcache(rel);
}

void lock_maker(Relation rel)
{
    LockPage(rel, kMakerLock, ExclusiveLock);
}

void unlock_maker(Relation rel)
{
    UnlockPage(rel, kMakerLock, ExclusiveLock);
}

void forget_if_orphaned(Relation rel, uint32_t generation)
{
    if (!ConditionalLockPage(rel, kMakerLock, ShareLock))
        return;
    forget_generation(rel, generation);
    UnlockPage(rel, kMakerLock, ShareLock);
}

bool enter_generation(Relation rel, const Index &index)
{
    if (!ConditionalLockPage(rel, kGate, ShareLock))
        return false;
    if (read_generations(rel).current == index.meta.generation)
        return true;
    leave_generation(rel);
    return false;
}

void leave_generation(Relation rel)
{
    UnlockPage(rel, kGate, ShareLock);
}

} // namespace vq::ivf
