// Trials: rows of the table, or queries that the caller gives, run through the index and held against what an exact scan of the table
// finds.
#pragma once

#include "core/interval.h"
#include "ivf/store/index.h"
#include "ivf/row/exact.h"
#include "ivf/inspect/given_queries.h"
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
    uint32_t rows;        // asked of each query
    uint32_t count;
    Datum *queries; // of the indexed type
    // A query's own row and what has the same distance, which are its copies, are left out of what it should find and of what it
    // finds: any index has those. NaN: the query is no row.
    double *own;
    uint32_t *wanted; // rows that a query should find: `rows`, or as many as there are
    double *limit;    // score of the last of them: whatever is no farther is among the nearest
    double distinct;  // mean number of different distances among the rows that a query should find
};

// Draws up to `queries` rows, always the same while the table does not change, and finds the `rows` nearest of each. Where many
// rows have copies, or nearly, queries are moved off them (distinct_queries.h), with a WARNING.
// Memory: in the current context. Checks rows and queries. Errors: INVALID_PARAMETER_VALUE; PROGRAM_LIMIT_EXCEEDED if
// they do not fit maintenance_work_mem. count is 0 if the index has no rows, or no others.
void prepare_trials(Trials *trials, const Inspected &target, int rows, int queries);
// The same with queries that the caller gives; what they find counts, be it equal to them or not.
void prepare_given_trials(Trials *trials, const Inspected &target, int rows, const GivenQueries &queries);
void close_trials(Trials *trials);

// The scan key and the exact query of one of them.
ScanKeyData trial_order(const Trials &trials, uint32_t query);
ExactQuery trial_query(const Trials &trials, uint32_t query);

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
