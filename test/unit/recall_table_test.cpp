#include "core/recall_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace vq;

namespace {

constexpr float kDefaultEpsilon = 2.2f;

// Queries whose neighbours lie in lists with a chance that falls with the list's gap: gaps of query i grow `1 + i % 3` times as
// fast from list to list.
struct Measured
{
    size_t queries = 300, depth = 100;
    std::vector<float> gaps, widths, scratch;
    std::vector<NearList> near_lists;

    Measured()
    {
        std::mt19937 random(5);
        std::exponential_distribution<float> gap(2);
        for (size_t i = 0; i < queries; i++)
            for (size_t place = 0; place < depth; place++)
                gaps.push_back((float)((1 + i % 3) * place) * 0.05f);
        for (size_t i = 0; i < queries; i++)
            for (size_t j = 0; j < 10; j++) {
                const float *own = &gaps[i * depth];
                const size_t place = (size_t)(std::upper_bound(own, own + depth, gap(random)) - own) - 1;
                near_lists.push_back({own[place], (uint32_t)place});
                widths.push_back((float)(i * 10 + j) / 1000); // 0 .. 3
            }
        std::shuffle(widths.begin(), widths.end(), random);
        scratch.resize(near_lists.size());
    }

    RecallTable fit()
    {
        return fit_recall_table({queries, depth, gaps.data(), near_lists.data(), near_lists.size(),
                                 widths.data(), widths.size(), kDefaultEpsilon, scratch.data()});
    }

    double found(const RecallTable &table, float reach) const
    {
        return (double)std::count_if(
                   near_lists.begin(), near_lists.end(),
                   [&](const NearList &n) { return list_reach(table.unit, n.gap, n.place) <= reach; }) /
               (double)near_lists.size();
    }
};

} // namespace

TEST(RecallTable, FirstListIsWithinEveryReach)
{
    EXPECT_EQ(list_reach(0.3f, 0, 0), 0);
    EXPECT_EQ(list_reach(0, 0, 0), 0);
}

TEST(RecallTable, ReachGrowsWithGapAndPlace)
{
    for (uint32_t place = 0; place < 1000; place++) {
        EXPECT_LT(list_reach(0.3f, 0.5f, place), list_reach(0.3f, 0.5f, place + 1));
        EXPECT_LT(list_reach(0.3f, 0.5f, place), list_reach(0.3f, 0.6f, place));
    }
}

TEST(RecallTable, GapsThatSayNothingLeaveThePlace)
{
    const float place_alone = list_reach(0.3f, 0, 7);
    EXPECT_EQ(list_reach(0, 5, 7), place_alone);
    EXPECT_EQ(list_reach(0.3f, std::numeric_limits<float>::quiet_NaN(), 7), place_alone);
    EXPECT_EQ(list_reach(0.3f, std::numeric_limits<float>::infinity(), 7), place_alone);
}

TEST(RecallTable, ReachFindsTheShareAskedForAndHardlyMore)
{
    Measured m;
    const RecallTable table = m.fit();
    ASSERT_TRUE(valid_recall_table(table));
    for (uint32_t i = 0; i < kRecallTargets; i++) {
        EXPECT_GE(m.found(table, table.reach[i]), kRecallTarget[i] - 1e-6);
        const float less = std::nextafter(table.reach[i], 0.0f);
        EXPECT_LT(m.found(table, less), kRecallTarget[i] + (1 - kRecallTarget[i]) * 0.025 + 1e-6);
    }
    EXPECT_EQ(m.found(table, table.reach[kRecallTargets - 1]), 1);
}

TEST(RecallTable, BoundsLoseTheRestOfWhatMayBeLost)
{
    Measured m;
    for (float &w : m.widths)
        w *= 0.7f; // up to 2.1: the default is no limit
    const RecallTable table = m.fit();
    for (uint32_t i = 0; i + 1 < kRecallTargets; i++) {
        const double lost = (double)std::count_if(m.widths.begin(), m.widths.end(),
                                                  [&](float w) { return w > table.epsilon[i]; }) /
                            (double)m.widths.size();
        EXPECT_LE(lost, (1 - kRecallTarget[i]) * 0.025 + 1e-6);
        EXPECT_GE(lost, (1 - kRecallTarget[i]) * 0.025 - 0.001);
    }
}

TEST(RecallTable, OnlyHighTargetsWidenBoundsBeyondTheDefault)
{
    Measured m;
    const RecallTable table = m.fit();
    for (uint32_t i = 0; i < kRecallTargets; i++)
        EXPECT_EQ(table.epsilon[i] > kDefaultEpsilon, kRecallTarget[i] > 0.98f) << kRecallTarget[i];
    EXPECT_GE(table.epsilon[kRecallTargets - 1], 2.9f);
}

