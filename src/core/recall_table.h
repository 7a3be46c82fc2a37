// How far a query has to look for a recall that was asked for. A list counts as farther, the more its centroid's score lies
// behind that of the nearest one (its gap), and the more lists come before it:
//     reach = gap / unit + weight log(place),  place = 1, 2, ..      (docs/formulas.md, Reach of a recall)
// Neither alone does as well: with gaps alone a query that lies between many lists visits too many of them, and a number of
// lists would be the same for every query. A query visits the lists whose reach is at most what the table says for its target.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vq {

constexpr uint32_t kRecallTargets = 9;
constexpr float kRecallTarget[kRecallTargets] = {.80f, .90f, .95f, .97f, .98f, .99f, .995f, .999f, 1.0f};

// Stored in the index. Every array has one value a target and does not decrease.
struct RecallTable
{
    float unit; // of gaps: the median over queries of the gap at the 33rd place; 0 = gaps say nothing
    float reach[kRecallTargets];
    float epsilon[kRecallTargets]; // width of the error bound, in measured standard errors
    float lists[kRecallTargets];   // how many are visited on average
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

// What the calibration queries met. Arrays belong to the caller and hold no NaN; fit_recall_table sorts `widths`.
struct RecallMeasurements
{
    size_t queries;
    size_t depth;      // lists of each query whose gaps are known, at least 1
    const float *gaps; // queries x depth: of each query's lists, the nearest first
    const NearList *near_lists;
    size_t near_count;
    float *widths; // for each near row the epsilon with which it would be found, in measured standard errors
    size_t width_count;
    // That of all targets if width_count is 0. Else the most that targets up to .98 get, and the least that 1 gets.
    float default_epsilon;
    float *scratch; // max(queries, near_count) floats
};

// The table of an index that nothing is known about: every list, the default bound.
RecallTable unknown_recall_table(uint32_t lists, float default_epsilon) noexcept;

RecallTable fit_recall_table(const RecallMeasurements &m) noexcept;

// Whether all values are finite, none is negative, and no array decreases.
bool valid_recall_table(const RecallTable &table) noexcept;

// The table's values for a recall above 0: between targets interpolated, below the least target those of that.
RecallTarget recall_target(const RecallTable &table, double recall) noexcept;

// Reach of the list at `place` (counted from 0) of a query's order. A gap that is not finite counts as 0.
float list_reach(float unit, float gap, uint32_t place) noexcept;

} // namespace vq
