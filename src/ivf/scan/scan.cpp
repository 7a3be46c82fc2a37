// The ordered scan. It keeps candidates by lower bound and results by exact score: the nearest result goes out as soon as no
// candidate, seen or left out of memory, can beat it; those of a LIMIT as soon as none can beat the last of them.
#include "ivf/scan/scan.h"

#include "ivf/scan/collect.h"
#include "ivf/scan/executor_limit.h"
#include "ivf/scan/ordered_scan.h"
#include "ivf/scan/executor_filter.h"
#include "ivf/scan/executor_keys.h"
#include "ivf/scan/sweep.h"
#include "ivf/scan/usual_looks.h"

extern "C" {
#include "access/relscan.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

ScanStats last_scan;

namespace {

static_assert(std::is_trivially_destructible_v<Scan>);

// --- candidates

// Memory: half of work_mem for candidates, an eighth for rows between their looks, the rest for results.
size_t scan_memory()
{
    return (size_t)work_mem * 1024;
}

// How many candidates memory holds.
uint32_t most_candidates()
{
    const size_t room = scan_memory() / 2 / candidates_bytes(1);
    return (uint32_t)Min(Max(room, (size_t)kFirstPass), (size_t)PG_INT32_MAX);
}

// The share is taken to be a little more than it was, so that a filter which nothing passed yet makes the search go deeper step by step.
ScanProgress progress_of(const Scan &scan)
{
    const double passing = (double)scan.stats.passing, met = passing + (double)scan.stats.filtered;
    return {scan.results.given_out, met > passing ? (passing + 0.5) / (met + 0.5) : 1};
}

// Under a filter, rows that pass are few where they lie deep, and so are looks at them.
double extra_epsilon(const Scan &scan)
{
    const uint64_t rows = Max(scan.results.given_out, (uint64_t)scan.results.first.wanted);
    const bool deep = rows >= kDeepSearch || depth_of(progress_of(scan)) >= kDeepFilter;
    return deep ? Max(kDeepEpsilon - (double)scan.query.epsilon, 0.0) : 0;
}

// Lower bounds of the scores of rows in visited lists that were not looked at exactly; infinity where there are none.
struct Bounds
{
    double candidates;
    double refined;
    double aside; // twins
};

// A bound that says nothing is kept as the least float. Distances may be less.
double below_all(double bound)
{
    return bound > (double)kNoBound ? bound : -std::numeric_limits<double>::infinity();
}

Bounds unseen_bounds(Scan *scan)
{
    constexpr double kNone = std::numeric_limits<double>::infinity();
    const double extra = extra_epsilon(*scan) * scan->candidates.mean_error();
    Bounds bounds = {below_all(candidates_bound(scan->candidates)) - extra, kNone, kNone};
    if (!queue_empty(scan->reranker.refined)) {
        const QueuedRow &row = queue_nearest(scan->reranker.refined);
        bounds.refined = below_all(row.distance) - (row.state == RowState::Twin ? 0 : extra);
    }
    if (const AsideTwins *aside = first_aside(&scan->reranker.twins))
        bounds.aside = aside->score;
    return bounds;
}

// Of all of them. No row is nearer than one that equals the query.
double unseen_bound(Scan *scan)
{
    const Bounds b = unseen_bounds(scan);
    return Max(Min(Min(b.candidates, b.refined), b.aside), least_score(scan->query.exact.metric));
}

bool nothing_unseen(Scan *scan)
{
    return candidates_used_up(scan->candidates) && queue_empty(scan->reranker.refined) &&
           first_aside(&scan->reranker.twins) == nullptr;
}

// How many candidates of a batch its first pass keeps. Where nothing is known of other searches: of many rows more may have to be
// looked at than of few.
uint32_t first_pass(const Batch &batch, uint32_t usual)
{
    constexpr uint64_t kRowsForOne = 32, kTimesUsual = 2;
    uint64_t wanted = kTimesUsual * usual;
    for (uint32_t i = 0; usual == 0 && i < batch.list_count; i++)
        wanted += batch.lists[i].entry.rows / kRowsForOne;
    return (uint32_t)Min(Max(wanted, (uint64_t)kFirstPass), (uint64_t)most_candidates());
}

// The candidates that the last passes had no room for.
void next_pass(Relation rel, Scan *scan)
{
    const uint32_t most = most_candidates();
    candidates_reopen(&scan->candidates,
                      (uint32_t)Min((uint64_t)scan->candidates.keep * kGrowth, (uint64_t)most));
    for (int i = 0; i < scan->probing.batch_count; i++)
        collect(rel, scan->query, *scan->probing.batches[i], scan->reranker.twins, &scan->candidates,
                &scan->stats);
    candidates_finish(&scan->candidates);
}

// False if there are no further lists.
bool visit_more(Relation rel, Scan *scan, bool run_out)
{
    if (scan->swept)
        return false;
    Batch *batch = next_batch(rel, scan->query, &scan->probing, progress_of(*scan), run_out, &scan->stats);
    if (batch == nullptr)
        return false;
    results_release_late(&scan->results);
    candidates_open(&scan->candidates, first_pass(*batch, usual_looks(RelationGetRelid(rel))),
                    most_candidates());
    collect(rel, scan->query, *batch, scan->reranker.twins, &scan->candidates, &scan->stats);
    candidates_finish(&scan->candidates);
    return true;
}

// Looks at the first candidate. There must be one.
void look_at_candidate(Relation rel, Scan *scan)
{
    Reranker *reranker = &scan->reranker;
    rows_ahead_tell(&scan->ahead, scan->candidates);
    const Candidate c = candidates_pop(&scan->candidates);
    Batch *batch = scan->probing.batches[c.batch];
    batch->taken = c;
    batch->has_taken = true;
    look_at(rel, reranker, scan->query, batch->lists[c.slot], c, &scan->results, &scan->stats);
    if (twins_are_alike(reranker->twins, twin_key(c)) &&
        twins_set_aside(&reranker->twins, c, score_of_twins(*reranker, scan->query)))
        candidates_drop_twins(&scan->candidates, twin_key(c));
}

// One step for the row with the smallest bound. There must be one.
void look_further(Relation rel, Scan *scan)
{
    const Bounds bounds = unseen_bounds(scan);
    RowQueue *refined = &scan->reranker.refined;
    AsideTwins *aside = first_aside(&scan->reranker.twins);
    if (aside && bounds.aside <= Min(bounds.refined, bounds.candidates)) {
        aside->due = true;
        collect_twins(rel, scan->query, *scan->probing.batches[aside->taken.batch], *aside, refined,
                      &scan->stats);
    } else if (!queue_empty(*refined) && bounds.refined <= bounds.candidates)
        look_at_refined(&scan->reranker, scan->query, &scan->results, &scan->stats);
    else if (candidates_empty(scan->candidates))
        next_pass(rel, scan);
    else
        look_at_candidate(rel, scan);
}

// --- giving out

// Whether the user's limit on looking is reached.
bool looked_enough(const Scan &scan)
{
    const ScanSettings &settings = scan.query.settings;
    const double rows = (double)Max(scan.results.given_out + 1, (uint64_t)10);
    const uint64_t looked_at = scan.reranker.looked_at;
    return (settings.refine_k > 0 && (double)looked_at >= settings.refine_k * rows) ||
           (settings.reorder_k > 0 && looked_at >= (uint64_t)settings.reorder_k);
}

double nearest_score(const Scan &scan)
{
    return score_of_distance(scan.query.exact, results_nearest(scan.results).distance);
}

// Whether rows are wanted up to the limit only. Rows of NaN are behind all numbers: where one was met that passes, the scan goes to
// the end.
bool stops_at_limit(const Scan &scan)
{
    return is_limited(scan.query.limit) && !(scan.query.limit.nan_passes && scan.results.met_nan);
}

// Whether no row that was looked at is within the limit. There must be a limit to stop at.
bool results_beyond_limit(const Scan &scan)
{
    return results_empty(scan.results) || !(results_nearest(scan.results).distance <= scan.query.limit.most);
}

// Whether all rows left of the lists visited are beyond the limit, as far as the settings let the scan look.
bool beyond_limit(Scan *scan)
{
    if (!stops_at_limit(*scan) || !results_beyond_limit(*scan))
        return false;
    return unseen_bound(scan) > scan->query.limit_score ||
           (!results_empty(scan->results) && looked_enough(*scan));
}

// Fewer rows than ten are within the limit: they are found as surely as the ten nearest. False if lists enough were visited. Where a
// setting says how many, the depth is that of ten before the first of them.
bool look_as_for_ten(Relation rel, Scan *scan)
{
    const Probing &probing = scan->probing;
    return (probing.visited == 0 || probing.depth < kUsualDepth) && visit_more(rel, scan, false);
}

// Whether further lists have to be visited before the next row goes out: the consumer has come as deep as those visited are
// enough for, or the row is at no finite distance, so that any other one is nearer.
bool wants_more_lists(const Scan &scan)
{
    if (scan.swept || scan.query.exact.unordered || !more_to_visit(scan.probing, scan.query))
        return false;
    if (wants_deeper(scan.probing, progress_of(scan)))
        return true;
    const bool at_limit = stops_at_limit(scan) && results_beyond_limit(scan);
    return !at_limit && !results_empty(scan.results) && !std::isfinite(nearest_score(scan));
}

// So many rows of a LIMIT go out together at most, and so many are found before the first goes out at least: the nearest alone would be late
// as soon as its bound is above the distance of the second.
constexpr double kMostTogether = 1000, kLeastTogether = 2;

uint32_t rows_together(double limit)
{
    return limit > 0 ? (uint32_t)Min(Max(limit, kLeastTogether), kMostTogether) : 0;
}

// Whether the nearest result may go out: no other can beat it. Of a LIMIT none goes out before all of its rows are known to be nearer than what was
// not looked at. They all will be asked for, so that takes no look more, but for LIMIT 1; and a row whose bound is too high by a little, less than what lies
// between it and the last of them, is among them then, where it would come late behind those that went out before it.
bool nearest_is_sure(Scan *scan)
{
    const double bound = unseen_bound(scan);
    if (!results_together(scan->results))
        return !(bound < nearest_score(*scan));
    double farthest;
    if (stops_at_limit(*scan) && bound > scan->query.limit_score)
        return true;
    return results_enough(scan->results, &farthest) &&
           !(bound < score_of_distance(scan->query.exact, farthest));
}

bool is_visible(Scan *scan, const QueuedRow &row)
{
    return row.state == RowState::Visible || heap_visible(&scan->reranker.heap, row.tid);
}

// Whether the snapshot sees all results that are to go out together. Those that it does not see are dropped: as many others are to take their
// place before the first goes out. Where rows were looked at for their distance, that is known already.
bool nearest_are_visible(Scan *scan)
{
    Results *results = &scan->results;
    if (!results_together(*results) || !scan->query.index->has_refine())
        return true;
    QueuedRow *rows = (QueuedRow *)palloc(results->first.wanted * sizeof(QueuedRow));
    uint32_t kept = 0;
    bool all = true;
    while (kept < results->first.wanted && !results_empty(*results)) {
        QueuedRow row = results_pop(results);
        if (!is_visible(scan, row)) {
            all = false;
            continue;
        }
        row.state = RowState::Visible;
        rows[kept++] = row;
    }
    results_put_back(results, rows, kept);
    pfree(rows);
    return all;
}

// One step towards the next row, unless it is ready: true. A step is further lists, a pass, or a look at a row. *done: there
// is nothing left to do.
bool next_is_ready(Relation rel, Scan *scan, bool *done)
{
    if (wants_more_lists(*scan)) {
        visit_more(rel, scan, false);
        return false;
    }
    if (beyond_limit(scan)) {
        *done = !look_as_for_ten(rel, scan) && !results_release_late(&scan->results);
        return false;
    }
    const bool all_seen = nothing_unseen(scan);
    if (!results_empty(scan->results) &&
        (all_seen || scan->query.exact.unordered || nearest_is_sure(scan) || looked_enough(*scan)))
        return nearest_are_visible(scan);
    if (all_seen)
        *done = !visit_more(rel, scan, true) && !results_release_late(&scan->results);
    else
        look_further(rel, scan);
    return false;
}

// False, and the scan is done, when there is no row left.
bool next_row(IndexScanDesc desc, Scan *scan, ItemPointer tid)
{
    Relation rel = desc->indexRelation;
    for (bool done = scan->query.filter.nothing; !done;) {
        CHECK_FOR_INTERRUPTS();
        if (sweep_due(desc, scan))
            sweep(desc, scan);
        if (!next_is_ready(rel, scan, &done))
            continue;
        const QueuedRow next = results_pop(&scan->results);
        // A row that the snapshot does not see is not given out, and must not say what is late.
        if (!is_visible(scan, next))
            continue;
        results_give_out(&scan->results, next);
        if (scan->swept)
            publish_distance(&scan->reranker.heap, scan->query.exact, next.tid, next.distance);
        scan->stats.returned++;
        *tid = next.tid;
        return true;
    }
    scan->state = ScanState::Done;
    return false;
}

// --- a search's beginning and end

void check_scan(IndexScanDesc desc)
{
    const char *name = access_method(desc->indexRelation)->name;
    if (desc->numberOfOrderBys != 1)
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot scan %s index without order", name)));
    if (!IsMVCCSnapshot(desc->xs_snapshot))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("non-MVCC snapshots are not supported with %s", name)));
}

