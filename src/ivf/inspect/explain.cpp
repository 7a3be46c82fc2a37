#include "ivf/inspect/explain.h"

#include "ivf/inspect/inspect.h"
#include "ivf/scan/executor_limit.h"
#include "ivf/scan/scan.h"

extern "C" {
#include "access/relscan.h"
#include "nodes/execnodes.h"
#if COMPAT_EXPLAIN_HOOK
#include "commands/explain.h"
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
}

namespace vq::ivf {

#if COMPAT_EXPLAIN_HOOK

static explain_per_node_hook_type next_hook;

static void show_lists(const ScanTotals &totals, uint32_t lists, ExplainState *es)
{
    if (es->format != EXPLAIN_FORMAT_TEXT) {
        ExplainPropertyUInteger("Lists Visited", nullptr, totals.sum.lists, es);
        ExplainPropertyUInteger("Lists", nullptr, lists, es);
        return;
    }
    char text[80];
    int length = snprintf(text, sizeof text, UINT64_FORMAT " of %u", totals.sum.lists, lists);
    if (totals.searches > 1)
        snprintf(text + length, sizeof text - (size_t)length, " in " UINT64_FORMAT " searches",
                 totals.searches);
    ExplainPropertyText("Lists Visited", text, es);
}

// Text leaves out what this kind of index has not.
static void show_count(const char *label, uint64_t count, ExplainState *es)
{
    if (count > 0 || es->format != EXPLAIN_FORMAT_TEXT)
        ExplainPropertyUInteger(label, nullptr, count, es);
}

// Of a distance, as short as it is clear; NaN and infinity are words in every format.
static void show_bound(double bound, ExplainState *es)
{
    char text[40];
    snprintf(text, sizeof text, "%.9g", bound);
    if (std::isfinite(bound) && es->format != EXPLAIN_FORMAT_TEXT)
        ExplainPropertyFloat("Distance Bound", nullptr, bound, 9, es);
    else
        ExplainPropertyText("Distance Bound", std::isfinite(bound) ? text : "nothing passes", es);
}

// Of a node that did not run: as far as the bound is known before.
static void show_planned_bound(IndexScanState *node, ExplainState *es)
{
    Relation index = index_open(((const IndexScan *)node->ss.ps.plan)->indexid, AccessShareLock);
    if (is_ours(index)) {
        const Metric metric = (Metric)open_index(index, CurrentMemoryContext)->meta.metric;
        DistanceLimit limit;
        const LimitShown shown = planned_limit(node, least_distance(metric), &limit);
        if (shown == LimitShown::Value)
            show_bound(limit.most, es);
        else if (shown == LimitShown::AtRunTime)
            ExplainPropertyText("Distance Bound", "known at run time", es);
    }
    index_close(index, AccessShareLock);
}

// Sums over all searches of the node. Searches of parallel workers are not among them.
static void show_scan(IndexScanDesc desc, ExplainState *es)
{
    const ScanTotals totals = scan_totals(*(const Scan *)desc->opaque);
    if (totals.searches == 0)
        return;
    if (totals.sum.limited)
        show_bound(totals.sum.limit, es); // of the last search that had one
    show_lists(totals, open_index(desc->indexRelation, CurrentMemoryContext)->meta.nlist, es);
    show_count("Sub-lists Read", totals.sum.sublists, es);
    show_count("Codes Scanned", totals.sum.codes, es);
    show_count("Rows Filtered by Index", totals.sum.filtered, es);
    show_count("Rows Refined", totals.sum.refined, es);
    show_count("Rows Reranked", totals.sum.reranked, es);
    show_count("Passes", totals.sum.passes, es);
    show_count("Rows Swept", totals.sum.swept, es);
    show_count("Rows Dropped", totals.sum.dropped, es);
}

static void explain_node(PlanState *state, List *ancestors, const char *relationship, const char *plan_name,
                         ExplainState *es)
{
    if (next_hook)
        next_hook(state, ancestors, relationship, plan_name, es);
    if (!IsA(state, IndexScanState))
        return;
    if (!es->analyze) {
        show_planned_bound((IndexScanState *)state, es);
        return;
    }
    const IndexScanDesc desc = ((const IndexScanState *)state)->iss_ScanDesc;
    if (desc && is_ours(desc->indexRelation))
        show_scan(desc, es);
}

void init_explain()
{
    next_hook = explain_per_node_hook;
    explain_per_node_hook = explain_node;
}

#else

void init_explain() {}

#endif

} // namespace vq::ivf
