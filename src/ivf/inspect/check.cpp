// vector_quant_index_check: reads every page of an index and holds it against what format.h promises; then,
// on request, against the table.
//
// Concurrency: the table is locked so that VACUUM stays away (it would let row ids be used again) but rows
// may come. Each group is looked at under its own lock, which keeps rows where they are; inserters only add
// open rows and Fine pages in front, so open rows are read before the record that names the Fine pages. On a
// standby nothing holds replay back: run it while the index is not written to.
#include "ivf/inspect/check.h"
#include "ivf/inspect/inspect.h"
#include "ivf/row/filter_keys.h"
#include "ivf/row/table_rows.h"
#include "ivf/store/page.h"

extern "C" {
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"
}

namespace vq::ivf {

namespace {

// --- rows
// ---------------------------------------------------------------------------------------------------------------------

Tuplesortstate *sort_marks()
{
    return tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false, maintenance_work_mem / 2,
                                 nullptr, 0);
}

bool next_mark(Tuplesortstate *sort, int64 *mark)
{
    Datum value;
    bool isnull;
    CHECK_FOR_INTERRUPTS();
    if (!compat_tuplesort_getdatum(sort, &value, &isnull))
        return false;
    *mark = DatumGetInt64(value);
    return true;
}

struct TableMarks
{
    const Index *index;
    Tuplesortstate *marks;
    KeyMaker keys;
};

void note_table_row(void *arg, const TableRow &row)
{
    TableMarks *table = (TableMarks *)arg;
    const FilterKeys keys = make_keys(&table->keys, row.values, row.nulls);
    tuplesort_putdatum(table->marks, Int64GetDatum(row_mark(*table->index, row.tid, keys)), false);
}

// Marks (of HOT chains: of their roots) of all rows that `snapshot` sees and the index should hold, sorted.
Tuplesortstate *table_marks(const Check *c, Snapshot snapshot)
{
    TableMarks table = {c->index, sort_marks(), {}};
    key_maker_open(&table.keys, c->rel);
    visit_table_rows(c->heap, c->rel, *c->index, snapshot, note_table_row, &table);
    tuplesort_performsort(table.marks);
    return table.marks;
}

[[noreturn]] void report_row(const Check &c, int64 row, const char *what)
{
    ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                    errmsg("row (%u,%u) of table \"%s\" %s index \"%s\"", (BlockNumber)(row >> 16),
                           (OffsetNumber)(row & 0xFFFF), RelationGetRelationName(c.heap), what,
                           RelationGetRelationName(c.rel)),
                    errhint("Please REINDEX it.")));
    pg_unreachable();
}

// Each row once; with `table`, all of its rows among them, with their keys.
void compare_rows(Check *c, Tuplesortstate *table)
{
    tuplesort_performsort(c->rows);
    int64 mark = -1, before, wanted = 0;
    bool in_index = true, in_table = table && next_mark(table, &wanted);
    do {
        before = mark;
        in_index = next_mark(c->rows, &mark);
        const int64 row = row_of_mark(mark);
        if (in_index && before >= 0 && row == row_of_mark(before))
            ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                            errmsg("index \"%s\" holds row (%u,%u) twice", RelationGetRelationName(c->rel),
                                   (BlockNumber)(row >> 16), (OffsetNumber)(row & 0xFFFF)),
                            errhint("Please REINDEX it.")));
        while (in_table && (!in_index || row_of_mark(wanted) <= row)) {
            if (!in_index || row_of_mark(wanted) < row)
                report_row(*c, row_of_mark(wanted), "is missing in");
            if (wanted != mark)
                report_row(*c, row, "has other values than in");
            in_table = next_mark(table, &wanted);
        }
    } while (in_index);
}

// --- lost pages
// ---------------------------------------------------------------------------------------------------------------------

// They are no damage, so no error.
void report_lost(const Check &c)
{
    if (c.lost == 0)
        return;
    ereport(
        NOTICE,
        (errmsg_plural("%llu page of index \"%s\" is neither in use nor free",
                       "%llu pages of index \"%s\" are neither in use nor free", (unsigned long)c.lost,
                       (unsigned long long)c.lost, RelationGetRelationName(c.rel)),
         errdetail("A crash or an error in a statement that wrote to the index leaves such pages behind."),
         errhint("VACUUM of the table frees them.")));
}

// --- all of it
// ----------------------------------------------------------------------------------------------------------------

void check_index(Relation heap, Relation rel, bool heapallindexed)
{
    Check c = {
        heap, rel, open_index(rel, CurrentMemoryContext), {rel, {}, GetActiveSnapshot()->xmin}, sort_marks(),
        0,    0};
    // Taken first: what it sees, the index must have by the time its pages are read.
    Snapshot snapshot = heapallindexed ? inspect_snapshot(rel) : nullptr;
    blocks_begin(&c.seen.blocks, RelationGetNumberOfBlocks(rel));
    check_fixed_parts(&c);
    MemoryContext group =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant check group", ALLOCSET_DEFAULT_SIZES);
    for (uint32_t g = 0; g < c.index->groups; g++) {
        MemoryContext old = MemoryContextSwitchTo(group);
        check_group(&c, g);
        MemoryContextSwitchTo(old);
        MemoryContextReset(group);
    }
    check_other_pages(&c);
    report_lost(c);
    Tuplesortstate *table = heapallindexed ? table_marks(&c, snapshot) : nullptr;
    compare_rows(&c, table);
    tuplesort_end(c.rows);
    if (table)
        tuplesort_end(table);
    if (snapshot)
        UnregisterSnapshot(snapshot);
}

} // namespace

int64 row_mark(const Index &index, const ItemPointerData &tid, const FilterKeys &keys)
{
    const uint64_t row =
        (uint64_t)ItemPointerGetBlockNumberNoCheck(&tid) << 16 | ItemPointerGetOffsetNumberNoCheck(&tid);
    uint64_t hash = 0;
    for (uint32_t c = 0; c < index.meta.filter_columns; c++)
        hash = (hash ^ keys.key[c]) * 0x9E3779B97F4A7C15ull;
    return (int64)(row << kHashBits | hash >> (64 - kHashBits));
}

} // namespace vq::ivf

VQ_FUNCTION(vq_index_check)
{
    using namespace vq::ivf;
    const bool heapallindexed = PG_GETARG_BOOL(1);
    // Keeps VACUUM away and lets rows come; a standby cannot lock that hard.
    const LOCKMODE lock = RecoveryInProgress() ? AccessShareLock : ShareUpdateExclusiveLock;
    const Inspected target = inspect_open(PG_GETARG_OID(0), lock);
    check_index(target.heap, target.rel, heapallindexed);
    inspect_close(target);
    PG_RETURN_VOID();
}