void start(IndexScanDesc desc, Scan *scan)
{
    Relation rel = desc->indexRelation;
    check_scan(desc);
    pgstat_count_index_scan(rel);
    compat_count_search(desc);
    prepare_query(&scan->query, rel, desc->orderByData[0]);
    set_limit(&scan->query, scan_limit(desc, least_distance(scan->query.exact.metric)));
    scan->stats.limited = is_limited(scan->query.limit);
    scan->stats.limit = scan->query.limit.most;
    int key_count;
    const ScanKeyData *keys = scan_keys(desc, &key_count);
    scan->query.filter = filter_of_keys(rel, keys, key_count);
    const double expected = scan->rows_expected;
    const RowsTaken taken = expected > 0 ? RowsTaken{expected, expected} : rows_taken(desc);
    begin_probing(&scan->probing, rel, scan->query, taken.most);
    candidates_begin(&scan->candidates);
    const size_t bytes = scan_memory() / 8;
    reranker_open(&scan->reranker, *scan->query.index, desc->heapRelation, rel, desc->xs_snapshot,
                  &scan->spill, bytes);
    rows_ahead_begin(&scan->ahead, rel, scan->query.index->has_fine() ? nullptr : &scan->reranker.heap);
    results_begin(&scan->results, &scan->spill, scan->query.settings.iterative != IterativeScan::RelaxedOrder,
                  rows_together(taken.least), 3 * bytes);
    scan->state = scan->query.wants_nothing ? ScanState::Done : ScanState::Running;
}

