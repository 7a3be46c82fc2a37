#include "ivf/scan/discard.h"

#include "ivf/scan/scan_stats.h"
#include "ivf/scan/usual_looks.h"

extern "C" {
#include "tcop/utility.h"
}

namespace vq::ivf {

namespace {

ProcessUtility_hook_type next_hook;

bool discards_all(const PlannedStmt *statement)
{
    return IsA(statement->utilityStmt, DiscardStmt) &&
           ((const DiscardStmt *)statement->utilityStmt)->target == DISCARD_ALL;
}

// There is no hook of DISCARD alone. What else PostgreSQL hands over depends on its version.
template <class... More>
void process_utility(PlannedStmt *statement, More... more)
{
    const bool all = discards_all(statement);
    (next_hook ? next_hook : standard_ProcessUtility)(statement, more...);
    if (!all)
        return;
    last_scan = {};
    forget_looks();
}

} // namespace

void init_discard()
{
    next_hook = ProcessUtility_hook;
    ProcessUtility_hook = process_utility;
}

} // namespace vq::ivf
