// The queries that calibration asks: rows of the sample, each itself left out of its answer; or, where rows are copies of each
// other, made-up ones. A query that finds its copies, all in its own list, says nothing of queries that are no rows.
#pragma once

#include "ivf/build/sample.h"

namespace vq::ivf {

struct CalibrationQueries
{
    size_t count;
    uint32_t dims;
    float *vectors; // count x dims
    size_t *self;   // the row of the sample that a query is; kNoRow: made up
};

constexpr size_t kNoRow = SIZE_MAX;

inline float *query_vector(const CalibrationQueries &queries, size_t i)
{
    return queries.vectors + i * queries.dims;
}

// Draws rows of the sample. Memory: in the current context.
CalibrationQueries draw_queries(const Sample &sample, size_t count);

// What query i knows of its row: the row nearest to it, and the centroid of its list, both dims floats.
struct QueryPlace
{
    const float *nearest;
    const float *centroid;
};

// Where rows are copies, or nearly: replaces the queries that have some by a query about the same centroid, at the place that
// another query's row has about its own. Returns whether any was.
bool leave_copies(CalibrationQueries *queries, const QueryPlace *places, bool unit);

} // namespace vq::ivf
