#include "ivf/build/group_loader.h"

#include "ivf/write/maintenance.h"

extern "C" {
#include "utils/memutils.h"
}

namespace vq::ivf {

// At most.
static uint32_t pages_to_load(const GroupLoader &l, uint32_t number)
{
    const Index &index = *l.index;
    const uint32_t layers = index.meta.sublist_layers;
    uint64_t tiles = 0, sublists = 0;
    uint32_t rows = 0;
    for (uint32_t i = 0; i < lists_of_group(index, number); i++) {
        const uint32_t n = l.rows_of_list[number * index.meta.group_lists + i];
        const uint64_t bytes = run_bytes(index, n);
        tiles += bytes;
        rows += n;
        if (layers > 0)
            sublists += sublist_bytes(index, n, bytes, Min(n, 1u << (8 * layers)));
    }
    return pages_of(tiles) + pages_of(sublists) + (index.has_fine() ? fine_pages_of(index, rows) : 0);
}

// Of a build: nobody else is there.
static void put_group(GroupLoader *l)
{
    GroupRecord &record = l->group->record;
    record.tile_head = l->run.chain.first;
    record.tile_pages = l->run.chain.pages;
    record.fine_head = l->fine.chain.first;
    record.fine_pages = l->fine.chain.pages;
    record.sublist_head = l->sublists.chain.first;
    record.sublist_pages = l->sublists.chain.pages;
    write_group(l->source.rel, *l->index, l->group);
}

// Open rows, and fine records in front, are those of inserters.
static void link_group(GroupLoader *l)
{
    const Index &index = *l->index;
    Maintenance m =
        maintenance(l->source.rel, l->source.heap, index, (uint32_t)l->group_number, l->source.reserve);
    m.taken.closed = InvalidBlockNumber; // none are taken
    OpenWriter no_rows;
    open_begin(&no_rows, &index, l->source, m.group);
    switch_group(m, {l->group->entries, l->run.chain.first, l->run.chain.pages, l->sublists.chain.first,
                     l->sublists.chain.pages, &no_rows, index.has_fine() && l->fine.chain.pages > 0,
                     InvalidBlockNumber, l->fine.chain.first, 0, l->fine.chain.pages});
}

static void close_group(GroupLoader *l)
{
    if (l->group_number < 0)
        return;
    run_end(&l->run, InvalidBlockNumber);
    fine_end(&l->fine, InvalidBlockNumber);
    sublists_end(&l->sublists);
    for (uint32_t i = 0; i < l->index->meta.group_lists; i++)
        l->rows_squared += (double)l->group->entries[i].rows * l->group->entries[i].rows;
    if (l->source.build)
        put_group(l);
    else {
        link_group(l);
        unlock_group(l->source.rel, (uint32_t)l->group_number);
    }
    l->group_number = -1;
    MemoryContextReset(l->memory);
}

static bool open_group(GroupLoader *l, uint32_t number)
{
    const Index &index = *l->index;
    if (!l->source.build) {
        if (!reserve_pages(l->source.reserve, pages_to_load(*l, number), &l->why))
            return false;
        lock_group(l->source.rel, number);
    }
    l->group = (Group *)palloc(group_bytes(index));
    read_group(l->source.rel, index, number, l->group);
    l->group_number = number;
    run_begin(&l->run, &index, l->source, number, l->group->entries,
              sublists_begin(&l->sublists, &index, l->source));
    fine_begin(&l->fine, &index, l->source, number);
    return true;
}

void loader_begin(GroupLoader *l, const Index *index, const PageSource &source, const uint32_t *rows_of_list)
{
    *l = {};
    l->index = index;
    l->source = source;
    l->rows_of_list = rows_of_list;
    l->group_number = -1;
    l->memory = AllocSetContextCreate(CurrentMemoryContext, "vector_quant load", ALLOCSET_DEFAULT_SIZES);
}

bool loader_add(GroupLoader *l, const EncodedRow &row)
{
    const Index &index = *l->index;
    const uint32_t group = row.list / index.meta.group_lists;
    MemoryContext old = CurrentMemoryContext;
    if (l->group_number != (int64)group) {
        close_group(l);
        MemoryContextSwitchTo(l->memory);
        const bool room = open_group(l, group);
        MemoryContextSwitchTo(old);
        if (!room) {
            l->why = MemoryContextStrdup(old, l->why);
            return false;
        }
    }
    MemoryContextSwitchTo(l->memory);
    StoredRow stored = {row.tid, row.factors, kNoFine, row.code, row.keys};
    if (index.has_fine())
        stored.fine = fine_add(&l->fine, row.record);
    run_add(&l->run, row.list, stored);
    MemoryContextSwitchTo(old);
    return true;
}

void loader_end(GroupLoader *l)
{
    MemoryContext old = MemoryContextSwitchTo(l->memory);
    close_group(l);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(l->memory);
}

} // namespace vq::ivf
