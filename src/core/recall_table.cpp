#include "core/recall_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace vq {

namespace {

constexpr float kPlaceWeight = 0.35f; // 0.25 to 0.5 do as well on the benchmark sets
constexpr size_t kUnitPlace = 32;     // counted from 0
// Of the rows that a target allows to lose, so many may be lost in lists that are not visited, the rest by narrow bounds. If
// bounds were allowed to lose more, fewer rows of the table would be read, but more codes than without a target.
constexpr double kListsLoss = 0.975;
constexpr float kMaxEpsilon = 4;
// Up to this target bounds are no wider than the default: further lists find the same rows at less cost than wider bounds,
// and what the default bounds lose is a small part of what may be lost.
constexpr float kMostByLists = 0.98f;

// The value that a share of n sorted ones does not exceed.
float quantile(const float *sorted, size_t n, double share)
{
    const double at = std::ceil(share * (double)n) - 1;
    return sorted[std::min((size_t)std::max(at, 0.0), n - 1)];
}

float median_gap(const RecallMeasurements &m)
{
    const size_t place = std::min(kUnitPlace, m.depth - 1);
    for (size_t i = 0; i < m.queries; i++)
        m.scratch[i] = m.gaps[i * m.depth + place];
    std::nth_element(m.scratch, m.scratch + m.queries / 2, m.scratch + m.queries);
    return std::isfinite(m.scratch[m.queries / 2]) ? m.scratch[m.queries / 2] : 0;
}

float mean_lists(const RecallMeasurements &m, float unit, float reach)
{
    size_t lists = 0;
    for (size_t i = 0; i < m.queries; i++)
        for (size_t place = 0; place < m.depth; place++) {
            if (list_reach(unit, m.gaps[i * m.depth + place], (uint32_t)place) > reach)
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

RecallTable unknown_recall_table(uint32_t lists, float default_epsilon) noexcept
{
    RecallTable table;
    table.unit = 0;
    std::fill_n(table.reach, kRecallTargets, std::numeric_limits<float>::max());
    std::fill_n(table.epsilon, kRecallTargets, default_epsilon);
    std::fill_n(table.lists, kRecallTargets, (float)lists);
    return table;
}

RecallTable fit_recall_table(const RecallMeasurements &m) noexcept
{
    RecallTable table;
    table.unit = median_gap(m);
    for (size_t i = 0; i < m.near_count; i++)
        m.scratch[i] = list_reach(table.unit, m.near_lists[i].gap, m.near_lists[i].place);
    std::sort(m.scratch, m.scratch + m.near_count);
    std::sort(m.widths, m.widths + m.width_count);
    for (uint32_t i = 0; i < kRecallTargets; i++) {
        const double loss = 1 - (double)kRecallTarget[i];
        table.reach[i] = quantile(m.scratch, m.near_count, 1 - kListsLoss * loss);
        const float width = m.width_count > 0 ? quantile(m.widths, m.width_count, 1 - (1 - kListsLoss) * loss)
                                              : m.default_epsilon;
        table.epsilon[i] =
            std::clamp(width, 0.0f, kRecallTarget[i] <= kMostByLists ? m.default_epsilon : kMaxEpsilon);
        table.lists[i] = mean_lists(m, table.unit, table.reach[i]);
    }
    float *last = &table.epsilon[kRecallTargets - 1];
    *last = std::max(*last, m.default_epsilon);
    return table;
}

bool valid_recall_table(const RecallTable &table) noexcept
{
    const auto valid = [](const float *v) {
        return std::isfinite(v[kRecallTargets - 1]) && v[0] >= 0 && std::is_sorted(v, v + kRecallTargets) &&
               std::none_of(v, v + kRecallTargets, [](float x) { return std::isnan(x); });
    };
    return std::isfinite(table.unit) && table.unit >= 0 && valid(table.reach) && valid(table.epsilon) &&
           valid(table.lists);
}

RecallTarget recall_target(const RecallTable &table, double recall) noexcept
{
    uint32_t i = 0;
    while (i + 2 < kRecallTargets && recall > (double)kRecallTarget[i + 1])
        i++;
    const double from = kRecallTarget[i], to = kRecallTarget[i + 1];
    const double share = std::clamp((recall - from) / (to - from), 0.0, 1.0);
    // In double: the values of an unknown table would overflow.
    const auto between = [&](const float *v) {
        return (float)((double)v[i] + share * ((double)v[i + 1] - (double)v[i]));
    };
    return {between(table.reach), between(table.epsilon), between(table.lists)};
}

} // namespace vq
