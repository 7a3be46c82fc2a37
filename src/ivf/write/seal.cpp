#include "ivf/write/maintain.h"

#include "ivf/store/run_writer.h"
#include "ivf/write/maintenance.h"

namespace vq::ivf {

uint32_t seal_limit(const Index &index)
{
    const uint32_t rows = index.meta.group_lists * simd::kTileRows * 3 / 2;
    return Max(rows / index.open_rows_per_page, 4u);
}

// before, after: sealed rows of the group's first list.
static void seal(Maintenance *m, uint32_t *before, uint32_t *after)
{
    const Index &index = *m->index;
    Group *group = (Group *)palloc(group_bytes(index));
    read_group(m->rel, index, m->group, group);
    *before = group->entries[0].rows;
    m->taken = take_open_rows(*m, group->record);
    const uint32_t first_list = m->group * index.meta.group_lists;
    RunWriter run;
    OpenWriter open;
    run_begin(&run, m->index, m->source, m->group, group->entries, nullptr);
    open_begin(&open, m->index, m->source, m->group);
    for (uint32_t i = 0, end; i < m->taken.row_count; i = end) {
        const uint32_t list = m->taken.rows[i].list;
        for (end = i; end < m->taken.row_count && m->taken.rows[end].list == list;)
            end++;
        const uint32_t whole = i + (end - i) / simd::kTileRows * simd::kTileRows;
        for (uint32_t j = i; j < whole; j++)
            run_add(&run, first_list + list, stored_row(*m->taken.rows[j].row));
        for (uint32_t j = whole; j < end; j++)
            open_add(&open, first_list + list, stored_row(*m->taken.rows[j].row));
    }
    run_end(&run, group->record.tile_head);
    const bool any = run.chain.pages > 0;
    switch_group(*m,
                 {group->entries, any ? run.chain.first : group->record.tile_head,
                  group->record.tile_pages + run.chain.pages, group->record.sublist_head,
                  group->record.sublist_pages, &open, false, InvalidBlockNumber, InvalidBlockNumber, 0, 0});
    *after = group->entries[0].rows;
    free_taken(*m);
}

// Says so when an index that was built without rows has grown past the point where training pays.
static void notice_untrained(Relation rel, const Index &index, uint32_t before, uint32_t after)
{
    if (index.meta.trained || before >= kUntrainedRows || after < kUntrainedRows)
        return;
    ereport(NOTICE,
            (errmsg("index \"%s\" was built on an empty table and keeps all rows in one list",
                    RelationGetRelationName(rel)),
             errdetail("It holds more than %u rows, and every query looks at all of them.", kUntrainedRows),
             errhint("REINDEX it to train it on the rows it has now.")));
}

void try_seal(Relation rel, Relation heap, const Index &index, uint32_t group)
{
    if (!try_lock_group(rel, group))
        return;
    Maintenance m = maintenance(rel, heap, index, group);
    uint32_t before, after;
    seal(&m, &before, &after);
    unlock_group(rel, group);
    notice_untrained(rel, index, before, after);
}

} // namespace vq::ivf
