// A scan's query: as the user gave it, in codec space, and as the codec's tables. Nothing in it changes during the search, but what it is
// about further origins is made when a list of theirs is visited.
#pragma once

#include "ivf/row/about_origins.h"
#include "ivf/row/exact.h"
#include "ivf/scan/distance_limit.h"
#include "ivf/scan/filter.h"

extern "C" {
#include "access/skey.h"
}

namespace vq::ivf {

// Bounds hold for all but a few rows. A consumer that goes deep meets more of those few, and each is dropped, or late. It has
// many rows looked at anyway, so they are looked at a little ahead: until bounds are so much wider. Measured at LIMIT 1,000: from 3.5
// to 4 hardly a row more is kept, for a quarter more looks where codes are coarse; at 3 three times as many rows are dropped where
// errors are not Gaussian.
constexpr uint64_t kDeepSearch = 100; // given out
constexpr double kDeepFilter = 1000;  // or of all rows, those before the next one that passes the filter
constexpr double kDeepEpsilon = 3.5;

struct ScanQuery
{
    const Index *index;
    ScanSettings settings;
    float epsilon; // width of error bounds, in the codes' own standard errors
    ExactQuery exact;
    AboutOrigins *about;
    DistanceLimit limit;
    bool wants_nothing; // no row can be within it
    double limit_score; // that of the limit; a row of a larger one is beyond it
    Filter filter;
};

// key: the ORDER BY of the scan. No filter. All of it lives in the current context. Errors: DATA_EXCEPTION for a query of other
// dimensions; what open_index raises.
void prepare_query(ScanQuery *query, Relation rel, const ScanKeyData &key);

// Of a prepared query. Rows beyond the limit are not wanted.
void set_limit(ScanQuery *query, const DistanceLimit &limit);

} // namespace vq::ivf
