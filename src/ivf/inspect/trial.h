// Trials: rows of the table run as queries through the index, held against what an exact scan of the table finds.
#pragma once

#include "core/interval.h"
#include "ivf/store/index.h"
#include "ivf/inspect/inspect.h"

extern "C" {
#include "access/skey.h"
}

namespace vq::ivf {

constexpr int kMostTrialQueries = 10000;
constexpr int kMostTrialRows = 10000; // a query

struct Trials
{
    Inspected target;
    const Index *index;
    Snapshot snapshot;
    ScanKeyData order_by; // its argument is to be filled in
    uint32_t rows;        // asked of each query; fewer if the table has fewer
    uint32_t count;
    Datum *queries; // of the indexed type, as the table has them
    double *limit;  // score of a query's last row: whatever is no farther is among the nearest
};

// Draws up to `queries` rows, always the same while the table does not change, and finds the `rows` nearest of each.
// Memory: in the current context. Checks rows and queries. Errors: INVALID_PARAMETER_VALUE; PROGRAM_LIMIT_EXCEEDED if
// they do not fit maintenance_work_mem. count is 0 if the index has no rows.
void prepare_trials(Trials *trials, const Inspected &target, int rows, int queries);
void close_trials(Trials *trials);

struct Measured // with the settings of now; means a query but for recall
{
    Interval recall;
    double lists;
    double codes;
    double reranked; // rows looked at in the table
    double ms;
};

// Runs all queries; there must be some. Leaves last_scan as it was.
Measured measure(const Trials &trials);

} // namespace vq::ivf
