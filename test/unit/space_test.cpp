// Scores in codec space against exact ones, where rows lie far from the origin of the space and where they do not.
#include "core/space.h"

#include "core/half.h"
#include "core/rabitq.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

using namespace vq;

namespace {

constexpr uint32_t kDims = 64;

// A codec space of RaBitQ, whose rotation rounds as others do. Codes are not used: a row's residual stands for its code.
struct TestSpace
{
    std::vector<uint8_t> image;
    std::vector<float> mean, mean_moved;
    Space space;

    TestSpace(Metric metric, const std::vector<float> &m) : mean(m), mean_moved(kDims)
    {
        const CodecOptions options = {kDims, 1, {1}};
        image.resize(RabitqCodec::image_bytes(options, 0));
        RabitqCodec::train(options, {}, image.data(), nullptr, {});
        RabitqCodec::transform(image.data(), mean.data(), mean_moved.data());
        double norm_sq = 0;
        for (float v : mean)
            norm_sq += (double)v * v;
        space = {metric, kDims, kDims, mean.data(), mean_moved.data(), &kCodecOps<RabitqCodec>, image.data()};
        space.mean_norm = (float)std::sqrt(norm_sq);
    }
};

std::vector<float> near(const std::vector<float> &place, double spread, std::mt19937 &random)
{
    std::normal_distribution<double> gaussian(0, spread);
    std::vector<float> x(place);
    for (float &v : x)
        v = (float)(v + gaussian(random));
    return x;
}

double exact_score(Metric metric, const std::vector<float> &q, const std::vector<float> &x)
{
    double sum = 0;
    for (size_t i = 0; i < q.size(); i++)
        sum += metric == Metric::L2 ? ((double)q[i] - x[i]) * ((double)q[i] - x[i]) : -(double)q[i] * x[i];
    return sum;
}

// The lower bound of x's score, as tile_bounds computes it, were its code r itself: rounding is all that it leaves out.
double bound_without_code(const Space &space, const std::vector<float> &centroid, const std::vector<float> &q,
                          const std::vector<float> &x)
{
    std::vector<float> moved(kDims), scratch(kDims), y(kDims), c(kDims), r(kDims);
    std::vector<uint16_t> stored(kDims);
    space_transform(space, centroid.data(), 1, c.data(), scratch.data());
    for (size_t i = 0; i < kDims; i++) {
        stored[i] = float_to_bf16(c[i]);
        c[i] = bf16_to_float(stored[i]);
    }
    space_transform(space, x.data(), 1, y.data(), scratch.data());
    for (size_t i = 0; i < kDims; i++)
        r[i] = y[i] - c[i];
    const auto &k = simd::kernels();
    RowCode code = {};
    code.scale = 1;
    code.centre_dot = k.dot(c.data(), r.data(), kDims);
    float fine[3];
    const RowFactors f = row_factors(space, code, r.data(), c.data(), fine);
    const SpaceQuery query = space_query(space, q.data(), 1, moved.data(), scratch.data());
    const CentroidTerms terms = centroid_terms(space, c.data());
    const ListTerms list = list_terms(space, query, terms, (const uint8_t *)stored.data());
    const float add = list.add - list_rounding(space, query, std::sqrt(terms.norm_sq), list.distance);
    const float dot = k.dot(moved.data(), r.data(), kDims);
    return (f.add + add) + bf16_to_float(f.scale) * dot - list.distance * bf16_to_float(f.err);
}

struct Case
{
    const char *name;
    double far;    // places of the data from their mean, in each coordinate
    double spread; // of rows about a place
    double slack;  // by which a bound may be below the score at most, as a share of the squared spread
};
constexpr Case kCases[] = {{"about the origin", 1, 1, 1e-3},
                           {"far clusters", 1250, 1, 5e-2},
                           {"tight clusters", 1, 1e-3, 5e-2},
                           {"large numbers", 1e6, 1e6, 1e-3},
                           {"small numbers", 1e-6, 1e-6, 1e-3}};

void check(Metric metric, const Case &c, double most_below, double unit)
{
    std::mt19937 random(1);
    const std::vector<float> zero(kDims, 0.0f);
    const std::vector<float> mean = metric == Metric::L2 ? zero : near(zero, c.far, random);
    const TestSpace t(metric, mean);
    double below = 0;
    for (int i = 0; i < 2000; i++) {
        const std::vector<float> place = near(zero, c.far, random),
                                 centroid = near(place, c.spread / 4, random),
                                 q = near(place, c.spread, random), x = near(place, c.spread, random);
        const double score = exact_score(metric, q, x), bound = bound_without_code(t.space, centroid, q, x);
        EXPECT_LE(bound, score) << c.name;
        below = std::max(below, (score - bound) / unit);
    }
    EXPECT_LE(below, most_below) << c.name;
}

} // namespace

TEST(Space, BoundsAllowForRoundingAndLittleMore)
{
    for (const Case &c : kCases)
        check(Metric::L2, c, c.slack, kDims * c.spread * c.spread);
}

// By the inner product scores are as large as the places are far, whatever the rows are apart.
TEST(Space, BoundsOfInnerProductsAllowForRounding)
{
    for (const Case &c : kCases)
        check(Metric::InnerProduct, c, 1e-4, kDims * c.far * std::max(c.far, c.spread));
}

// Unit vectors that differ in their last digits alone.
TEST(Space, UnitVectorsCloseTogetherKeepTheirDistance)
{
    std::mt19937 random(1);
    const std::vector<float> place(kDims, 1.0f);
    const double factor = 1 / std::sqrt((double)kDims);
    std::vector<float> mean(kDims, (float)factor), y(kDims), z(kDims), scratch(kDims);
    const TestSpace t(Metric::L2, mean);
    for (int i = 0; i < 100; i++) {
        const std::vector<float> a = near(place, 1e-3, random), b = near(place, 1e-3, random);
        double aa = 0, ab = 0, bb = 0;
        for (size_t d = 0; d < kDims; d++)
            aa += (double)a[d] * a[d], ab += (double)a[d] * b[d], bb += (double)b[d] * b[d];
        space_transform(t.space, a.data(), 1 / std::sqrt(aa), y.data(), scratch.data());
        space_transform(t.space, b.data(), 1 / std::sqrt(bb), z.data(), scratch.data());
        const double distance = 1 - ab / std::sqrt(aa * bb);
        EXPECT_NEAR((double)simd::kernels().l2sq(y.data(), z.data(), kDims) / 2 / distance, 1, 1e-5);
    }
}

// Nothing of a row that does not fit float is believed.
TEST(Space, ARowBeyondFloatHasNoBound)
{
    const TestSpace t(Metric::L2, std::vector<float>(kDims, 0.0f));
    std::vector<float> r(kDims, 3e37f), c(kDims, 0.0f);
    RowCode code = {};
    code.scale = 1;
    float fine[3];
    const RowFactors f = row_factors(t.space, code, r.data(), c.data(), fine);
    EXPECT_EQ(f.add, -INFINITY);
    EXPECT_EQ(f.err, 0);
    EXPECT_EQ(fine[0], -INFINITY);
    EXPECT_EQ(fine[2], 0);
}
