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
    size_t queries = 300, places = 100;
    std::vector<float> gaps, widths, scratch;
    std::vector<NearList> near_lists;

    Measured()
    {
        std::mt19937 random(5);
        std::exponential_distribution<float> gap(2);
        for (size_t i = 0; i < queries; i++)
            for (size_t place = 0; place < places; place++)
                gaps.push_back((float)((1 + i % 3) * place) * 0.05f);
        for (size_t i = 0; i < queries; i++)
            for (size_t j = 0; j < 10; j++) {
                const float *own = &gaps[i * places];
                const size_t place = (size_t)(std::upper_bound(own, own + places, gap(random)) - own) - 1;
                near_lists.push_back({own[place], (uint32_t)place});
                widths.push_back((float)(i * 10 + j) / 1000); // 0 .. 3
            }
        std::shuffle(widths.begin(), widths.end(), random);
        scratch.resize(near_lists.size());
    }

    RecallTable fit()
    {
        RecallMeasurements m = {queries,       places,        gaps.data(),     {},
                                widths.data(), widths.size(), kDefaultEpsilon, scratch.data()};
        m.near_lists[0] = {near_lists.data(), near_lists.size()};
        return fit_recall_table(m);
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
        EXPECT_GE(m.found(table, table.depth[0].reach[i]), kRecallTarget[i] - 1e-6);
        const float less = std::nextafter(table.depth[0].reach[i], 0.0f);
        EXPECT_LT(m.found(table, less), kRecallTarget[i] + (1 - kRecallTarget[i]) * 0.025 + 1e-6);
    }
    EXPECT_EQ(m.found(table, table.depth[0].reach[kRecallTargets - 1]), 1);
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

// Rows behind the wanted ones, the nearest list's: as many of them are compared as bounds are wide.
struct WithCosts : Measured
{
    std::vector<FartherRow> farther;

    WithCosts()
    {
        for (float &w : widths)
            w *= 0.7f; // up to 2.1: the default is no limit
        for (size_t i = 0; i < 400; i++)
            farther.push_back({{0, 0}, (float)i / 100, 50});
    }

    RecallTable fit(double list, double look)
    {
        RecallMeasurements m = {queries,       places,        gaps.data(),     {},
                                widths.data(), widths.size(), kDefaultEpsilon, scratch.data()};
        m.near_lists[0] = {near_lists.data(), near_lists.size()};
        m.costs = {list, look, farther.data(), farther.size(), 100};
        return fit_recall_table(m);
    }
};

TEST(RecallTable, WhereRowsAreDearBoundsAreNarrowAndListsMany)
{
    WithCosts m;
    const RecallTable usual = m.Measured::fit(), table = m.fit(1, 100);
    ASSERT_TRUE(valid_recall_table(table));
    for (uint32_t i = 0; i + 1 < kRecallTargets; i++) {
        EXPECT_LE(table.epsilon[i], usual.epsilon[i]);
        EXPECT_GE(table.depth[0].reach[i], usual.depth[0].reach[i]);
        EXPECT_GE(table.depth[0].lists[i], usual.depth[0].lists[i]);
    }
    EXPECT_LT(table.epsilon[0], usual.epsilon[0] - 0.01f);
    EXPECT_GT(table.depth[0].lists[0], 1.1f * usual.depth[0].lists[0]);
    EXPECT_EQ(table.epsilon[kRecallTargets - 1], usual.epsilon[kRecallTargets - 1]);
    EXPECT_EQ(table.depth[0].reach[kRecallTargets - 1], usual.depth[0].reach[kRecallTargets - 1]);
}

TEST(RecallTable, WhereListsAreDearTheyAreAsFewAsWithoutCosts)
{
    WithCosts m;
    const RecallTable usual = m.Measured::fit();
    for (const RecallTable &table : {m.fit(1000, 0.01), m.fit(1, 0)})
        for (uint32_t i = 0; i < kRecallTargets; i++) {
            EXPECT_EQ(table.epsilon[i], usual.epsilon[i]);
            EXPECT_EQ(table.depth[0].reach[i], usual.depth[0].reach[i]);
        }
}

// What both may lose together is no more than a target allows.
TEST(RecallTable, NoSplitLosesMoreThanTheTargetAllows)
{
    WithCosts m;
    for (double look : {0.1, 1.0, 10.0, 100.0}) {
        const RecallTable table = m.fit(1, look);
        for (uint32_t i = 0; i < kRecallTargets; i++) {
            const double in_lists = 1 - m.found(table, table.depth[0].reach[i]);
            const double by_bounds = (double)std::count_if(m.widths.begin(), m.widths.end(),
                                                           [&](float w) { return w > table.epsilon[i]; }) /
                                     (double)m.widths.size();
            EXPECT_LE(in_lists + by_bounds, 1 - kRecallTarget[i] + 1e-6) << look;
        }
    }
}

