#include "core/recall_table.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace vq {

namespace {

constexpr float kPlaceWeight = 0.35f; // 0.25 to 0.5 do as well on the benchmark sets
constexpr size_t kUnitPlace = 32;     // counted from 0
// Of the rows that a target allows to lose, such a share may be lost in lists that are not visited, the rest by narrow bounds. The more
// bounds may lose, the fewer rows of the table are read, but the more codes: each target takes the cheapest. The first one where costs
// are not known.
constexpr double kListsLoss[] = {0.975, 0.9, 0.8, 0.65, 0.5, 0.35};
constexpr double kLeastListsLoss = kListsLoss[std::size(kListsLoss) - 1];
// So much less lists have to lose for bounds to lose one row more, as measured with rows. Bounds lose more rows of real queries than
// of queries that the codes were trained on (as many to twice as many on the benchmark sets), lists fewer, since their loss is that
// of rows beyond the wanted ones. With 2 every target of arxiv-minilm-384 and fashion-mnist-784 finds
// more than is asked for (bench/README.md, Rows of a LIMIT together).
constexpr double kLossOfBounds = 2;
constexpr float kMaxEpsilon = 4;
constexpr uint32_t kUsual = 1;    // the depth of most queries: ten rows
constexpr double kWorthIt = 0.98; // of the cost: what saves less is noise
// Of the near rows no more than that share is taken to lie in the nearest list, however clearly the calibration queries tell their
// clusters apart: a query from outside the data may lie between two as well.
constexpr double kMostInNearest = 0.8;
// Up to this target bounds are no wider than the default: further lists find the same rows at less cost than wider bounds,
// and what the default bounds lose is a small part of what may be lost.
constexpr float kMostByLists = 0.98f;

// The value that a share of n sorted ones does not exceed.
float quantile(const float *sorted, size_t n, double share)
{
    const double at = std::ceil(share * (double)n) - 1;
    return sorted[std::min((size_t)std::max(at, 0.0), n - 1)];
}

// The same over reaches, of which those of nearest lists are 0.
float quantile_of_reaches(const float *sorted, size_t n, double share)
{
    const size_t nearest = (size_t)(std::upper_bound(sorted, sorted + n, 0.0f) - sorted);
    if (nearest == n || (double)nearest <= kMostInNearest * (double)n)
        return quantile(sorted, n, share);
    const double of_others = (share - kMostInNearest) / (1 - kMostInNearest);
    return of_others > 0 ? quantile(sorted + nearest, n - nearest, of_others) : 0;
}

float median_gap(const RecallMeasurements &m, size_t place)
{
    for (size_t i = 0; i < m.queries; i++)
        m.scratch[i] = m.gaps[i * m.places + place];
    std::nth_element(m.scratch, m.scratch + m.queries / 2, m.scratch + m.queries);
    return std::isfinite(m.scratch[m.queries / 2]) ? m.scratch[m.queries / 2] : 0;
}

// From a place to twice that place gaps grow less than twofold, as a rule. Where they grow so many times as much, lists from some place
// on are of another cluster, and in units of what lies between clusters all lists of one would be equally far.
constexpr float kBetweenClusters = 8;

float unit_of_gaps(const RecallMeasurements &m)
{
    size_t place = std::min(kUnitPlace, m.places - 1);
    float unit = median_gap(m, place);
    for (; place > 1; place /= 2) {
        const float nearer = median_gap(m, place / 2);
        if (nearer > 0 && unit > kBetweenClusters * nearer)
            unit = nearer;
        else
            break;
    }
    return unit;
}

float mean_lists(const RecallMeasurements &m, float unit, float reach)
{
    size_t lists = 0;
    for (size_t i = 0; i < m.queries; i++)
        for (size_t place = 0; place < m.places; place++) {
            if (list_reach(unit, m.gaps[i * m.places + place], (uint32_t)place) > reach)
                break;
            lists++;
        }
    return (float)((double)lists / (double)m.queries);
}

} // namespace

float list_reach(float unit, float gap, uint32_t place) noexcept
{
    const float by_gap = unit > 0 && std::isfinite(gap) ? gap / unit : 0;
    return by_gap + kPlaceWeight * std::log((float)place + 1);
}

float list_gap(bool squared, float score, float nearest) noexcept
{
    return squared ? std::sqrt(std::max(score, 0.0f)) - std::sqrt(std::max(nearest, 0.0f)) : score - nearest;
}