// Back to New.
void reset(IndexScanDesc desc)
{
    Scan *scan = (Scan *)desc->opaque;
    if (scan->state != ScanState::New) {
        remember_looks(RelationGetRelid(desc->indexRelation), scan->reranker.looked_at);
        reranker_close(&scan->reranker);
    }
    spill_close(&scan->spill);
    const ScanTotals totals = scan_totals(*scan);
    MemoryContext memory = scan->memory;
    const double rows = scan->rows_expected;
    MemoryContextReset(memory);
    *scan = {};
    scan->totals = totals;
    scan->rows_expected = rows;
    scan->memory = memory;
}

} // namespace

ScanTotals scan_totals(const Scan &scan)
{
    ScanTotals totals = scan.totals;
    totals.searches += scan.state != ScanState::New;
    add_stats(&totals.sum, scan.stats);
    return totals;
}

IndexScanDesc begin_scan(Relation index, int nkeys, int norderbys)
{
    IndexScanDesc desc = RelationGetIndexScan(index, nkeys, norderbys);
    Scan *scan = (Scan *)palloc0(sizeof(Scan));
    scan->memory = AllocSetContextCreate(CurrentMemoryContext, "vector_quant scan", ALLOCSET_DEFAULT_SIZES);
    desc->opaque = scan;
    return desc;
}