// The reach then is for what is lost beside bounds so narrow.
TEST(RecallTable, WithBoundsOfAnotherTable)
{
    Measured m;
    RecallTable other = m.fit();
    std::fill_n(other.epsilon, kRecallTargets, 2.0f); // a third of the widths are above
    RecallMeasurements measured = {m.queries,       m.places,        m.gaps.data(),   {},
                                   m.widths.data(), m.widths.size(), kDefaultEpsilon, m.scratch.data()};
    measured.near_lists[0] = {m.near_lists.data(), m.near_lists.size()};
    measured.epsilon = other.epsilon;
    const RecallTable too_narrow = fit_recall_table(measured);
    EXPECT_TRUE(valid_recall_table(too_narrow));
    for (uint32_t i = 0; i < kRecallTargets; i++)
        EXPECT_GE(too_narrow.epsilon[i], 2);
    // These lose more than the targets allow: wider, also than the default, until two thirds of that are left to bounds.
    for (uint32_t i = 0; i < kRecallTargets; i++) {
        const auto lost = std::count_if(m.widths.begin(), m.widths.end(),
                                        [&](float w) { return w > too_narrow.epsilon[i]; });
        EXPECT_LE((double)lost / (double)m.widths.size(), 0.66 * (1 - (double)kRecallTarget[i]));
    }
    EXPECT_GT(too_narrow.epsilon[2], kDefaultEpsilon);
    for (float &w : m.widths)
        w *= 2.05f / 3; // one in forty above
    const RecallTable table = fit_recall_table(measured);
    EXPECT_TRUE(valid_recall_table(table));
    EXPECT_EQ(table.epsilon[2], 2);
    EXPECT_NEAR(m.found(table, table.depth[0].reach[2]), 0.975, 0.005);
    EXPECT_NEAR(m.found(table, table.depth[0].reach[0]), 0.825, 0.005);
}

TEST(RecallTable, MeanListsAreCounted)
{
    Measured m;
    const RecallTable table = m.fit();
    for (uint32_t i = 0; i < kRecallTargets; i++) {
        size_t lists = 0;
        for (size_t q = 0; q < m.queries; q++)
            for (size_t place = 0; place < m.places; place++)
                lists += list_reach(table.unit, m.gaps[q * m.places + place], (uint32_t)place) <=
                         table.depth[0].reach[i];
        EXPECT_NEAR(table.depth[0].lists[i], (double)lists / (double)m.queries, 1e-3);
    }
}

TEST(RecallTable, QueriesAmongManyListsVisitMore)
{
    Measured m;
    const RecallTable table = m.fit();
    const auto lists = [&](size_t query) {
        size_t n = 0;
        while (n < m.places &&
               list_reach(table.unit, m.gaps[query * m.places + n], (uint32_t)n) <= table.depth[0].reach[2])
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
        const RecallTarget at = recall_target(table, kRecallTarget[i], 1);
        EXPECT_NEAR(at.reach, table.depth[0].reach[i], 1e-5);
        EXPECT_NEAR(at.epsilon, table.epsilon[i], 1e-5);
        EXPECT_NEAR(at.lists, table.depth[0].lists[i], 1e-3);
    }
    RecallTarget before = recall_target(table, 1e-9, 1);
    EXPECT_EQ(before.reach, table.depth[0].reach[0]);
    for (double recall = 0.001; recall <= 1; recall += 0.001) {
        const RecallTarget at = recall_target(table, recall, 1);
        EXPECT_GE(at.reach, before.reach);
        EXPECT_GE(at.epsilon, before.epsilon);
        EXPECT_GE(at.lists, before.lists);
        before = at;
    }
    EXPECT_EQ(recall_target(table, 1, 1).reach, table.depth[0].reach[kRecallTargets - 1]);
}

TEST(RecallTable, NothingKnownMeansEverything)
{
    const RecallTable table = unknown_recall_table(70, kDefaultEpsilon);
    EXPECT_TRUE(valid_recall_table(table));
    const RecallTarget at = recall_target(table, 0.93, 300);
    EXPECT_GT(at.reach, list_reach(table.unit, 1e30f, 65535));
    EXPECT_EQ(at.epsilon, kDefaultEpsilon);
    EXPECT_EQ(at.lists, 70);
}

