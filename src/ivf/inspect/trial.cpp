#include "ivf/inspect/trial.h"

#include "ivf/inspect/distinct_queries.h"
#include "ivf/row/opclass.h"
#include "ivf/row/table_rows.h"
#include "ivf/row/vector_datum.h"

extern "C" {
#include "access/genam.h"
#include "access/skey.h"
#include "miscadmin.h"
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

// --- the exact answer

struct Exact
{
    const Trials *trials;
    ExactQuery *queries;
    uint32_t *held; // of each query's heap
    double *scores; // count x rows: a heap each, the farthest on top
    // Squared distance (of unit vectors under cosine) of the nearest row and of the one behind it: the query's own, and another.
    double (*nearest)[2];
};

double square_between(const ExactQuery &query, double distance, const float *x)
{
    switch (query.metric) {
    case Metric::L2:
        return distance * distance;
    case Metric::Cosine:
        return 2 * distance;
    case Metric::InnerProduct:
        break;
    }
    return simd::kernels().l2sq(query.vector, x, query.dims);
}

void note_nearest(double nearest[2], double square)
{
    if (square < nearest[0])
        nearest[1] = nearest[0], nearest[0] = square;
    else if (square < nearest[1])
        nearest[1] = square;
}

void push_score(double *heap, uint32_t *held, uint32_t room, double score)
{
    if (*held < room)
        heap[(*held)++] = score;
    else if (score < heap[0]) {
        std::pop_heap(heap, heap + room);
        heap[room - 1] = score;
    } else
        return;
    std::push_heap(heap, heap + *held);
}

void offer_row(void *arg, const TableRow &row)
{
    const Exact *e = (const Exact *)arg;
    const Trials &t = *e->trials;
    for (uint32_t i = 0; i < t.count; i++) {
        const double distance = exact_distance(e->queries[i], row.vector, t.target.rel),
                     score = score_of_distance(e->queries[i], distance);
        note_nearest(e->nearest[i], square_between(e->queries[i], distance, row.x));
        if (score != t.own[i])
            push_score(e->scores + (size_t)i * t.rows, &e->held[i], t.rows, score);
    }
}

// Sorts them.
uint32_t count_distinct(double *scores, uint32_t n)
{
    std::sort(scores, scores + n);
    return (uint32_t)(std::unique(scores, scores + n) - scores);
}

void own_scores(Trials *t, const ExactQuery *queries, const bool *no_row)
{
    for (uint32_t i = 0; i < t->count; i++)
        t->own[i] = no_row[i] ? std::numeric_limits<double>::quiet_NaN()
                              : score_of_distance(queries[i],
                                                  exact_distance(queries[i], t->queries[i], t->target.rel));
}

// The nearest rows of each query, but for its own. nearest: to be filled, as in Exact.
void find_limits(Trials *t, const bool *no_row, double (*nearest)[2])
{
    Exact e = {t, nullptr, nullptr, nullptr, nearest};
    e.queries = (ExactQuery *)palloc(t->count * sizeof(ExactQuery));
    e.held = (uint32_t *)palloc0(t->count * sizeof(uint32_t));
    e.scores = (double *)palloc_extended((Size)t->count * t->rows * sizeof(double), MCXT_ALLOC_HUGE);
    for (uint32_t i = 0; i < t->count; i++) {
        e.queries[i] = trial_query(*t, i);
        nearest[i][0] = nearest[i][1] = std::numeric_limits<double>::infinity();
    }
    own_scores(t, e.queries, no_row);
    visit_table_rows(t->target.heap, t->target.rel, *t->index, t->snapshot, offer_row, &e);
    uint64_t distinct = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        double *scores = e.scores + (size_t)i * t->rows;
        t->wanted[i] = e.held[i];
        t->limit[i] = scores[0];
        distinct += count_distinct(scores, e.held[i]);
    }
    t->distinct = (double)distinct / t->count;
    pfree(e.scores);
    pfree(e.held);
    pfree(e.queries);
}

// --- copies