void rescan(IndexScanDesc desc, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
    reset(desc);
    if (keys && nkeys > 0)
        memmove(desc->keyData, keys, (size_t)nkeys * sizeof(ScanKeyData));
    if (orderbys && norderbys > 0)
        memmove(desc->orderByData, orderbys, (size_t)norderbys * sizeof(ScanKeyData));
}

void expect_rows(IndexScanDesc desc, double rows)
{
    ((Scan *)desc->opaque)->rows_expected = rows;
}

bool get_tuple(IndexScanDesc desc, ScanDirection direction)
{
    Scan *scan = (Scan *)desc->opaque;
    Assert(ScanDirectionIsForward(direction));
    (void)direction;
    if (scan->state == ScanState::Done)
        return false;
    MemoryContext old = MemoryContextSwitchTo(scan->memory);
    if (scan->state == ScanState::New)
        start(desc, scan);
    const bool found = scan->state == ScanState::Running && next_row(desc, scan, &desc->xs_heaptid);
    pg::toast_rest(&scan->reranker.heap.toast);
    MemoryContextSwitchTo(old);
    scan->stats.dropped = scan->results.dropped;
    last_scan = scan->stats;
    desc->xs_recheck = scan->query.filter.recheck;
    desc->xs_recheckorderby = false;
    return found;
}

void end_scan(IndexScanDesc desc)
{
    reset(desc);
    Scan *scan = (Scan *)desc->opaque;
    MemoryContextDelete(scan->memory);
    pfree(scan);
    desc->opaque = nullptr;
}

} // namespace vq::ivf