RecallTable unknown_recall_table(uint32_t lists, float default_epsilon) noexcept
{
    RecallTable table;
    table.unit = 0;
    std::fill_n(table.epsilon, kRecallTargets, default_epsilon);
    for (RecallTable::Depth &depth : table.depth) {
        std::fill_n(depth.reach, kRecallTargets, std::numeric_limits<float>::max());
        std::fill_n(depth.lists, kRecallTargets, (float)lists);
    }
    return table;
}

// Standard error of the mean recall within a reach, over the queries.
static double recall_error(const NearLists &near, float unit, float reach)
{
    const size_t queries = near.per_query > 0 ? near.count / near.per_query : 0;
    if (queries < 2)
        return 0;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < queries; i++) {
        const NearList *own = near.lists + i * near.per_query;
        const auto found = std::count_if(own, own + near.per_query, [&](const NearList &list) {
            return list_reach(unit, list.gap, list.place) <= reach;
        });
        const double recall = (double)found / (double)near.per_query;
        sum += recall;
        squares += recall * recall;
    }
    const double n = (double)queries, mean = sum / n;
    return std::sqrt(std::max(squares / n - mean * mean, 0.0) / (n - 1));
}

// sorted: the reaches of the near rows. Of the caller's own queries nothing is to be guessed but what few queries do not tell.
static float reach_of_share(const float *sorted, const NearLists &near, float unit, double share)
{
    if (near.per_query == 0)
        return quantile_of_reaches(sorted, near.count, share);
    const double error = recall_error(near, unit, quantile(sorted, near.count, share));
    return quantile(sorted, near.count, std::min(share + error, 1.0));
}

// How a target's loss is divided.
struct Split
{
    double lists_loss; // of it, in lists not visited
    float epsilon;
};

// With which bounds lose so much of a target's loss, at most `most`. m.widths must be sorted.
static float width_losing(const RecallMeasurements &m, uint32_t target, double bounds_loss, float most)
{
    const double found = 1 - bounds_loss * (1 - (double)kRecallTarget[target]);
    const float width = m.width_count > 0 ? quantile(m.widths, m.width_count, found) : m.default_epsilon;
    const bool last = target + 1 == kRecallTargets;
    return std::clamp(width, last ? m.default_epsilon : 0.0f, most);
}

static Split split_of(const RecallMeasurements &m, uint32_t target, double lists_loss)
{
    const double bounds_loss = 1 - kListsLoss[0] + (kListsLoss[0] - lists_loss) / kLossOfBounds;
    const float most = kRecallTarget[target] <= kMostByLists ? m.default_epsilon : kMaxEpsilon;
    return {lists_loss, width_losing(m, target, bounds_loss, most)};
}

// With bounds of m.epsilon, or wider where these would lose too much: of queries far from all rows so much that no further list finds it again.
static Split split_beside(const RecallMeasurements &m, uint32_t target)
{
    const float epsilon =
        std::max(m.epsilon[target], width_losing(m, target, 1 - kLeastListsLoss, kMaxEpsilon));
    const float *end = m.widths + m.width_count;
    const double lost = (double)(end - std::upper_bound(m.widths, m.widths + m.width_count, epsilon));
    const double loss = (1 - (double)kRecallTarget[target]) * (double)m.width_count;
    return {lost > 0 && loss > 0 ? std::clamp(1 - lost / loss, kLeastListsLoss, kListsLoss[0])
                                 : kListsLoss[0],
            epsilon};
}

static double share_in_lists(uint32_t target, double lists_loss)
{
    return 1 - lists_loss * (1 - (double)kRecallTarget[target]);
}

static void sort_reaches(const RecallMeasurements &m, float unit, const NearLists &near)
{
    for (size_t i = 0; i < near.count; i++)
        m.scratch[i] = list_reach(unit, near.lists[i].gap, near.lists[i].place);
    std::sort(m.scratch, m.scratch + near.count);
}

// Of one query, but for what all have in common.
static double query_cost(const RecallMeasurements &m, float unit, float reach, float epsilon)
{
    double compared = 0;
    for (size_t i = 0; i < m.costs.count; i++) {
        const FartherRow &row = m.costs.farther[i];
        if (row.width < epsilon && list_reach(unit, row.list.gap, row.list.place) <= reach)
            compared += (double)row.rows;
    }
    return m.costs.list * (double)mean_lists(m, unit, reach) +
           m.costs.look * compared / (double)m.costs.queries;
}

// least: that the bound of a target before has. m.scratch: reaches of `near`, sorted.
static Split cheapest_split(const RecallMeasurements &m, float unit, const NearLists &near, uint32_t target,
                            float least)
{
    Split best = {};
    double cost = 0;
    for (const double lists_loss : kListsLoss) {
        Split split = split_of(m, target, lists_loss);
        split.epsilon = std::max(split.epsilon, least);
        const float reach = reach_of_share(m.scratch, near, unit, share_in_lists(target, lists_loss));
        const double own = query_cost(m, unit, reach, split.epsilon);
        if (lists_loss == kListsLoss[0] || own < kWorthIt * cost) {
            cost = own;
            best = split;
        }
    }
    return best;
}

