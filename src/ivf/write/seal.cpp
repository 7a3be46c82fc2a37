#include "ivf/write/maintain.h"

#include "ivf/store/run_writer.h"
#include "ivf/write/maintenance.h"

namespace vq::ivf {

// The taken rows from `first` on that are of one list: those up to `whole` fill tiles, the rest up to `end` stay open.
struct RowsOfList
{
    uint32_t list; // within the group
    uint32_t first, whole, end;
};

static RowsOfList rows_of_list(const TakenRows &taken, uint32_t first)
{
    RowsOfList rows = {taken.rows[first].list, first, first, first};
    while (rows.end < taken.row_count && taken.rows[rows.end].list == rows.list)
        rows.end++;
    rows.whole += (rows.end - first) / simd::kTileRows * simd::kTileRows;
    return rows;
}

static uint32_t pages_to_seal(const Maintenance &m)
{
    uint64_t bytes = 0;
    uint32_t open = 0;
    for (uint32_t i = 0; i < m.taken.row_count;) {
        const RowsOfList rows = rows_of_list(m.taken, i);
        bytes += run_bytes(*m.index, rows.whole - rows.first);
        open += rows.end - rows.whole;
        i = rows.end;
    }
    return pages_of(bytes) + open_pages_of(*m.index, open);
}

// before, after: sealed rows of the group's first list. Nothing happens where there is no room.
static void seal(Maintenance *m, uint32_t *before, uint32_t *after)
{
    const Index &index = *m->index;
    Group *group = (Group *)palloc(group_bytes(index));
    read_group(m->rel, index, m->group, group);
    *before = *after = group->entries[0].rows;
    m->taken = take_open_rows(*m, group->record);
    const char *why;
    if (!reserve_pages(m->source.reserve, pages_to_seal(*m), &why)) {
        leave_open_rows(*m);
        ereport(DEBUG1, (errmsg_internal("index \"%s\": sealing is put off: %s",
                                         RelationGetRelationName(m->rel), why)));
        return;
    }
    const uint32_t first_list = m->group * index.meta.group_lists;
    RunWriter run;
    OpenWriter open;
    run_begin(&run, m->index, m->source, m->group, group->entries, nullptr);
    open_begin(&open, m->index, m->source, m->group);
    for (uint32_t i = 0; i < m->taken.row_count;) {
        const RowsOfList rows = rows_of_list(m->taken, i);
        for (; i < rows.whole; i++)
            run_add(&run, first_list + rows.list, stored_row(*m->index, *m->taken.rows[i].row));
        for (; i < rows.end; i++)
            open_add(&open, first_list + rows.list, stored_row(*m->index, *m->taken.rows[i].row));
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

static void report_untrained(Relation rel, int level)
{
    ereport(level,
            (errmsg("index \"%s\" was built on an empty table and keeps all rows in one list",
                    RelationGetRelationName(rel)),
             errdetail("It holds more than %u rows, and every query looks at all of them.", kUntrainedRows),
             looks_after_itself(rel) ? errhint("VACUUM trains it on its rows, and so does autovacuum.")
                                     : errhint("Call vector_quant_maintain to train it on its rows.")));
}

// Says so when an index that was built without rows has grown past the point where training pays; in the server's log, too, since nobody
// sees what an apply worker of logical replication or a connection of another server is told.
static void notice_untrained(Relation rel, const Index &index, uint32_t before, uint32_t after)
{
    if (index.meta.trained || before >= kUntrainedRows || after < kUntrainedRows)
        return;
    report_untrained(rel, NOTICE);
    report_untrained(rel, LOG_SERVER_ONLY);
}

void seal_group(Relation rel, Relation heap, const Index &index, uint32_t group, PageReserve *reserve)
{
    Maintenance m = maintenance(rel, heap, index, group, reserve);
    uint32_t before, after;
    seal(&m, &before, &after);
    notice_untrained(rel, index, before, after);
}

} // namespace vq::ivf
