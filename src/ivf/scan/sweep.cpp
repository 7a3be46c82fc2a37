#include "ivf/scan/sweep.h"

#include "ivf/row/table_walk.h"
#include "ivf/scan/executor_filter.h"
#include "ivf/scan/table_costs.h"

extern "C" {
#include "access/relscan.h"
#include "miscadmin.h"
}

namespace vq::ivf {

namespace {

constexpr double kSpentShare =
    1.0 / 3; // of a pass's cost; preparing and giving out take their part of the half that is allowed
constexpr double kLeastSpent = 100; // less is not worth a plan, however small the table

// At least so many, whether or not somebody has counted them since the table grew.
double table_rows(const Scan &scan)
{
    const HeapReader &heap = scan.reranker.heap;
    const FormData_pg_class &form = *heap.heap->rd_rel;
    const double grown = form.relpages > 0 ? (double)heap.blocks / form.relpages : 1;
    const double held = Max((double)scan.query.index->meta.build_rows, (double)scan.probing.rows);
    return Max(held, form.reltuples * grown);
}

// What asking the filter costs a row.
double asking_cost(const Scan &scan, const ExecutorFilter &filter)
{
    const double value =
        filter_reads(filter, scan.reranker.heap.column) ? vector_times(*scan.query.index).in_order : 0;
    const FilterCost cost = filter_cost(filter);
    return kOperatorTime * cost.operators + kSubplanTime * cost.subplans + value;
}

// passing: share of the rows that have to be compared.
void plan_sweep(Scan *scan, const ExecutorFilter &filter, double passing)
{
    const double asking = asking_cost(*scan, filter);
    const double row = asking + passing * (vector_times(*scan->query.index).in_order + kKeptTime);
    const double rows = table_rows(*scan), pass = pass_time(scan->reranker.heap.blocks, rows) + row * rows;
    scan->sweep_plan.after = Max(kSpentShare * pass, kLeastSpent);
    scan->sweep_plan.given_out = kGivenOutTime + asking;
}

// The share of the table's rows that have to be compared, by some drawn from all over it. Those given out lie near the query, where
// the share may be another one.
double passing_share(Scan *scan, const ExecutorFilter &filter)
{
    constexpr int kDrawn = 100;
    TableWalk walk;
    Random random(scan->results.given_out);
    int found = 0, passed = 0;
    walk_begin(&walk, &scan->reranker.heap);
    for (int i = 0; i < kDrawn; i++)
        if (walk_draw(&walk, &random)) {
            found++;
            passed += walk_predicate_holds(&walk) && filter_passes(filter, scan->reranker.heap.slot);
        }
    walk_end(&walk);
    return (double)passed / Max(found, 1);
}

// Whether the settings let the scan see every row, and it would still have to look at them one by one.
bool may_sweep(IndexScanDesc desc, const Scan &scan)
{
    const ScanSettings &settings = scan.query.settings;
    return settings.iterative != IterativeScan::Off && settings.refine_k == 0 && settings.reorder_k == 0 &&
           scan.probing.most == scan.query.index->meta.nlist && !has_filter(scan.query.filter) &&
           !scan.query.exact.unordered && can_walk(desc->heapRelation);
}

double spent(const Scan &scan)
{
    return vector_times(*scan.query.index).look * (double)scan.stats.reranked +
           kFineLookTime * (double)scan.stats.refined + kCodeTime * (double)scan.stats.codes +
           kListTime * (double)scan.stats.lists + scan.sweep_plan.given_out * (double)scan.results.given_out;
}

// Everything that is known of rows not given out: the sweep finds them again.
void forget_rest(Scan *scan)
{
    scan->swept = true;
    candidates_begin(&scan->candidates);
    scan->reranker.twins = {};
    queue_clear(&scan->reranker.refined);
    results_forget(&scan->results);
}

// A filter is taken to let nothing pass, until that would make it time: then it is asked. Not one that limits the distance: the rows
// given out, which it would be asked about, pass; nearly all of the table does not.
void begin_plan(IndexScanDesc desc, Scan *scan)
{
    if (!may_sweep(desc, *scan)) {
        scan->sweep_plan = {std::numeric_limits<double>::infinity(), 0, true};
        return;
    }
    ExecutorFilter filter = filter_open(desc);
    scan->sweep_plan.sampled = filter.state == nullptr || is_limited(scan->query.limit);
    plan_sweep(scan, filter, filter.state ? 0 : 1);
    filter_close(&filter);
}

void ask_filter(IndexScanDesc desc, Scan *scan)
{
    ExecutorFilter filter = filter_open(desc);
    plan_sweep(scan, filter, passing_share(scan, filter));
    scan->sweep_plan.sampled = true;
    filter_close(&filter);
}

} // namespace

bool sweep_due(IndexScanDesc desc, Scan *scan)
{
    if (scan->swept || spent(*scan) < kLeastSpent || !given_is_known(scan->results.given))
        return false;
    const SweepPlan &plan = scan->sweep_plan;
    if (plan.after == 0)
        begin_plan(desc, scan);
    if (spent(*scan) >= plan.after && !plan.sampled)
        ask_filter(desc, scan);
    return spent(*scan) >= plan.after;
}

// The row in the reader's slot: among those that are left, or not.
static void sort_out(Scan *scan, TableWalk *walk, const ExecutorFilter &filter)
{
    HeapReader *heap = walk->reader;
    const bool passes = filter_passes(filter, heap->slot);
    if (!passes && !filter_counts(filter))
        return; // nobody asks which row it was
    const ItemPointerData tid = walk_tid(walk);
    if (given_has(scan->results.given, tid))
        return;
    double distance;
    if (!passes)
        filter_removed(filter);
    else if (row_distance(heap, scan->query.exact, &distance) && is_within(scan->query.limit, distance))
        results_push_again(&scan->results, {distance, tid, 0, RowState::Visible});
}

void sweep(IndexScanDesc desc, Scan *scan)
{
    forget_rest(scan);
    given_sort(&scan->results.given);
    ExecutorFilter filter = filter_open(desc);
    TableWalk walk;
    walk_begin(&walk, &scan->reranker.heap);
    while (walk_next(&walk)) {
        CHECK_FOR_INTERRUPTS();
        scan->stats.swept++;
        sort_out(scan, &walk, filter);
    }
    walk_end(&walk);
    filter_close(&filter);
}

} // namespace vq::ivf