// Marks the queries that have a copy and returns their share.
double mark_copied(const RowPlaces &places, const double (*nearest)[2], double nearer, bool *copied)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < places.count; i++)
        n += copied[i] = is_copy(nearest[i][1], places.distance[i], nearer);
    return (double)n / places.count;
}

void warn_of_copies(const Trials &t, double share)
{
    if (share < 0.5)
        return;
    ereport(
        WARNING,
        (errmsg("%.0f %% of the rows of index \"%s\" are copies of others", 100 * share,
                RelationGetRelationName(t.target.rel)),
         errdetail("A row finds its copies in its own list, whatever the settings. So queries are taken that "
                   "are no rows, and lie as far from their lists' centroids as rows do.")));
}

void find_neighbours(Trials *t)
{
    bool *no_row = (bool *)palloc0(t->count * sizeof(bool));
    double(*nearest)[2] = (double(*)[2])palloc(t->count * sizeof(double[2]));
    find_limits(t, no_row, nearest);
    const RowPlaces places = find_places(t->target.rel, t->index, t->queries, t->count);
    warn_of_copies(*t, mark_copied(places, nearest, kCopy, no_row));
    if (mark_copied(places, nearest, kNearCopy, no_row) < kFewCopied)
        return;
    move_off_rows(places, no_row, t->queries);
    find_limits(t, no_row, nearest);
}

// Queries without any row to find are none. With a NOTICE if no others are left.
void drop_idle_queries(Trials *t, bool queries_are_rows)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->wanted[i] == 0)
            continue;
        t->queries[n] = t->queries[i];
        t->own[n] = t->own[i];
        t->wanted[n] = t->wanted[i];
        t->limit[n++] = t->limit[i];
    }
    t->distinct *= n > 0 ? (double)t->count / n : 0;
    t->count = n;
    if (n == 0)
        ereport(NOTICE,
                (errmsg("index \"%s\" has no rows to be found", RelationGetRelationName(t->target.rel)),
                 queries_are_rows ? errdetail("A query is one of its rows, and looks for others that differ.")
                                  : 0));
}

} // namespace

ExactQuery trial_query(const Trials &t, uint32_t query)
{
    const Index &index = *t.index;
    return exact_query((Metric)index.meta.metric, index.element(), index.meta.options.dims,
                       trial_order(t, query));
}

ScanKeyData trial_order(const Trials &t, uint32_t query)
{
    ScanKeyData key = t.order_by;
    key.sk_argument = t.queries[query];
    return key;
}

static void open_trials(Trials *t, const Inspected &target, int rows, int queries)
{
    check_range("k", rows, kMostTrialRows);
    *t = {};
    t->target = target;
    t->index = open_index(target.rel, CurrentMemoryContext);
    t->order_by = order_by_key(target.rel);
    t->rows = (uint32_t)rows;
    check_memory(*t->index, rows, queries);
    t->snapshot = inspect_snapshot(target.rel);
    t->own = (double *)palloc(queries * sizeof(double));
    t->limit = (double *)palloc(queries * sizeof(double));
    t->wanted = (uint32_t *)palloc(queries * sizeof(uint32_t));
}

void prepare_trials(Trials *t, const Inspected &target, int rows, int queries)
{
    check_range("queries", queries, kMostTrialQueries);
    open_trials(t, target, rows, queries);
    t->queries = (Datum *)palloc0((Size)queries * sizeof(Datum));
    t->count = (uint32_t)draw_table_rows(target.heap, target.rel, *t->index, kQuerySeed, (size_t)queries,
                                         t->queries);
    if (t->count > 0)
        find_neighbours(t);
    drop_idle_queries(t, true);
}

void prepare_given_trials(Trials *t, const Inspected &target, int rows, const GivenQueries &queries)
{
    open_trials(t, target, rows, (int)queries.count);
    t->queries = queries.values;
    t->count = queries.count;
    bool *no_row = (bool *)palloc(t->count * sizeof(bool));
    std::fill_n(no_row, t->count, true);
    find_limits(t, no_row, (double(*)[2])palloc(t->count * sizeof(double[2])));
    drop_idle_queries(t, false);
}

void close_trials(Trials *t)
{
    UnregisterSnapshot(t->snapshot);
}

} // namespace vq::ivf