TEST(RecallTable, LeastEpsilonOfTargetOneIsTheDefault)
{
    Measured m;
    std::fill(m.widths.begin(), m.widths.end(), 0.5f);
    const RecallTable table = m.fit();
    EXPECT_EQ(table.epsilon[0], 0.5f);
    EXPECT_EQ(table.epsilon[kRecallTargets - 1], kDefaultEpsilon);
    std::fill(m.widths.begin(), m.widths.end(), 90.0f);
    EXPECT_EQ(m.fit().epsilon[0], kDefaultEpsilon);
    EXPECT_EQ(m.fit().epsilon[kRecallTargets - 1], 4);
    m.widths.clear();
    EXPECT_EQ(m.fit().epsilon[0], kDefaultEpsilon);
}

TEST(RecallTable, MeanListsAreCounted)
{
    Measured m;
    const RecallTable table = m.fit();
    for (uint32_t i = 0; i < kRecallTargets; i++) {
        size_t lists = 0;
        for (size_t q = 0; q < m.queries; q++)
            for (size_t place = 0; place < m.depth; place++)
                lists +=
                    list_reach(table.unit, m.gaps[q * m.depth + place], (uint32_t)place) <= table.reach[i];
        EXPECT_NEAR(table.lists[i], (double)lists / (double)m.queries, 1e-3);
    }
}

TEST(RecallTable, QueriesAmongManyListsVisitMore)
{
    Measured m;
    const RecallTable table = m.fit();
    const auto lists = [&](size_t query) {
        size_t n = 0;
        while (n < m.depth &&
               list_reach(table.unit, m.gaps[query * m.depth + n], (uint32_t)n) <= table.reach[2])
            n++;
        return n;
    };
    EXPECT_GT(lists(0), lists(1));
    EXPECT_GT(lists(1), lists(2));
}

TEST(RecallTable, TargetsBetweenThoseOfTheTable)
{
    Measured m;
    const RecallTable table = m.fit();
    for (uint32_t i = 0; i < kRecallTargets; i++) {
        const RecallTarget at = recall_target(table, kRecallTarget[i]);
        EXPECT_NEAR(at.reach, table.reach[i], 1e-5);
        EXPECT_NEAR(at.epsilon, table.epsilon[i], 1e-5);
        EXPECT_NEAR(at.lists, table.lists[i], 1e-3);
    }
    RecallTarget before = recall_target(table, 1e-9);
    EXPECT_EQ(before.reach, table.reach[0]);
    for (double recall = 0.001; recall <= 1; recall += 0.001) {
        const RecallTarget at = recall_target(table, recall);
        EXPECT_GE(at.reach, before.reach);
        EXPECT_GE(at.epsilon, before.epsilon);
        EXPECT_GE(at.lists, before.lists);
        before = at;
    }
    EXPECT_EQ(recall_target(table, 1).reach, table.reach[kRecallTargets - 1]);
}

TEST(RecallTable, NothingKnownMeansEverything)
{
    const RecallTable table = unknown_recall_table(70, kDefaultEpsilon);
    EXPECT_TRUE(valid_recall_table(table));
    const RecallTarget at = recall_target(table, 0.93);
    EXPECT_GT(at.reach, list_reach(table.unit, 1e30f, 65535));
    EXPECT_EQ(at.epsilon, kDefaultEpsilon);
    EXPECT_EQ(at.lists, 70);
}

TEST(RecallTable, OneList)
{
    Measured m;
    m.depth = 1;
    m.gaps.assign(m.queries, 0);
    m.near_lists.assign(m.near_lists.size(), {0, 0});
    const RecallTable table = m.fit();
    EXPECT_TRUE(valid_recall_table(table));
    EXPECT_EQ(table.reach[kRecallTargets - 1], 0);
    EXPECT_EQ(table.lists[0], 1);
}

TEST(RecallTable, DamageIsSeen)
{
    Measured m;
    const RecallTable good = m.fit();
    const auto damaged = [&](auto damage) {
        RecallTable table = good;
        damage(&table);
        return !valid_recall_table(table);
    };
    EXPECT_TRUE(damaged([](RecallTable *t) { t->unit = -1; }));
    EXPECT_TRUE(damaged([](RecallTable *t) { t->reach[3] = std::numeric_limits<float>::quiet_NaN(); }));
    EXPECT_TRUE(damaged([](RecallTable *t) { std::swap(t->reach[0], t->reach[5]); }));
    EXPECT_TRUE(damaged([](RecallTable *t) { t->epsilon[0] = -1; }));
    EXPECT_TRUE(damaged([](RecallTable *t) { t->lists[8] = std::numeric_limits<float>::infinity(); }));
}
