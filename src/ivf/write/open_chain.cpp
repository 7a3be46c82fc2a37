#include "ivf/store/generation.h"
#include "ivf/store/open_writer.h"
#include "ivf/write/maintain.h"

namespace vq::ivf {

namespace {

// Pages of a group's open chain above which it is sealed.
uint32_t seal_limit(const Index &index)
{
    const uint32_t rows = index.meta.group_lists * simd::kTileRows * 3 / 2;
    return Max(rows / index.open_rows_per_page, 4u);
}

// Calls work(reserve) while no other backend maintains the group, if that can be had at once.
template <class Work>
void maintain_group(Relation rel, Relation heap, const Index &index, uint32_t group, Work work)
{
    if (!enter_generation(rel, index))
        return;
    if (try_lock_group(rel, group)) {
        PageReserve reserve;
        reserve_begin(&reserve, rel, heap);
        work(&reserve);
        reserve_end(&reserve);
        unlock_group(rel, group);
    }
    leave_generation(rel);
}

uint32_t sequence_of(Relation rel, BlockNumber block)
{
    Buffer buf = block == InvalidBlockNumber ? InvalidBuffer : lock_page_if(rel, block, PageKind::Open);
    if (buf == InvalidBuffer) // other maintenance has freed it meanwhile
        return 0;
    const uint32_t sequence = open_page_sequence(BufferGetPage(buf));
    UnlockReleaseBuffer(buf);
    return sequence;
}

uint32_t pages_of_group(Relation rel, const GroupRecord &record)
{
    const uint32_t first = sequence_of(rel, record.open_head), last = sequence_of(rel, record.open_tail);
    return record.tile_pages + record.sublist_pages + (first > 0 && last >= first ? last - first + 1 : 0);
}

// Whether the file may be made longer by so many pages, of which most will be free again soon: while it has few beyond those that are in use. Looks at
// some of the groups.
bool may_grow(Relation rel, const Index &index, uint32_t more)
{
    constexpr uint32_t kLooks = 16;
    constexpr double kMostPages = 1.15; // over those in use
    Group *group = (Group *)palloc(group_bytes(index));
    double pages = 0;
    const uint32_t looks = Min(kLooks, index.groups);
    for (uint32_t i = 0; i < looks; i++) {
        read_group(rel, index, (uint32_t)((uint64_t)i * index.groups / looks), group);
        pages += pages_of_group(rel, group->record);
    }
    pfree(group);
    const double fixed = index.meta.fixed_end - index.meta.fixed_block + 1;
    return RelationGetNumberOfBlocks(rel) + more <= kMostPages * (fixed + pages / looks * index.groups);
}

// Fine records are left to VACUUM, and so are groups of very large lists: they fill tiles soon enough.
bool worth_merging(const Index &index, const Appended &appended)
{
    constexpr uint32_t kMostPages = 64;
    return index.meta.trained && !index.has_fine() && appended.tile_pages <= kMostPages &&
           has_many_open_pages(index, appended.open_pages - 1, appended.tile_pages); // the last one is new
}

bool try_merge(Relation rel, Relation heap, const Index &index, uint32_t group, const Appended &appended)
{
    bool merged = false;
    maintain_group(rel, heap, index, group, [&](PageReserve *reserve) {
        if (!may_grow(rel, index, appended.tile_pages + appended.open_pages))
            reserve_within_file(reserve);
        NoRoom none;
        merged = rewrite_group(rel, heap, index, group, reserve, &none);
    });
    return merged;
}

} // namespace

void keep_chain_short(Relation rel, Relation heap, const Index &index, uint32_t group,
                      const Appended &appended)
{
    if (appended.open_pages == 0)
        return;
    if (worth_merging(index, appended) && try_merge(rel, heap, index, group, appended))
        return;
    if (appended.open_pages > seal_limit(index))
        maintain_group(rel, heap, index, group,
                       [&](PageReserve *reserve) { seal_group(rel, heap, index, group, reserve); });
}

} // namespace vq::ivf
