#include "core/kmeans.h"

#include "core/random.h"
#include "simd/kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <set>
#include <vector>

using namespace vq;

namespace {

using Vector = std::vector<float>;

// Everything in double, nothing blocked.
struct Nearest
{
    std::vector<uint32_t> list;
    double inertia = 0;
};

double l2sq(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum;
}

Nearest nearest(const Vector &rows, const Vector &centroids, size_t dims)
{
    Nearest result;
    for (size_t i = 0; i < rows.size() / dims; i++) {
        double best = INFINITY;
        uint32_t list = 0;
        for (size_t j = 0; j < centroids.size() / dims; j++) {
            double distance = l2sq(&rows[i * dims], &centroids[j * dims], dims);
            if (distance < best)
                best = distance, list = (uint32_t)j;
        }
        result.list.push_back(list);
        result.inertia += best;
    }
    return result;
}

// One full round; returns the inertia before it.
double lloyd_round(const Vector &rows, size_t dims, Vector *centroids)
{
    Nearest now = nearest(rows, *centroids, dims);
    std::vector<double> sum(centroids->size()), count(centroids->size() / dims);
    for (size_t i = 0; i < now.list.size(); i++) {
        count[now.list[i]]++;
        for (size_t d = 0; d < dims; d++)
            sum[now.list[i] * dims + d] += rows[i * dims + d];
    }
    for (size_t i = 0; i < sum.size(); i++)
        if (count[i / dims] > 0)
            (*centroids)[i] = (float)(sum[i] / count[i / dims]);
    return now.inertia;
}

double naive_lloyd_inertia(const Vector &rows, size_t dims, size_t clusters, int rounds)
{
    Vector centroids(rows.begin(), rows.begin() + (ptrdiff_t)(clusters * dims));
    while (rounds-- > 0)
        lloyd_round(rows, dims, &centroids);
    return nearest(rows, centroids, dims).inertia;
}

double imbalance(const std::vector<uint32_t> &list, size_t clusters)
{
    std::vector<double> count(clusters);
    for (uint32_t l : list)
        count[l]++;
    double sum = 0;
    for (double c : count)
        sum += c * c;
    return sum * (double)clusters / ((double)list.size() * (double)list.size());
}

// Runs a training with exactly the scratch that was asked for; the sanitizer watches its ends.
struct Training
{
    KmeansOptions options;
    Vector centroids;
    bool finished = false;

    Training(const Vector &sample, size_t dims, size_t clusters) : centroids(clusters * dims, NAN)
    {
        options.dims = dims;
        options.rows = sample.size() / dims;
        options.clusters = clusters;
    }

    Training &run(const Vector &sample)
    {
        std::vector<uint64_t> scratch((kmeans_scratch_bytes(options) + 7) / 8);
        finished = kmeans_train(options, sample.data(), centroids.data(), scratch.data());
        return *this;
    }

