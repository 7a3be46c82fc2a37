// One ordered scan: its parts, and what to hand out next.
#pragma once

#include "ivf/scan/rows_ahead.h"
#include "ivf/scan/probing.h"
#include "ivf/scan/reranker.h"
#include "ivf/scan/results.h"

namespace vq::ivf {

enum class ScanState
{
    New,     // begun or rescanned: there is no query yet, and none of the parts below is filled
    Running, // rows may be left
    Done     // every row was given out that this search gives
};

// When the rest of the table is read in its own order (sweep.h). Costs are in the units of table_costs.h.
struct SweepPlan
{
    double after;     // when so much was spent; 0: not known yet
    double given_out; // what a row given out costs, with the executor's filter
    bool sampled;     // the share of rows that the filter lets pass is known
};

struct Scan
{
    ScanTotals totals;    // of searches that are over; kept by rescan
    double rows_expected; // kept by rescan; 0: the executor is asked
    MemoryContext memory; // of everything below; reset by rescan
    ScanState state;
    ScanQuery query;
    Probing probing; // which lists are visited, and which come next
    Candidates
        candidates;  // rows of those lists, by lower bound; if `truncated`, further ones need another pass
    RowsAhead ahead; // of the candidates
    Reranker reranker;
    Results results; // rows looked at, by exact score
    bool swept;      // all rows were looked at: what is left is among the results
    SweepPlan sweep_plan;
    SpillFile spill; // of reranker and results
    ScanStats stats;
};

// With the search under way.
ScanTotals scan_totals(const Scan &scan);

} // namespace vq::ivf
