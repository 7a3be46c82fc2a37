// How far a query has to look for a recall that was asked for. A list is the farther the more its centroid's score lies
// behind the nearest one's (its gap), and the more lists come before it:
//     reach = gap / unit + weight log(place),  place = 1, 2, ..      (docs/formulas.md, Reach of a recall)
// Neither alone does as well: with gaps alone queries in the midst of many lists visit too many of them, and a number of lists
// is the same for every query. A query visits the lists whose reach is at most what the table says for its target.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vq {

constexpr uint32_t kRecallTargets = 9;
constexpr float kRecallTarget[kRecallTargets] = {.80f, .90f, .95f, .97f, .98f, .99f, .995f, .999f, 1.0f};

// Stored in the index. Every array has one value a target and does not decrease.
struct RecallTable
{
    float unit; // of gaps: the median over queries at place kUnitPlace; 0 = gaps say nothing
    float reach[kRecallTargets];
    float epsilon[kRecallTargets]; // width of the error bound, in measured standard errors
    float lists[kRecallTargets];   // visited on average
};

// What a target asks of a query.
struct RecallTarget
{
    float reach;
    float epsilon;
    float lists;
};

// A list that holds a near row of a calibration query.
struct NearList
{
    float gap;
    uint32_t place; // counted from 0
};

// What the calibration queries met. Arrays of the caller; fit_recall_table sorts `widths` and may not be given NaN.
struct RecallMeasurements
{
    size_t queries;
    size_t depth;      // lists of each query whose gaps are known, at least 1
    const float *gaps; // queries x depth, in each query's order
    const NearList *near_lists;
    size_t near_count;
    float *widths; // epsilons at which near rows would be found, in measured standard errors
    size_t width_count;
    float
        default_epsilon; // where nothing was measured, the most for a usual target, and the least for one of 1
    float *scratch;      // max(queries, near_count) floats
};

// The table of an index that nothing is known about: every list, the default bound.
RecallTable unknown_recall_table(uint32_t lists, float default_epsilon) noexcept;

RecallTable fit_recall_table(const RecallMeasurements &m) noexcept;

// Whether the table can be read: finite, nothing negative, nothing decreasing.
bool valid_recall_table(const RecallTable &table) noexcept;

// The table's values for a recall above 0; between targets by interpolation, below the least as for that.
RecallTarget recall_target(const RecallTable &table, double recall) noexcept;

// Reach of the list at `place` (from 0) of a query's order. A gap that is no number counts as none.
float list_reach(float unit, float gap, uint32_t place) noexcept;

} // namespace vq
