#include "ivf/inspect/trial.h"

#include "ivf/row/heap_reader.h"
#include "ivf/row/opclass.h"
#include "ivf/scan/scan_stats.h"
#include "ivf/row/table_rows.h"
#include "ivf/row/vector_datum.h"

extern "C" {
#include "access/genam.h"
#include "access/skey.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace vq::ivf {

namespace {

constexpr uint64_t kQuerySeed = 4711; // another one than the build's sample has

void check_range(const char *name, int value, int most)
{
    if (value < 1 || value > most)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("%s must be between 1 and %d, not %d", name, most, value),
                        errhint("10 rows and 100 queries are usual.")));
}

void check_memory(const Index &index, int rows, int queries)
{
    const double bytes =
        (double)queries * ((double)rows * sizeof(double) + index.meta.options.dims * 2 * sizeof(float));
    if (bytes > maintenance_work_mem * 1024.0)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("%d queries of %d rows need %.0f MB of memory", queries, rows, bytes / (1 << 20)),
                 errhint("Ask for fewer, or raise maintenance_work_mem.")));
}

ScanKeyData order_by(const Trials &t, uint32_t query)
{
    ScanKeyData key = t.order_by;
    key.sk_argument = t.queries[query];
    return key;
}

ExactQuery trial_query(const Trials &t, uint32_t query)
{
    const Index &index = *t.index;
    return exact_query((Metric)index.meta.metric, index.element(), index.meta.options.dims,
                       order_by(t, query));
}

// --- the exact answer

struct Exact
{
    Relation index;
    uint32_t count;
    uint32_t rows;
    uint64_t seen;
    ExactQuery *queries;
    double *scores; // count x rows: a heap each, the farthest on top
};

void offer_row(void *arg, const ItemPointerData &, Datum value, const float *)
{
    Exact *e = (Exact *)arg;
    const uint64_t held = Min(e->seen, (uint64_t)e->rows);
    for (uint32_t i = 0; i < e->count; i++) {
        double *heap = e->scores + (size_t)i * e->rows;
        const double score = score_of_distance(e->queries[i], exact_distance(e->queries[i], value, e->index));
        if (held < e->rows)
            heap[held] = score;
        else if (score < heap[0]) {
            std::pop_heap(heap, heap + held);
            heap[held - 1] = score;
        } else
            continue;
        std::push_heap(heap, heap + Min(held + 1, (uint64_t)e->rows));
    }
    e->seen++;
}

void find_limits(Trials *t)
{
    Exact e = {t->target.rel, t->count, t->rows, 0, nullptr, nullptr};
    e.queries = (ExactQuery *)palloc(t->count * sizeof(ExactQuery));
    e.scores = (double *)palloc_extended((Size)t->count * t->rows * sizeof(double), MCXT_ALLOC_HUGE);
    for (uint32_t i = 0; i < t->count; i++)
        e.queries[i] = trial_query(*t, i);
    visit_table_rows(t->target.heap, t->target.rel, *t->index, t->snapshot, offer_row, &e);
    t->rows = (uint32_t)Min(e.seen, (uint64_t)t->rows);
    t->limit = (double *)palloc(t->count * sizeof(double));
    for (uint32_t i = 0; i < t->count; i++)
        t->limit[i] = e.scores[(size_t)i * e.rows];
    pfree(e.scores);
    pfree(e.queries);
    if (t->rows == 0) // those drawn are gone
        t->count = 0;
}

// --- the index's answer

// How many of the rows that the index gives for query i are among the nearest.
uint32_t count_hits(const Trials &t, IndexScanDesc scan, HeapReader *reader, uint32_t i)
{
    ScanKeyData key = order_by(t, i);
    index_rescan(scan, nullptr, 0, &key, 1);
    const ExactQuery query = trial_query(t, i);
    uint32_t hits = 0;
    for (uint32_t found = 0; found < t.rows;) {
        const ItemPointer tid = index_getnext_tid(scan, ForwardScanDirection);
        double distance;
        if (tid == nullptr)
            break;
        if (!heap_distance(reader, query, *tid, &distance))
            continue; // dead, or not for this snapshot
        found++;
        hits += score_of_distance(query, distance) <= t.limit[i];
    }
    return hits;
}

double milliseconds_since(instr_time start)
{
    instr_time now;
    INSTR_TIME_SET_CURRENT(now);
    INSTR_TIME_SUBTRACT(now, start);
    return INSTR_TIME_GET_MILLISEC(now);
}

} // namespace

void prepare_trials(Trials *t, const Inspected &target, int rows, int queries)
{
    check_range("k", rows, kMostTrialRows);
    check_range("queries", queries, kMostTrialQueries);
    *t = {};
    t->target = target;
    t->index = open_index(target.rel, CurrentMemoryContext);
    t->order_by = order_by_key(target.rel);
    t->rows = (uint32_t)rows;
    check_memory(*t->index, rows, queries);
    t->snapshot = inspect_snapshot(target.rel);
    t->queries = (Datum *)palloc0((Size)queries * sizeof(Datum));
    t->count = (uint32_t)draw_table_rows(target.heap, target.rel, *t->index, kQuerySeed, (size_t)queries,
                                         t->queries);
    if (t->count > 0)
        find_limits(t);
}

void close_trials(Trials *t)
{
    UnregisterSnapshot(t->snapshot);
}

Measured measure(const Trials &t)
{
    const ScanStats before = last_scan;
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant trial", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    IndexScanDesc scan = compat_index_beginscan(t.target.heap, t.target.rel, t.snapshot, 0, 1);
    HeapReader reader;
    heap_reader_open(&reader, t.target.heap, t.target.rel, t.snapshot, t.index->element(),
                     t.index->meta.options.dims);
    ScanStats sum = {};
    double hits = 0, hits_sq = 0;
    instr_time start;
    INSTR_TIME_SET_CURRENT(start);
    for (uint32_t i = 0; i < t.count; i++) {
        const double found = count_hits(t, scan, &reader, i);
        hits += found;
        hits_sq += found * found;
        add_stats(&sum, last_scan);
    }
    const double n = t.count, rows = t.rows;
    const Measured m = {mean_interval(hits / rows, hits_sq / (rows * rows), t.count, t.rows),
                        (double)sum.lists / n, (double)sum.codes / n, (double)sum.reranked / n,
                        milliseconds_since(start) / n};
    heap_reader_close(&reader);
    index_endscan(scan);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    last_scan = before;
    return m;
}

} // namespace vq::ivf
