// Queries for trials where rows are copies of each other, or nearly. A row as a query finds its copies in its own list, which says
// nothing of queries that are no rows; calibration leaves them out too (build/calibration_queries.h).
#pragma once

#include "ivf/build/calibration_queries.h"
#include "ivf/store/index.h"

namespace vq::ivf {

// A copy, if it is so many times nearer than the centroid of the list; kNearCopy: nearly one.
constexpr double kCopy = 0.1;

// square: the squared distance of the nearest other row, of unit vectors under cosine.
inline bool is_copy(double square, double centroid_distance, double nearer)
{
    return square == 0 || square < nearer * nearer * centroid_distance * centroid_distance;
}

// Where rows lie within their lists. Memory: in the current context.
struct RowPlaces
{
    Relation rel;
    const Index *index;
    uint32_t count;
    float *vectors;   // count x dims; unit vectors under cosine
    float *residuals; // count x space_dims, codec space, in the units of the vectors
    double *distance; // from the centroid
};

// values: count plain data of the indexed type.
RowPlaces find_places(Relation rel, const Index *index, const Datum *values, uint32_t count);

// Replaces each value that is marked by a query about the same centroid, at the place that another row has about its own. One
// that would not fit the type, or be the same, stays and is no longer marked. Costs dims transforms.
void move_off_rows(const RowPlaces &places, bool *marked, Datum *values);

} // namespace vq::ivf
