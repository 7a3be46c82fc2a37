// The ordered scan. It keeps candidates by lower bound and results by exact score: the nearest result goes out as soon as no
// candidate, seen or left out of memory, can beat it. Nothing here knows LIMIT.
#include "ivf/scan/scan.h"

#include "ivf/scan/collect.h"
#include "ivf/scan/ordered_scan.h"

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

// --- passes

// The candidates of a batch that just began.
void first_pass(Relation rel, Scan *scan)
{
    results_release_late(&scan->results);
    collect(rel, scan->query, scan->batch, kFirstPass, nullptr, &scan->candidates, &scan->stats);
}

// The candidates that the last pass had no room for.
void next_pass(Relation rel, Scan *scan)
{
    const Candidate after = scan->candidates.last;
    const size_t bound = (size_t)work_mem * 1024 / 2 / candidates_bytes(1);
    const size_t keep = Min((size_t)scan->candidates.keep * kGrowth, Max(bound, (size_t)kFirstPass));
    collect(rel, scan->query, scan->batch, (uint32_t)keep, &after, &scan->candidates, &scan->stats);
}

// --- giving out

// Whether some row of the batch may be nearer than `score`.
bool may_be_beaten(const Candidates &candidates, double score)
{
    if (!candidates_empty(&candidates) && candidates_top(&candidates).lower < score)
        return true;
    return candidates.truncated && candidates.last.lower < score;
}

// Whether the user's or memory's limit on looking is reached.
bool looked_enough(const Scan &scan)
{
    const ScanSettings &settings = scan.query.settings;
    const double rows = (double)Max(scan.results.given_out + 1, (uint64_t)10);
    const uint64_t looked_at = scan.reranker.looked_at;
    return (settings.refine_k > 0 && (double)looked_at >= settings.refine_k * rows) ||
           (settings.reorder_k > 0 && looked_at >= (uint64_t)settings.reorder_k) ||
           scan.results.waiting.count * sizeof(Result) > (size_t)work_mem * 1024;
}

// Whether the nearest result may go out.
bool result_ready(const Scan &scan)
{
    if (results_empty(scan.results))
        return false;
    return scan.query.exact.unordered ||
           !may_be_beaten(scan.candidates, results_nearest(scan.results).score) || looked_enough(scan);
}

// One step towards the next result: a look at a candidate, a pass, or a batch. False when there is nothing left to do.
bool advance(Relation rel, Scan *scan)
{
    if (!candidates_empty(&scan->candidates))
        look_at(rel, &scan->reranker, scan->query, scan->batch, candidates_pop(&scan->candidates),
                &scan->candidates, &scan->results, &scan->stats);
    else if (scan->candidates.truncated)
        next_pass(rel, scan);
    else if (next_batch(rel, scan->query, &scan->probing, &scan->batch, &scan->stats))
        first_pass(rel, scan);
    else
        return results_release_late(&scan->results);
    return true;
}

// False, and the scan is done, when there is no row left.
bool next_row(Relation rel, Scan *scan, ItemPointer tid)
{
    while (!result_ready(*scan)) {
        CHECK_FOR_INTERRUPTS();
        if (!advance(rel, scan)) {
            scan->state = ScanState::Done;
            return false;
        }
    }
    *tid = results_give_out(&scan->results).tid;
    scan->stats.returned++;
    return true;
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
    begin_probing(&scan->probing, &scan->batch, rel, scan->query);
    scan->results.strict = scan->query.settings.iterative == IterativeScan::StrictOrder;
    reranker_open(&scan->reranker, *scan->query.index, desc->heapRelation, rel, desc->xs_snapshot);
    scan->state = ScanState::Running;
}

// Back to New.
void reset(Scan *scan)
{
    if (scan->state != ScanState::New)
        reranker_close(&scan->reranker);
    const ScanTotals totals = scan_totals(*scan);
    MemoryContext memory = scan->memory;
    MemoryContextReset(memory);
    *scan = {};
    scan->totals = totals;
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
    reset((Scan *)desc->opaque);
    if (keys && nkeys > 0)
        memmove(desc->keyData, keys, (size_t)nkeys * sizeof(ScanKeyData));
    if (orderbys && norderbys > 0)
        memmove(desc->orderByData, orderbys, (size_t)norderbys * sizeof(ScanKeyData));
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
    bool found = next_row(desc->indexRelation, scan, &desc->xs_heaptid);
    pg::toast_rest(&scan->reranker.heap.toast);
    MemoryContextSwitchTo(old);
    last_scan = scan->stats;
    desc->xs_recheck = false;
    desc->xs_recheckorderby = false;
    return found;
}

void end_scan(IndexScanDesc desc)
{
    Scan *scan = (Scan *)desc->opaque;
    reset(scan);
    MemoryContextDelete(scan->memory);
    pfree(scan);
    desc->opaque = nullptr;
}

} // namespace vq::ivf