TEST(RecallTable, OneList)
{
    Measured m;
    m.places = 1;
    m.gaps.assign(m.queries, 0);
    m.near_lists.assign(m.near_lists.size(), {0, 0});
    const RecallTable table = m.fit();
    EXPECT_TRUE(valid_recall_table(table));
    EXPECT_EQ(table.depth[0].reach[kRecallTargets - 1], 0);
    EXPECT_EQ(table.depth[0].lists[0], 1);
}

// Clusters that queries like the rows tell apart: nearly all near rows lie in the nearest list. The few others say how far a query
// looks whose nearest lists are closer to each other.
TEST(RecallTable, NearestListIsNotAllThereIs)
{
    Measured m;
    const size_t n = m.near_lists.size();
    for (size_t i = 0; i < n; i++)
        m.near_lists[i] = i % 50 == 0 ? NearList{0.1f + 0.2f * (float)i / (float)n, 1} : NearList{0, 0};
    const RecallTable table = m.fit();
    EXPECT_TRUE(valid_recall_table(table));
    const float reach = table.depth[0].reach[2]; // .95: three quarters of the others
    EXPECT_GE(reach, list_reach(table.unit, 0.24f, 1));
    EXPECT_LE(reach, list_reach(table.unit, 0.26f, 1));
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
    EXPECT_TRUE(
        damaged([](RecallTable *t) { t->depth[4].reach[3] = std::numeric_limits<float>::quiet_NaN(); }));
    EXPECT_TRUE(damaged([](RecallTable *t) { std::swap(t->depth[4].reach[0], t->depth[4].reach[5]); }));
    EXPECT_TRUE(damaged([](RecallTable *t) { t->epsilon[0] = -1; }));
    EXPECT_TRUE(
        damaged([](RecallTable *t) { t->depth[2].lists[8] = std::numeric_limits<float>::infinity(); }));
}

TEST(RecallTable, DepthsReachFartherAndAreInterpolated)
{
    Measured m;
    std::vector<NearList> far = m.near_lists;
    for (NearList &n : far)
        n.place = std::min<uint32_t>(n.place + 20, 99), n.gap += 1;
    RecallMeasurements measurements = {m.queries,       m.places,        m.gaps.data(),   {},
                                       m.widths.data(), m.widths.size(), kDefaultEpsilon, m.scratch.data()};
    measurements.near_lists[0] = {m.near_lists.data(), m.near_lists.size()};
    measurements.near_lists[2] = {far.data(), far.size()};
    measurements.near_lists[4] = {m.near_lists.data(), m.near_lists.size()};
    const RecallTable table = fit_recall_table(measurements);
    ASSERT_TRUE(valid_recall_table(table));
    for (uint32_t i = 0; i < kRecallTargets; i++) {
        const auto reach = [&](double depth) { return recall_target(table, kRecallTarget[i], depth).reach; };
        EXPECT_EQ(table.depth[1].reach[i], table.depth[0].reach[i]); // not measured: as before
        EXPECT_GT(table.depth[2].reach[i], table.depth[1].reach[i]);
        EXPECT_EQ(table.depth[4].reach[i], table.depth[2].reach[i]); // never less than before
        EXPECT_NEAR(reach(100), table.depth[2].reach[i], 1e-5);
        EXPECT_NEAR(reach(std::sqrt(1000)), (table.depth[1].reach[i] + table.depth[2].reach[i]) / 2, 1e-4);
        EXPECT_EQ(reach(0.5), table.depth[0].reach[i]);
        for (double depth = 1; depth < 1e7; depth *= 1.3)
            EXPECT_LE(reach(depth), reach(depth * 1.3) + 1e-6f);
    }
}

TEST(RecallTable, BeyondTheGreatestDepthReachGoesOnAsItGrew)
{
    RecallTable table = unknown_recall_table(70, kDefaultEpsilon);
    for (uint32_t d = 0; d < kRecallDepths; d++)
        std::fill_n(table.depth[d].reach, kRecallTargets, (float)(d + 1));
    EXPECT_NEAR(recall_target(table, 0.95, 1e4).reach, 5, 1e-5);
    EXPECT_NEAR(recall_target(table, 0.95, 1e6).reach, 7, 1e-5);
}

TEST(RecallTable, GapsOfSquaredScoresDoNotDependOnHowFarTheQueryIs)
{
    for (float distance : {1.0f, 100.0f, 10000.0f})
        EXPECT_NEAR(list_gap(true, (distance + 2) * (distance + 2), distance * distance), 2, 2e-3);
    EXPECT_EQ(list_gap(true, -1e-6f, 0), 0);
    EXPECT_EQ(list_gap(false, -3, -5), 2);
}
