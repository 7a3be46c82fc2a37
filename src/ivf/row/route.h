// Which lists a vector belongs to, or a query should visit. Few centroids are all scored exactly. Of many, the codes give
// lower bounds, with the same kernels that scan lists, and those are looked at exactly that may be among the lists wanted.
#pragma once

#include "core/centroid_bytes.h"
#include "ivf/row/about_origins.h"

namespace vq::ivf {

// A list as one query sees it.
struct RoutedList
{
    uint32_t list;
    float rank; // what lists are sorted by: the score, of unit vectors that of the centroid at unit length
    float add;  // score of the centroid, exact
    float distance;      // |q' - c|
    float centroid_norm; // |c|
};

// Far lists, the last ones of an index, hold the rows that are far from all others: those of ordinary lists are then near their
// centroid, and codes and calibration fit them. By the inner product such rows, if they are long, are the nearest of many
// queries: there is one list for all that are far from every other centroid, and every query visits it first. By L2 and cosine
// far lists are like others, with the centroids of the sample's outliers.
struct Router
{
    Relation rel;
    const Index *index;
    AboutOrigins *about; // the row, or the query
    bool cosine;         // ranked by the angle between query and centroid
    uint32_t lists;
    uint32_t
        exact; // ready[0 .. exact) are scored exactly; from `next` on they are sorted, and not yet handed out
    uint32_t next;
    float within;     // lists with bounds up to this are scored exactly
    float *own;       // the memory of `lower` but for rows that are routed together
    float *lower;     // bound of the score, per list number; of those scored exactly infinity
    float *selection; // scratch
    uint16_t *which;  // scratch: lists to be scored, in the order of their numbers
    RoutedList *ready;
    RoutedList *scored; // scratch
    uint64_t *ranks;    // scratch, two for each list
};

// Whether the index has so many lists that their codes are asked first.
bool routes_by_codes(const Index &index);

// Memory of a router, in the current context: for one vector after the other.
void route_open(Router *router, Relation rel, const Index *index);
// Bounds every list. about: of the router's index, the row or the query; must live as long as it is routed.
void route_begin(Router *router, AboutOrigins *about);

// Rows that are routed together: of an index with many lists, whose centroids do not fit the cache, each takes a third of the time.
struct RowsTogether
{
    uint32_t count;
    AboutOrigins *about[kBoundTogether]; // of each row, by L2
    float *bounds;                       // null: each is routed by itself
};
// Floats of memory that bounds of kBoundTogether rows take; 0 where rows of this index are routed by themselves.
size_t together_floats(const Index &index);
// bounds: so many floats. Allocates scratch in the current context.
void route_together(RowsTogether *rows, const Index &index, float *bounds);
// As route_begin, of one of them.
void route_begin(Router *router, const RowsTogether &rows, uint32_t row);

// Looks ahead at the next best lists, at most `want`, nearest first, without taking them; *count: how many. Valid until the
// next call.
const RoutedList *route_ahead(Router *router, uint32_t want, uint32_t *count);

// The next best lists, at most `want`, nearest first; returns how many.
uint32_t route_next(Router *router, uint32_t want, RoutedList *out);

// Where a row goes whose nearest list is `nearest` (route_next, by L2).
uint32_t list_of_row(const Index &index, const RoutedList &nearest);

// The rank that the others' gaps are counted from (core/recall_table.h): of the nearest list that is not one of outliers, or else
// the first. lists: those that come first in a query's order.
float nearest_rank(const Index &index, const RoutedList *lists, uint32_t count);

// The gap of a list: 0 for one that comes before, as far lists may, and where overflow leaves none.
inline float gap_behind(const Index &index, float nearest_rank, const RoutedList &list)
{
    const float gap = list_gap(index.space().metric == Metric::L2, list.rank, nearest_rank);
    return gap > 0 && std::isfinite(gap) ? gap : 0;
}

// How many lists lie within `reach` (core/recall_table.h), those taken before counted; at least one where there is one. Takes none.
// likely: a guess at it, which saves steps.
uint32_t lists_within(Router *router, float reach, double likely);

} // namespace vq::ivf