    bool finite() const
    {
        return std::all_of(centroids.begin(), centroids.end(), [](float v) { return std::isfinite(v); });
    }
};

Vector train(const Vector &sample, size_t dims, size_t clusters)
{
    Training training(sample, dims, clusters);
    training.run(sample);
    EXPECT_TRUE(training.finished);
    EXPECT_TRUE(training.finite());
    return training.centroids;
}

// `groups` normal clouds of width `spread` around normal centres of width 1.
Vector clouds(size_t rows, size_t dims, size_t groups, float spread, uint64_t seed)
{
    Random random(seed);
    Vector centres(groups * dims), sample(rows * dims);
    for (float &v : centres)
        v = (float)random.normal();
    for (size_t i = 0; i < rows; i++)
        for (size_t d = 0, g = random.below(groups); d < dims; d++)
            sample[i * dims + d] = centres[g * dims + d] + spread * (float)random.normal();
    return sample;
}

void scale(Vector &v, size_t from, size_t to, float by)
{
    for (size_t i = from; i < to; i++)
        v[i] *= by;
}

TEST(Kmeans, FindsWellSeparatedClusters)
{
    for (size_t groups : {1, 2, 10, 60}) {
        Vector sample = clouds(4000, 20, groups, 0.01f, groups);
        double inertia = nearest(sample, train(sample, 20, groups), 20).inertia / 4000;
        EXPECT_LT(inertia, groups <= 2 ? 0.0025 : 5.0)
            << groups; // 20 * 0.01^2, unless two clouds share a centroid
    }
}

TEST(Kmeans, IsAsGoodAsTenFullRounds)
{
    struct Case
    {
        size_t rows, dims, clusters, groups;
        float spread;
    } cases[] = {{3000, 32, 20, 50, 0.5f},   {4000, 24, 100, 300, 0.5f}, {5000, 16, 150, 40, 1.0f},
                 {3000, 48, 200, 700, 0.3f}, {4000, 2, 150, 10, 1.0f},   {3000, 1, 90, 5, 0.3f}};
    for (auto [rows, dims, clusters, groups, spread] : cases) {
        Vector sample = clouds(rows, dims, groups, spread, rows + dims);
        Nearest ours = nearest(sample, train(sample, dims, clusters), dims);
        EXPECT_LE(ours.inertia, 1.02 * naive_lloyd_inertia(sample, dims, clusters, 10))
            << clusters << " x " << dims;
        EXPECT_LE(imbalance(ours.list, clusters), 1.6) << clusters << " x " << dims;
    }
}

TEST(Kmeans, EndsAtTheMeans)
{
    Vector sample = clouds(4000, 16, 1, 1.0f, 16), mean = train(sample, 16, 1);
    for (size_t d = 0; d < 16; d++) {
        double sum = 0;
        for (size_t i = d; i < sample.size(); i += 16)
            sum += sample[i];
        EXPECT_NEAR(mean[d], sum / 4000, 1e-4);
    }
    // Many clusters in few rounds: a step that went too far would lose to the full round that follows.
    Training training(sample, 16, 300);
    training.options.iterations = 1;
    Vector centroids = training.run(sample).centroids;
    double ours = lloyd_round(sample, 16, &centroids), next = nearest(sample, centroids, 16).inertia;
    EXPECT_GT(next, 0.96 * ours);
}

TEST(Kmeans, ManyClustersUseTheNearGroups)
{
    // Beyond kNearGroups * kGroup = 2,048 clusters a row no longer sees all of them.
    Vector sample = clouds(5000, 4, 500, 0.5f, 3);
    Nearest ours = nearest(sample, train(sample, 4, 2100), 4);
    EXPECT_LE(ours.inertia, 0.95 * naive_lloyd_inertia(sample, 4, 2100, 6));
    EXPECT_LE(imbalance(ours.list, 2100), 1.6);
}

TEST(Kmeans, EveryCentroidServesRowsWhenThereAreEnough)
{
    // One cloud holds nearly all rows, the random start of each cell falls on repeats.
    Vector sample = clouds(5000, 6, 1, 0.5f, 4);
    for (size_t i = 0; i < 4000; i++)
        std::copy(sample.begin(), sample.begin() + 6, sample.begin() + (ptrdiff_t)(i * 6));
    std::vector<uint32_t> list = nearest(sample, train(sample, 6, 120), 6).list;
    EXPECT_GE(std::set<uint32_t>(list.begin(), list.end()).size(), 100u);
}

TEST(Kmeans, RepeatedRowsAreNoTrouble)
{
    for (size_t different : {1, 2, 7}) {
        Vector few = clouds(different, 12, different, 0.1f, 9), sample;
        for (size_t i = 0; i < 3000; i++)
            sample.insert(sample.end(), few.begin() + (ptrdiff_t)(i % different * 12),
                          few.begin() + (ptrdiff_t)((i % different + 1) * 12));
        for (size_t clusters : {1, 5, 65, 500}) {
            double inertia = nearest(sample, train(sample, 12, clusters), 12).inertia;
            EXPECT_LT(inertia, clusters >= 64 ? 1e-3 : INFINITY)
                << different << " rows, " << clusters << " clusters";
        }
    }
}

TEST(Kmeans, RareRowsAmongRepeatsGetTheirOwnCentroids)
{
    for (size_t rare : {1, 10, 60}) {
        Vector sample = clouds(3000, 12, 1, 0.5f, 17);
        for (size_t i = rare; i < 3000; i++)
            std::copy(sample.begin(), sample.begin() + 12, sample.begin() + (ptrdiff_t)(i * 12));
        double inertia = nearest(sample, train(sample, 12, 500), 12).inertia;
        EXPECT_LT(inertia, 0.01 * (double)rare) << rare;
    }
}

TEST(Kmeans, ZeroRowsStayZero)
{
    Vector sample(2000 * 4);
    for (size_t clusters : {3, 200})
        for (float v : train(sample, 4, clusters))
            ASSERT_EQ(v, 0.0f);
}

TEST(Kmeans, FewerRowsThanClusters)
{
    for (size_t rows : {0, 1, 3, 9, 10}) {
        Vector sample = clouds(rows, 5, std::max<size_t>(rows, 1), 1.0f, 7);
        Vector centroids = train(sample, 5, 10);
        EXPECT_EQ(nearest(sample, centroids, 5).inertia, 0.0) << "every row is a centroid";
        for (size_t i = 0; rows && i < centroids.size(); i++)
            EXPECT_NEAR(centroids[i], sample[i % (rows * 5)], std::fabs(sample[i % (rows * 5)]) / 1000);
    }
}

TEST(Kmeans, MagnitudesDoNotMatter)
{
    Vector sample = clouds(3000, 16, 40, 0.3f, 8);
    double plain = nearest(sample, train(sample, 16, 80), 16).inertia;
    for (float by : {0x1p-130f, 0x1p-60f, 0x1p60f, 0x1p120f}) {
        Vector scaled = sample;
        scale(scaled, 0, scaled.size(), by);
        double inertia = nearest(scaled, train(scaled, 16, 80), 16).inertia / by / by;
        EXPECT_NEAR(inertia, plain, plain * 1e-2) << by;
    }
    Vector mixed = sample;
    scale(mixed, 0, 16 * 30, 1e6f);
    train(mixed, 16, 80);
    std::fill(mixed.begin(), mixed.begin() + 16 * 1500, FLT_MAX);
    std::fill(mixed.begin() + 16 * 1500, mixed.end(), -FLT_MAX);
    train(mixed, 16, 80);
}

TEST(Kmeans, SphericalCentroidsHaveUnitLength)
{
    Vector sample = clouds(4000, 24, 100, 0.4f, 10);
    for (size_t i = 0; i < sample.size(); i += 24)
        scale(sample, i, i + 24, (float)(1 / std::sqrt(l2sq(&sample[i], Vector(24).data(), 24))));
    for (size_t clusters : {7, 150, 4500}) {
        Training training(sample, 24, clusters);
        training.options.spherical = true;
        training.run(sample);
        for (size_t j = 0; j < clusters; j++)
            ASSERT_NEAR(l2sq(&training.centroids[j * 24], Vector(24).data(), 24), 1.0, 1e-6);
    }
}

TEST(Kmeans, SphericalTakesRowsOfAnyLength)
{
    Vector sample = clouds(4000, 24, 100, 0.4f, 14);
    Training training(sample, 24, 100);
    training.options.spherical = true;
    Vector unit = training.run(sample).centroids;
    scale(sample, 0, sample.size(), 0x1p12f);
    Vector longer = training.run(sample).centroids;
    for (size_t i = 0; i < sample.size(); i += 24)
        scale(sample, i, i + 24, (float)(1 / std::sqrt(l2sq(&sample[i], Vector(24).data(), 24))));
    Nearest a = nearest(sample, unit, 24), b = nearest(sample, longer, 24);
    EXPECT_NEAR(b.inertia, a.inertia, 0.02 * a.inertia);
    EXPECT_LE(imbalance(b.list, 100), 1.1 * imbalance(a.list, 100));
}

TEST(Kmeans, SphericalWithOppositeRowsKeepsADirection)
{
    Vector sample; // the mean of a cluster of x and -x is zero
    for (int i = 0; i < 500; i++)
        sample.insert(sample.end(), {1.0f, 0.0f, -1.0f, 0.0f});
    Training training(sample, 2, 1);
    training.options.spherical = true;
    training.run(sample);
    EXPECT_NEAR(std::hypot(training.centroids[0], training.centroids[1]), 1.0, 1e-6);
}

TEST(Kmeans, TheSeedFixesTheResult)
{
    Vector sample = clouds(4000, 12, 100, 0.5f, 11);
    EXPECT_EQ(train(sample, 12, 100), train(sample, 12, 100));
    Training other(sample, 12, 100);
    other.options.seed = 2;
    EXPECT_NE(other.run(sample).centroids, train(sample, 12, 100));
}

TEST(Kmeans, EveryInstructionSetIsAsGood)
{
    Vector sample = clouds(3000, 20, 100, 0.5f, 15);
    double first = 0;
    for (size_t i = 0; i < simd::level_count(); i++) {
        simd::Level level = simd::level(i);
        if (!level.supported)
            continue;
        ASSERT_TRUE(simd::select_level(level.table->name));
        double inertia = nearest(sample, train(sample, 20, 100), 20).inertia;
        first = first > 0 ? first : inertia;
        EXPECT_NEAR(inertia, first, 0.01 * first) << level.table->name;
    }
    simd::select_level("auto");
}

TEST(Kmeans, AnyNumberOfRoundsWorks)
{
    Vector sample = clouds(2000, 12, 100, 0.5f, 12);
    double last = INFINITY;
    for (int iterations : {0, 1, 5, 30}) {
        Training training(sample, 12, 100);
        training.options.iterations = iterations;
        training.run(sample);
        double inertia = nearest(sample, training.centroids, 12).inertia;
        EXPECT_TRUE(training.finite());
        EXPECT_LE(inertia, last * 1.01);
        last = inertia;
    }
}

struct Progress
{
    size_t calls = 0, stop_at = SIZE_MAX;
    double last = 0;

