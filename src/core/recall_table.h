// How far a query has to look for a recall that was asked for. A list is the farther the more its centroid lies behind the
// nearest one (its gap), and the more lists come before it:
//     reach = gap / unit + weight log(place),  place = 1, 2, ..
// Neither alone does as well: with gaps alone queries in the midst of many lists visit too many of them, and a number of lists
// is the same for every query. A query visits the lists whose reach is at most what the table says for its target and for its
// depth: how many of the nearest rows are wanted. The hundred nearest rows lie in more lists than the ten nearest.
// (docs/formulas.md, reach of a recall)
#pragma once

#include <cstddef>
#include <cstdint>

namespace vq {

constexpr uint32_t kRecallTargets = 9;
constexpr float kRecallTarget[kRecallTargets] = {.80f, .90f, .95f, .97f, .98f, .99f, .995f, .999f, 1.0f};

constexpr uint32_t kRecallDepths = 5;
constexpr float kRecallDepth[kRecallDepths] = {1, 10, 100, 1000, 10000}; // rows

// Stored in the index. Arrays have one value a target and do not decrease, nor do reach and lists from depth to depth.
struct RecallTable
{
    float unit; // of gaps: the median over queries at place kUnitPlace, or nearer; 0 = gaps say nothing
    float epsilon[kRecallTargets]; // width of the error bound, in measured standard errors
    struct Depth
    {
        float reach[kRecallTargets];
        float lists[kRecallTargets]; // visited on average
    } depth[kRecallDepths];
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

// Lists of the rows that are among as many nearest ones as a depth says, of all queries.
struct NearLists
{
    const NearList *lists;
    size_t count; // 0: not measured; as for the depth before
    // So many of each query, query after query; 0: nobody knows whose they are. Where it is known, the reach of a target has a margin:
    // by the standard error that the recall has because the queries are so few.
    size_t per_query = 0;
};

// A row behind the wanted ones of a calibration query.
struct FartherRow
{
    NearList list; // that it lies in
    float
        width; // a query that visits it compares it if its bound is wider, in measured standard errors; below 0: however narrow
    float rows; // so many rows of the table are like it
};

// What queries cost, in any unit of time, where how far they look and how wide their bounds are is still to be chosen.
struct QueryCosts
{
    double list; // a list visited and the codes in it
    double look; // a row compared exactly
    const FartherRow *farther;
    size_t count;   // 0: not measured
    size_t queries; // that met them
};

// What the calibration queries met. Arrays belong to the caller and hold no NaN; fit_recall_table sorts `widths`.
struct RecallMeasurements
{
    size_t queries;
    size_t places;                       // lists of each query whose gaps are known, at least 1
    const float *gaps;                   // queries x places: of each query's lists, the nearest first
    NearLists near_lists[kRecallDepths]; // the first must be measured
    float *widths; // for each near row the epsilon with which it would be found, in measured standard errors
    size_t width_count;
    // That of all targets if width_count is 0. Else the most that targets up to .98 get, unless `epsilon` is given, and the least that 1 gets.
    float default_epsilon;
    float *scratch;  // as many floats as there are queries, and as the most near lists of a depth
    float unit = -1; // of gaps, that of another table; below 0: the queries' own
    // Of each target, that of another table: so wide bounds are at least, and lists may lose what these do not. Null: chosen by costs.
    const float *epsilon = nullptr;
    // Decide how much of a target's loss is left to lists not visited, and how much to narrow bounds. Not measured: nearly all to lists.
    QueryCosts costs = {};
};

// The table of an index that nothing is known about: every list, the default bound.
RecallTable unknown_recall_table(uint32_t lists, float default_epsilon) noexcept;

RecallTable fit_recall_table(const RecallMeasurements &m) noexcept;

// Whether all values are finite, none is negative, and no array decreases.
bool valid_recall_table(const RecallTable &table) noexcept;

// The table's values for a recall above 0 and a depth of rows: between targets and between depths (by their logarithms)
// interpolated, below the least those of that, beyond the greatest depth as they grew up to there.
RecallTarget recall_target(const RecallTable &table, double recall, double depth) noexcept;

// The gap of a list: by how much its centroid's score is behind that of the nearest list. Of squared distances the roots are
// compared: so a gap means the same to a query far from all rows as to one among them.
float list_gap(bool squared, float score, float nearest) noexcept;

// Reach of the list at `place` (counted from 0) of a query's order. A gap that is not finite counts as 0.
float list_reach(float unit, float gap, uint32_t place) noexcept;

} // namespace vq
