#include "ivf/scan/sweep.h"

#include "ivf/row/table_walk.h"
#include "ivf/row/vector_datum.h"
#include "ivf/scan/executor_filter.h"

extern "C" {
#include "access/relscan.h"
#include "access/heaptoast.h"
#include "miscadmin.h"
}

namespace vq::ivf {

namespace {

constexpr uint64_t kDeepRows = 200; // fewer are given out one by one, whatever the table

// What things cost in microseconds, with the table in memory; only their ratios matter. In the order of the table: a page, a row
// with its filter. Out of order: a row given out. Vectors may lie in the table's pages or out of line.
constexpr double kPage = 0.5, kRow = 0.1, kGivenOut = 0.5;
struct VectorCosts
{
    double in_order; // an exact distance
    double look;     // one out of order, with its row
};
constexpr VectorCosts kInline = {0.2, 3}, kOutOfLine = {4, 8};

const VectorCosts &vector_costs(const Index &index)
{
    const Size bytes = vector_datum_bytes(index.element(), index.meta.options.dims);
    return bytes > TOAST_TUPLE_THRESHOLD ? kOutOfLine : kInline;
}

double table_rows(const Scan &scan)
{
    const HeapReader &heap = scan.reranker.heap;
    return Max((double)heap.heap->rd_rel->reltuples, (double)scan.query.index->meta.build_rows);
}

double sweep_cost(IndexScanDesc desc, const Scan &scan)
{
    ExecutorFilter filter = filter_open(desc);
    const bool filtered = filter.node != nullptr;
    filter_close(&filter);
    const double distance = filtered ? 0 : vector_costs(*scan.query.index).in_order;
    return kPage * scan.reranker.heap.blocks + (kRow + distance) * table_rows(scan);
}

// Whether the settings let the scan see every row, and it would still have to look at them one by one.
bool may_sweep(IndexScanDesc desc, const Scan &scan)
{
    const ScanSettings &settings = scan.query.settings;
    return settings.iterative != IterativeScan::Off && settings.refine_k == 0 && settings.reorder_k == 0 &&
           scan.probing.most == scan.query.index->meta.nlist && !scan.query.exact.unordered &&
           can_walk(desc->heapRelation);
}

double spent(const Scan &scan)
{
    return vector_costs(*scan.query.index).look * (double)scan.stats.reranked +
           kGivenOut * (double)scan.results.given_out;
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

} // namespace

bool sweep_due(IndexScanDesc desc, Scan *scan)
{
    if (scan->swept || scan->results.given_out < kDeepRows)
        return false;
    if (scan->sweep_after == 0)
        scan->sweep_after =
            may_sweep(desc, *scan) ? sweep_cost(desc, *scan) / 2 : std::numeric_limits<double>::infinity();
    return spent(*scan) >= scan->sweep_after && given_is_known(scan->results.given);
}

// The row in the reader's slot: among those that are left, or not.
static void sort_out(Scan *scan, TableWalk *walk, const ExecutorFilter &filter)
{
    HeapReader *heap = walk->reader;
    const ItemPointerData tid = walk_tid(walk);
    if (given_has(scan->results.given, tid))
        return;
    double distance;
    if (!filter_passes(filter, heap->slot))
        filter_removed(filter);
    else if (row_distance(heap, scan->query.exact, &distance))
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
