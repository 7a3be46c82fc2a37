#include "core/query_kind.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

using namespace vq;

namespace {

RecallTable table_of(float first, float step)
{
    RecallTable table;
    table.unit = 0.3f;
    for (uint32_t d = 0; d < kRecallDepths; d++)
        for (uint32_t i = 0; i < kRecallTargets; i++) {
            table.depth[d].reach[i] = first + step * (float)(i + 2 * d);
            table.depth[d].lists[i] = 1 + first + (float)(i + 20 * d);
        }
    for (uint32_t i = 0; i < kRecallTargets; i++)
        table.epsilon[i] = 1 + 0.1f * (float)i * step;
    return table;
}

std::string text_of(const QueryKind &kind)
{
    char text[kQueryKindText];
    write_query_kind(kind, text, sizeof text);
    return text;
}

constexpr int32_t kDay = 20261129;

} // namespace

TEST(QueryKind, GivesBackWhatItComesFrom)
{
    const RecallTable rows = table_of(0.5f, 0.25f), own = table_of(1.3f, 0.4f);
    const RecallTable table = table_for_kind(rows, compare_queries(rows, own, kDay, 200, 60));
    EXPECT_TRUE(valid_recall_table(table));
    EXPECT_EQ(table.unit, rows.unit);
    for (uint32_t d = 0; d < kRecallDepths; d++)
        for (uint32_t i = 0; i < kRecallTargets; i++) {
            EXPECT_NEAR(table.depth[d].reach[i], own.depth[d].reach[i], 0.006);
            EXPECT_NEAR(table.depth[d].lists[i] / own.depth[d].lists[i], 1, 0.006);
        }
    for (uint32_t i = 0; i < kRecallTargets; i++)
        EXPECT_NEAR(table.epsilon[i], own.epsilon[i], 0.006);
}

// An index whose bounds have to be wider than when the queries were measured.
TEST(QueryKind, BoundsAreNoNarrowerThanThoseOfRows)
{
    RecallTable rows = table_of(0.5f, 0.25f);
    const QueryKind kind = compare_queries(rows, table_of(1.3f, 0.4f), kDay, 200, 60);
    std::fill_n(rows.epsilon, kRecallTargets, 3.5f);
    EXPECT_EQ(table_for_kind(rows, kind).epsilon[0], 3.5f);
}

TEST(QueryKind, OfNothingChangesNothing)
{
    const RecallTable rows = table_of(0.5f, 0.25f);
    const RecallTable table = table_for_kind(rows, {});
    EXPECT_EQ(memcmp(&table, &rows, sizeof rows), 0);
}

TEST(QueryKind, LeavesATableThatKnowsNothing)
{
    const RecallTable unknown = unknown_recall_table(10, 2.2f);
    const RecallTable own = table_of(1.3f, 0.4f), rows = table_of(0.5f, 0.25f);
    const RecallTable table = table_for_kind(unknown, compare_queries(rows, own, kDay, 200, 60));
    EXPECT_EQ(memcmp(&table, &unknown, sizeof unknown), 0);
}

// Of another index the values of rows are others, so the sums need not be in order.
TEST(QueryKind, StaysInOrderOnOtherTables)
{
    const RecallTable own = table_of(0.1f, 0.01f), rows = table_of(3, 0.5f);
    const QueryKind kind = compare_queries(rows, own, kDay, 200, 60);
    for (float step : {0.0f, 0.1f, 2.0f}) {
        const RecallTable table = table_for_kind(table_of(0.2f, step), kind);
        EXPECT_TRUE(valid_recall_table(table)) << step;
        for (uint32_t d = 1; d < kRecallDepths; d++)
            for (uint32_t i = 0; i < kRecallTargets; i++) {
                EXPECT_GE(table.depth[d].reach[i], table.depth[d - 1].reach[i]);
                EXPECT_GE(table.depth[d].lists[i], table.depth[d - 1].lists[i]);
            }
    }
}

TEST(QueryKind, IsReadAsItWasWritten)
{
    const QueryKind kind = compare_queries(table_of(2, 0.5f), table_of(0.1f, 0.7f), kDay, 345, 60);
    QueryKind read;
    ASSERT_TRUE(read_query_kind(text_of(kind).c_str(), &read));
    EXPECT_EQ(memcmp(&read, &kind, sizeof kind), 0);
    EXPECT_EQ(text_of(read), text_of(kind));
    ASSERT_TRUE(read_query_kind(" ", &read));
    EXPECT_EQ(read.date, 0);
}

TEST(QueryKind, HoldsTheLongestText)
{
    QueryKind kind = {};
    kind.date = 99991231;
    kind.queries = kind.nlist = 2147483647;
    std::fill_n(kind.reach[0], kRecallDepths * kRecallTargets, (int16_t)-32767);
    std::fill_n(kind.lists[0], kRecallDepths * kRecallTargets, (int16_t)-32767);
    std::fill_n(kind.epsilon, kRecallTargets, (int16_t)32767);
    QueryKind read;
    ASSERT_TRUE(read_query_kind(text_of(kind).c_str(), &read));
    EXPECT_EQ(memcmp(&read, &kind, sizeof kind), 0);
    EXPECT_TRUE(valid_recall_table(table_for_kind(table_of(1, 0.1f), kind)));
}

TEST(QueryKind, RefusesWhatIsNone)
{
    const std::string good = text_of(compare_queries(table_of(2, 0.5f), table_of(0.1f, 0.7f), kDay, 345, 60));
    QueryKind read;
    for (size_t n = 1; n < good.size(); n++) {
        if (good[n] == ' ' || good[n - 1] == ' ' || good.find(' ', n) != std::string::npos) {
            EXPECT_FALSE(read_query_kind(good.substr(0, n).c_str(), &read)) << n;
            EXPECT_EQ(read.date, 0);
        }
    }
    EXPECT_FALSE(read_query_kind((good + " 1").c_str(), &read));
    EXPECT_FALSE(read_query_kind((good + "x").c_str(), &read));
    for (const char *text :
         {"x", "2026", "2026-11-29", "1-1-1 queries 1 nlist 1", "2026-11-29 queries -5 nlist 2"})
        EXPECT_FALSE(read_query_kind(text, &read)) << text;
    std::string far = good;
    far.replace(far.find("reach ") + 6, 1, "40000");
    EXPECT_FALSE(read_query_kind(far.c_str(), &read));
}

TEST(QueryKind, ReachIsWiderWhereQueriesAreFew)
{
    // Queries whose neighbours lie one place further each: half of them within half of the places.
    for (size_t queries : {20, 2000}) {
        std::vector<NearList> near;
        std::vector<float> gaps;
        for (size_t i = 0; i < queries; i++) {
            for (uint32_t place = 0; place < 20; place++)
                gaps.push_back((float)place);
            for (size_t j = 0; j < 10; j++)
                near.push_back({(float)(i % 20), (uint32_t)(i % 20)});
        }
        std::vector<float> scratch(near.size());
        RecallMeasurements m = {queries, 20, gaps.data(), {}, nullptr, 0, 2.2f, scratch.data(), 1};
        m.near_lists[0] = {near.data(), near.size()};
        const float plain = fit_recall_table(m).depth[0].reach[1];
        m.near_lists[0].per_query = 10;
        const float wider = fit_recall_table(m).depth[0].reach[1];
        EXPECT_EQ(fit_recall_table(m).unit, 1);
        if (queries == 20)
            EXPECT_GT(wider, plain);
        else
            EXPECT_EQ(wider, plain);
    }
}
