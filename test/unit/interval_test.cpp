// The interval of core/interval.h against published values and against simulated shares.
#include "core/interval.h"

#include "core/random.h"

#include <gtest/gtest.h>

using namespace vq;

namespace {

TEST(Interval, OfSingleTriesIsWilsons)
{
    // 8 of 10: Wilson 1927, as in Brown, Cai and DasGupta 2001.
    const Interval i = mean_interval(8, 8, 10, 1);
    EXPECT_NEAR(i.mean, 0.8, 1e-12);
    EXPECT_NEAR(i.low, 0.4902, 5e-4);
    EXPECT_NEAR(i.high, 0.9433, 5e-4);
}

TEST(Interval, OfEqualValuesCountsThemOnce)
{
    const Interval all = mean_interval(100, 100, 100, 10), none = mean_interval(0, 0, 100, 10);
    EXPECT_EQ(all.high, 1);
    EXPECT_NEAR(all.low, 100 / (100 + 1.959964 * 1.959964), 1e-6);
    EXPECT_EQ(none.low, 0);
    EXPECT_NEAR(none.high, 1 - all.low, 1e-9);
    const Interval one = mean_interval(1, 1, 1, 10);
    EXPECT_LT(one.low, 0.3);
    EXPECT_EQ(one.high, 1);
}

TEST(Interval, IsNarrowerWhereTriesAreIndependentAndNeverThanThey)
{
    const size_t n = 100, trials = 10;
    const auto interval = [&](bool together) {
        Random random(1);
        double sum = 0, sum_sq = 0;
        for (size_t i = 0; i < n; i++) {
            double hits = 0;
            const bool hit = random.uniform() < 0.9;
            for (size_t t = 0; t < trials; t++)
                hits += together ? hit : random.uniform() < 0.9;
            sum += hits / trials;
            sum_sq += (hits / trials) * (hits / trials);
        }
        return mean_interval(sum, sum_sq, n, trials);
    };
    const Interval apart = interval(false), together = interval(true);
    EXPECT_LT(apart.high - apart.low, 0.5 * (together.high - together.low));
    const double p = apart.mean;
    EXPECT_GE(apart.high - apart.low, 2 * 1.9 * std::sqrt(p * (1 - p) / (n * trials)) * 0.99);
}

TEST(Interval, HoldsTheTrueMeanNineteenTimesOfTwenty)
{
    Random random(7);
    size_t held = 0;
    constexpr size_t kRounds = 2000, n = 50, trials = 10;
    for (size_t round = 0; round < kRounds; round++) {
        double sum = 0, sum_sq = 0;
        for (size_t i = 0; i < n; i++) {
            const double p = random.uniform() < 0.5 ? 0.99 : 0.85; // queries differ; 0.92 on average
            double hits = 0;
            for (size_t t = 0; t < trials; t++)
                hits += random.uniform() < p;
            sum += hits / trials;
            sum_sq += (hits / trials) * (hits / trials);
        }
        const Interval i = mean_interval(sum, sum_sq, n, trials);
        held += i.low <= 0.92 && 0.92 <= i.high;
    }
    EXPECT_GE(held, kRounds * 93 / 100);
    EXPECT_LE(held, kRounds * 99 / 100);
}

} // namespace
