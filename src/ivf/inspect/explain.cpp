#include "ivf/inspect/explain.h"

#include "ivf/inspect/inspect.h"
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

// Sums over all searches of the node. Searches of parallel workers are not among them.
static void show_scan(IndexScanDesc desc, ExplainState *es)
{
    const ScanTotals totals = scan_totals(*(const Scan *)desc->opaque);
    if (totals.searches == 0)
        return;
    show_lists(totals, open_index(desc->indexRelation, CurrentMemoryContext)->meta.nlist, es);
    show_count("Sub-lists Read", totals.sum.sublists, es);
    show_count("Codes Scanned", totals.sum.codes, es);
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
    if (!es->analyze || !IsA(state, IndexScanState))
        return;
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