    static bool called(void *arg, double done)
    {
        Progress *p = (Progress *)arg;
        EXPECT_GE(done, p->last);
        EXPECT_LE(done, 1.0);
        p->last = done;
        return ++p->calls < p->stop_at;
    }
};

TEST(Kmeans, ReportsProgressAndStopsWhenAsked)
{
    Vector sample = clouds(6000, 256, 100, 3.0f, 13);
    Progress all;
    Training training(sample, 256, 200);
    training.options.progress = Progress::called;
    training.options.progress_arg = &all;
    EXPECT_TRUE(training.run(sample).finished);
    EXPECT_GE(all.calls, 10u);
    EXPECT_GT(all.last, 0.8);
    for (size_t stop : {(size_t)1, all.calls / 2, all.calls}) {
        Progress some{.stop_at = stop};
        training.options.progress_arg = &some;
        EXPECT_FALSE(training.run(sample).finished);
        EXPECT_EQ(some.calls, stop);
    }
}

TEST(Kmeans, ScratchIsModest)
{
    KmeansOptions options;
    for (size_t dims : {1, 384, 1536, 16000})
        for (size_t clusters : {1, 100, 4096, 65536}) {
            options.dims = dims;
            options.clusters = clusters;
            options.rows = 64 * clusters;
            double bytes = (double)kmeans_scratch_bytes(options);
            double limit = 8.0 * (double)options.rows + (double)clusters * (4.1 * (double)dims + 64) + 1e6 +
                           120.0 * 4 * (double)dims;
            EXPECT_LE(bytes, limit) << clusters << " x " << dims;
        }
}

TEST(KmeansAssign, EqualsBruteForce)
{
    for (size_t dims : {1, 3, 16, 100})
        for (size_t clusters : {1, 7, 8, 255, 256, 257, 700})
            for (size_t rows : {1, 63, 64, 65, 200}) {
                Vector sample = clouds(rows, dims, 30, 0.5f, rows),
                       centroids = clouds(clusters, dims, 30, 0.5f, 2);
                Vector norms, distance(rows), scratch(kmeans_assign_scratch_floats(clusters));
                for (size_t j = 0; j < clusters; j++)
                    norms.push_back((float)l2sq(&centroids[j * dims], Vector(dims).data(), dims));
                std::vector<uint32_t> list(rows);
                kmeans_assign(sample.data(), rows, dims, centroids.data(), norms.data(), clusters,
                              list.data(), distance.data(), scratch.data());
                std::vector<uint32_t> truth = nearest(sample, centroids, dims).list;
                for (size_t i = 0; i < rows; i++) {
                    double best = l2sq(&sample[i * dims], &centroids[truth[i] * dims], dims);
                    double got = l2sq(&sample[i * dims], &centroids[list[i] * dims], dims);
                    ASSERT_LE(got, best + 1e-5 * (double)dims) << "another list only if it is as near";
                    ASSERT_NEAR(distance[i], got, 1e-5 * got + 1e-9);
                }
                std::vector<uint32_t> again(rows);
                kmeans_assign(sample.data(), rows, dims, centroids.data(), norms.data(), clusters,
                              again.data(), nullptr, scratch.data());
                ASSERT_EQ(list, again);
            }
}

TEST(KmeansAssign, EqualDistancesGoToTheFirstList)
{
    Vector centroids(40, 1.0f), rows(3, 5.0f), norms(40, 1.0f), scratch(kmeans_assign_scratch_floats(40));
    uint32_t list[3] = {9, 9, 9};
    kmeans_assign(rows.data(), 3, 1, centroids.data(), norms.data(), 40, list, nullptr, scratch.data());
    for (uint32_t l : list)
        EXPECT_EQ(l, 0u);
}

TEST(KmeansAssign, OverflowIsNeitherNanNorOutOfRange)
{
    Vector centroids = {FLT_MAX, -FLT_MAX}, rows = {-FLT_MAX}, norms = {INFINITY, INFINITY};
    Vector scratch(kmeans_assign_scratch_floats(2));
    uint32_t list = 9;
    float distance = NAN;
    kmeans_assign(rows.data(), 1, 1, centroids.data(), norms.data(), 2, &list, &distance, scratch.data());
    EXPECT_LT(list, 2u);
    EXPECT_TRUE(std::isfinite(distance));
}

} // namespace