// By queries of the usual depth.
static void choose_splits(const RecallMeasurements &m, float unit, Split *splits)
{
    const NearLists &near = m.near_lists[kUsual].count > 0 ? m.near_lists[kUsual] : m.near_lists[0];
    sort_reaches(m, unit, near);
    for (uint32_t i = 0; i < kRecallTargets; i++)
        if (m.epsilon)
            splits[i] = split_beside(m, i);
        else if (m.costs.count == 0)
            splits[i] = split_of(m, i, kListsLoss[0]);
        else
            splits[i] = cheapest_split(m, unit, near, i, i > 0 ? splits[i - 1].epsilon : 0);
}

// before: of the depth before, which is never less; null for the first.
static void fit_depth(const RecallMeasurements &m, float unit, const NearLists &near, const Split *splits,
                      const RecallTable::Depth *before, RecallTable::Depth *depth) noexcept
{
    if (near.count == 0) {
        *depth = *before;
        return;
    }
    sort_reaches(m, unit, near);
    for (uint32_t i = 0; i < kRecallTargets; i++) {
        float &reach = depth->reach[i];
        reach = reach_of_share(m.scratch, near, unit, share_in_lists(i, splits[i].lists_loss));
        if (i > 0)
            reach = std::max(reach, depth->reach[i - 1]);
        if (before)
            reach = std::max(reach, before->reach[i]);
        depth->lists[i] = mean_lists(m, unit, reach);
    }
}

RecallTable fit_recall_table(const RecallMeasurements &m) noexcept
{
    RecallTable table;
    table.unit = m.unit >= 0 ? m.unit : unit_of_gaps(m);
    std::sort(m.widths, m.widths + m.width_count);
    Split splits[kRecallTargets];
    choose_splits(m, table.unit, splits);
    for (uint32_t i = 0; i < kRecallTargets; i++)
        table.epsilon[i] = splits[i].epsilon;
    for (uint32_t d = 0; d < kRecallDepths; d++)
        fit_depth(m, table.unit, m.near_lists[d], splits, d > 0 ? &table.depth[d - 1] : nullptr,
                  &table.depth[d]);
    return table;
}

bool valid_recall_table(const RecallTable &table) noexcept
{
    const auto valid = [](const float *v) {
        return std::isfinite(v[kRecallTargets - 1]) && v[0] >= 0 && std::is_sorted(v, v + kRecallTargets) &&
               std::none_of(v, v + kRecallTargets, [](float x) { return std::isnan(x); });
    };
    if (!(std::isfinite(table.unit) && table.unit >= 0 && valid(table.epsilon)))
        return false;
    for (const RecallTable::Depth &depth : table.depth)
        if (!valid(depth.reach) || !valid(depth.lists))
            return false;
    return true;
}

namespace {

// A place between two columns of the table.
struct Between
{
    uint32_t low;
    double share; // of the next one; may be above 1

    // In double: the values of an unknown table would overflow.
    double operator()(double a, double b) const { return a + share * (b - a); }
};

Between among_targets(double recall) noexcept
{
    uint32_t i = 0;
    while (i + 2 < kRecallTargets && recall > (double)kRecallTarget[i + 1])
        i++;
    const double from = kRecallTarget[i], to = kRecallTarget[i + 1];
    return {i, std::clamp((recall - from) / (to - from), 0.0, 1.0)};
}

Between among_depths(double rows) noexcept
{
    uint32_t d = 0;
    while (d + 2 < kRecallDepths && rows > (double)kRecallDepth[d + 1])
        d++;
    const double from = kRecallDepth[d], to = kRecallDepth[d + 1];
    return {d, std::max(std::log(rows / from) / std::log(to / from), 0.0)};
}

} // namespace

RecallTarget recall_target(const RecallTable &table, double recall, double depth) noexcept
{
    const Between target = among_targets(recall), rows = among_depths(depth);
    const auto of = [&](const float *v) { return target((double)v[target.low], (double)v[target.low + 1]); };
    const RecallTable::Depth &low = table.depth[rows.low], &high = table.depth[rows.low + 1];
    constexpr double kMost = std::numeric_limits<float>::max();
    return {(float)std::min(rows(of(low.reach), of(high.reach)), kMost), (float)of(table.epsilon),
            (float)std::min(rows(of(low.lists), of(high.lists)), kMost)};
}

} // namespace vq
