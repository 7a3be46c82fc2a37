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

// Nearly a copy: another row that is so many times nearer than the centroid of the list. Rows of lists of a hundred are about as far
// from the nearest one as from their centroid.
constexpr double kNearCopy = 0.5;
// Beyond this share of queries with copies the others no longer hide what the index does for queries that are no rows.
constexpr double kFewCopied = 0.1;

constexpr size_t kNoRow = SIZE_MAX;

inline float *query_vector(const CalibrationQueries &queries, size_t i)
{
    return queries.vectors + i * queries.dims;
}

// Draws rows of the sample. Memory: in the current context.
CalibrationQueries draw_queries(const Sample &sample, size_t count);

// What query i knows of its row: how far the nearest other rows are, and where the centroid of its list is.
struct QueryPlace
{
    const float *centroid; // dims floats
    const float *squares;  // squared distances of the nearest other rows, the least first
    size_t count;          // of them
};

struct Centroids
{
    const float *vectors; // count x dims
    uint32_t count;
};

// Where rows are copies, or nearly: replaces the queries that have some by a query about the same list, at the place that another
// query's row has about its own, as if that row had been held out of training: list_rows, which a list has of the sample on average,
// are then few different ones, and a centroid lies nearer to the rows that made it than to others. Returns of how many equal rows a row
// is one on average, as far as the places tell; 1 if no query was replaced.
double leave_copies(CalibrationQueries *queries, const QueryPlace *places, const Centroids &lists,
                    double list_rows, bool unit);

} // namespace vq::ivf
