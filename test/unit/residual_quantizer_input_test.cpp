// Residual quantizer: the law that estimates obey, and bad input: no NaN, no crash, no row that no search finds.
#include "rq_fixture.h"

#include <algorithm>

namespace vq {
namespace {

constexpr Metric kMetrics[] = {Metric::L2, Metric::InnerProduct};

// --- estimates ---

struct Law
{
    uint32_t dims;
    int layers, codewords;
    Metric metric;
    size_t rows; // of training
};

void PrintTo(const Law &law, std::ostream *out)
{
    *out << law.dims << " dimensions, " << law.layers << " layers of " << law.codewords << ", metric "
         << (int)law.metric << ", " << law.rows << " rows";
}

class RqErrorLaw : public testing::TestWithParam<Law>
{
};

void normalize(Floats &x)
{
    const double norm = std::sqrt(dot(x, x));
    for (float &v : x)
        v = (float)(v / norm);
}

// Residuals and queries about common centroids. 10,000 pairs.
TEST_P(RqErrorLaw, UnbiasedAndBounded)
{
    const Law law = GetParam();
    const bool cosine = law.metric == Metric::Cosine;
    const Metric metric = law.metric == Metric::L2 ? Metric::L2 : Metric::InnerProduct;
    Random random(law.dims + 10 * (uint64_t)law.metric);
    const RqFixture f(rq_options(law.dims, law.layers, law.codewords), gaussian(random, law.rows * law.dims));
    const Floats mean = gaussian(random, law.dims, 0.5);
    double sum = 0, sum_sq = 0, beyond_19 = 0, beyond_30 = 0, n = 0;
    for (int list = 0; list < 20; list++) {
        Floats origin = gaussian(random, law.dims);
        if (cosine)
            normalize(origin);
        const RqScores scores(f, metric, cosine ? Floats(law.dims, 0) : mean, origin);
        const double size = cosine ? 1 / std::sqrt(law.dims) : 1;
        const auto near_origin = [&](double spread) {
            Floats x = gaussian(random, law.dims, spread * size);
            for (uint32_t d = 0; d < law.dims; d++)
                x[d] += origin[d];
            if (cosine)
                normalize(x);
            return x;
        };
        std::vector<Floats> queries;
        for (int j = 0; j < 20; j++)
            queries.push_back(near_origin(0.4));
        for (int i = 0; i < 25; i++) {
            const Floats x = near_origin(0.3);
            const PqRow row = scores.encode(x);
            const RowFactors factors = scores.factors(x, row);
            for (const Floats &q : queries) {
                const auto e = scores.estimate(q, row, factors);
                const double truth = exact_score(metric, q, x), z = (e.score - truth) / e.error;
                ASSERT_NEAR(e.bound, e.score - e.error, 1e-4 * (std::fabs(e.score) + e.error) + 1e-4);
                sum += z, sum_sq += z * z, n++;
                beyond_19 += z > 1.9 || z < -1.9;
                beyond_30 += z > 3.0 || z < -3.0;
            }
        }
    }
    EXPECT_NEAR(sum / n, 0, 0.12); // some, where queries lie to one side of the rows
    EXPECT_LT(std::sqrt(sum_sq / n),
              1.1);                        // the stated error is the error, or more: part of that along r
    EXPECT_GT(std::sqrt(sum_sq / n), 0.4); // and not a lazy bound
    EXPECT_LT(beyond_19 / n, 0.08);        // Gaussian: 0.057
    EXPECT_LT(beyond_30 / n, 0.008);       // Gaussian: 0.0027
}

INSTANTIATE_TEST_SUITE_P(Shapes, RqErrorLaw,
                         testing::Values(Law{64, 8, 64, Metric::L2, 2000}, Law{101, 24, 16, Metric::L2, 600},
                                         Law{128, 16, 100, Metric::InnerProduct, 3000},
                                         Law{100, 12, 32, Metric::Cosine, 2000},
                                         Law{100, 24, 256, Metric::L2, 0},
                                         Law{65, 9, 256, Metric::InnerProduct, 300},
                                         Law{100, 40, 16, Metric::Cosine, 0}));

// The error along the residual has one sign, and the standard error holds a part of it: enough of them hold it all.
TEST(ResidualQuantizerInput, QueriesAlongTheResidualAreCovered)
{
    Random random(20);
    const Floats data = correlated(random, 3000, 64);
    const RqFixture f(rq_options(64, 8, 64), data);
    const Floats zero(64, 0);
    for (Metric metric : kMetrics) {
        const RqScores scores(f, metric, zero, zero);
        size_t covered = 0;
        for (size_t i = 0; i < 500; i++) {
            const Floats x = row_of(data, i, 64);
            Floats q = x;
            for (float &v : q)
                v *= 1.1f;
            const PqRow row = scores.encode(x);
            const auto e = scores.estimate(q, row, scores.factors(x, row));
            covered += std::fabs(e.score - exact_score(metric, q, x)) <= 3.5 * e.error + 1e-3 * dot(x, x);
        }
        EXPECT_EQ(covered, 500u);
    }
}

// --- bad input ---

void expect_sound(const PqRow &row, const RowFactors &factors, const char *what)
{
    for (float v : {row.found.scale, row.found.centre_dot, row.found.sigma})
        ASSERT_FALSE(std::isnan(v)) << what;
    ASSERT_GE(row.found.scale, 0) << what;
    ASSERT_GE(row.found.sigma, 0) << what;
    ASSERT_FALSE(std::isnan(factors.add)) << what;
    ASSERT_LT(factors.add, INFINITY) << what; // a row that overflows goes below everything, never above
    ASSERT_TRUE(std::isfinite(bf16_to_float(factors.scale)) && std::isfinite(bf16_to_float(factors.err)))
        << what;
}

// Encodes x and looks for it with q: found, and its bound not clearly above its score. Returns the row.
PqRow expect_kept(const RqScores &scores, const Floats &x, const Floats &q, const char *what)
{
    const PqRow row = scores.encode(x);
    const RowFactors factors = scores.factors(x, row);
    expect_sound(row, factors, what);
    const auto e = scores.estimate(q, row, factors);
    const double truth = exact_score(scores.space.metric, q, x),
                 size = dot(q, q) + dot(x, x) + dot(scores.mean, scores.mean);
    if (size < 1e74) { // |<q, x>| < 1e37: the score fits float
        EXPECT_TRUE(e.found) << what << ": bound " << e.bound;
    }
    if (std::fabs(truth) < 1e37) {
        EXPECT_LE(e.bound - 5 * e.error, truth + 4e-3 * size + 1e-37) << what;
    }
    return row;
}

TEST(ResidualQuantizerInput, FewRows)
{
    for (size_t rows : {0, 1, 5, 255, 256, 400, 640})
        for (int codewords : {16, 40, 256})
            for (Metric metric : kMetrics) {
                Random random(rows + 1);
                const RqFixture f(rq_options(30, 6, codewords), gaussian(random, rows * 30));
                const RqScores scores(f, metric, gaussian(random, 30), Floats(30, 0));
                for (int i = 0; i < 20; i++)
                    EXPECT_GT(
                        expect_kept(scores, gaussian(random, 30), gaussian(random, 30), "few").found.scale,
                        0);
            }
}

TEST(ResidualQuantizerInput, ConstantColumns)
{
    for (uint32_t constant : {1u, 20u, 39u, 40u}) {
        Random random(constant);
        Floats data = gaussian(random, 600 * 40);
        for (size_t i = 0; i < data.size(); i++)
            if (i % 40 < constant)
                data[i] = 5;
        const RqFixture f(rq_options(40, 8, 32), data);
        const Floats zero(40, 0);
        const RqScores scores(f, Metric::L2, zero, zero);
        for (size_t i = 0; i < 30; i++) {
            const Floats x = row_of(data, i, 40);
            expect_kept(scores, x, gaussian(random, 40), "like the others");
            EXPECT_LT(f.error(x), constant >= 20 ? .05 : .6) << constant;
            expect_kept(scores, gaussian(random, 40), x, "unlike the others");
        }
    }
}

TEST(ResidualQuantizerInput, ResidualsOfZero)
{
    for (size_t rows : {0, 400})
        for (Metric metric : kMetrics) {
            Random random(3);
            const RqFixture f(rq_options(20, 4, 20), Floats(rows * 20, 0));
            const Floats zero(20, 0);
            const RqScores scores(f, metric, zero, zero);
            const PqRow same = expect_kept(scores, zero, gaussian(random, 20), "equal to its centroid");
            EXPECT_EQ(same.found.scale, 0);
            EXPECT_EQ(same.found.sigma, 0);
            EXPECT_EQ(same.found.centre_dot, 0);
            for (int i = 0; i < 20; i++)
                expect_kept(scores, gaussian(random, 20), gaussian(random, 20), "another row");
        }
}

TEST(ResidualQuantizerInput, ManyResidualsOfZeroTrainNothing)
{
    Random random(4);
    const Floats some = gaussian(random, 512 * 24);
    Floats data(4 * 512 * 24, 0);
    for (size_t i = 0; i < some.size(); i++)
        data[(4 * (i / 24) + 3) * 24 + i % 24] = some[i];
    const RqFixture mixed(rq_options(24, 4, 32), data), alone(rq_options(24, 4, 32), some);
    EXPECT_EQ(mixed.header().trained_layers, 4u);
    EXPECT_NEAR(mixed.mean_error(some), alone.mean_error(some), 0.02);
    // Not equal: rows are read in an order that zeros change, and this is a percentile of some hundred.
    EXPECT_NEAR(mixed.header().scale_per_error / alone.header().scale_per_error, 1, 0.05);
}

TEST(ResidualQuantizerInput, NormsThatDifferByAMillion)
{
    for (Metric metric : kMetrics)
        for (double large : {1.0, 1e6}) {
            Random random(5);
            Floats data = gaussian(random, 600 * 32);
            for (size_t i = 0; i < data.size(); i++)
                data[i] *= (float)(large * std::pow(10, -6.0 * (double)(i / 32) / 600));
            const RqFixture f(rq_options(32, 8, 32), data);
            const Floats zero(32, 0);
            const RqScores scores(f, metric, zero, zero);
            for (size_t i = 0; i < 600; i++) {
                const Floats x = row_of(data, i, 32);
                expect_kept(scores, x, gaussian(random, 32, large), "mixed norms");
                EXPECT_LT(f.error(x), .8); // small rows keep their codes
            }
        }
}

TEST(ResidualQuantizerInput, RowsOfEveryMagnitude)
{
    for (Metric metric : kMetrics)
        for (size_t rows : {0, 300})
            for (double trained : {1e-44, 1e-30, 1.0, 1e18, 1e37}) {
                Random random(6);
                const RqFixture f(rq_options(18, 4, 16), gaussian(random, rows * 18, trained));
                const Floats zero(18, 0);
                const RqScores scores(f, metric, zero, zero);
                for (double scale : {1e-44, 1e-39, 1e-37, 1e-30, 1e-18, 1e-6, 1.0, 1e6, 1e18, 3e37})
                    for (double query : {1e-30, 1.0, 1e18})
                        expect_kept(scores, gaussian(random, 18, scale), gaussian(random, 18, query),
                                    "magnitude");
            }
}

TEST(ResidualQuantizerInput, QueriesOfEveryMagnitudeLoseNoRow)
{
    for (Metric metric : kMetrics)
        for (int codewords : {16, 40}) {
            Random random(8);
            const RqFixture f(rq_options(64, 8, codewords), gaussian(random, 700 * 64));
            const Floats zero(64, 0);
            const RqScores scores(f, metric, zero, zero);
            const std::vector<Floats> rows = {zero, gaussian(random, 64), gaussian(random, 64, 1e-20),
                                              gaussian(random, 64, 1e20)};
            for (double size : {1e-45, 1e-38, 1e-20, 1e10, 1e12, 2e13, 1e14, 1e19, 1e30, 2e37, 1e38})
                for (int j = 0; j < 4; j++) {
                    Floats q = j == 0 ? Floats(64, (float)size) : gaussian(random, 64, size);
                    for (float &v : q)
                        v = std::fmin(std::fmax(v, -3e38f), 3e38f);
                    for (const Floats &x : rows) {
                        const PqRow row = scores.encode(x);
                        const auto e = scores.estimate(q, row, scores.factors(x, row));
                        if (dot(q, q) * dot(x, x) > 1e74)
                            continue; // even the score does not fit float
                        EXPECT_TRUE(e.found)
                            << "query of " << size << ", row of " << std::sqrt(dot(x, x)) << ": " << e.bound;
                    }
                }
        }
}

// Residuals that do not fit float are left out; the others keep their codes.
TEST(ResidualQuantizerInput, RowsThatOverflowDoNotSpoilTheTraining)
{
    for (size_t period : {600, 50, 1}) {
        Random random(9);
        Floats data = gaussian(random, 600 * 20);
        const Floats others = data;
        for (size_t i = 0; i < 600; i += period)
            for (size_t d = 0; d < 20; d++)
                data[i * 20 + d] = (i + d) % 2 == 0 ? 3.4e38f : -3.4e38f;
        TrainingSet set;
        const std::vector<uint32_t> lists(600, 0);
        const Floats centre(20, 1e38f * (period == 1));
        set.rows = 600;
        set.vectors = data.data();
        set.lists = lists.data();
        set.centroids = centre.data();
        const RqFixture f(rq_options(20, 8, 32), set); // expects a valid image
        EXPECT_EQ(f.header().trained_layers, period > 1 ? 8u : 0u);
        if (period > 1) {
            EXPECT_LT(f.mean_error(others), .6) << period;
        }
    }
}

TEST(ResidualQuantizerInput, Duplicates)
{
    for (size_t distinct : {1, 3, 16}) {
        Random random(distinct);
        const Floats few = gaussian(random, distinct * 22);
        Floats data;
        for (size_t i = 0; i < 640; i++)
            data.insert(data.end(), few.begin() + (ptrdiff_t)(i % distinct * 22),
                        few.begin() + (ptrdiff_t)((i % distinct + 1) * 22));
        const RqFixture f(rq_options(22, 4, 32), data);
        EXPECT_LT(f.header().trained_layers, 4u); // the first says all
        const Floats zero(22, 0);
        const RqScores scores(f, Metric::InnerProduct, zero, zero);
        for (size_t i = 0; i < distinct; i++) {
            const Floats x = row_of(few, i, 22);
            EXPECT_LT(f.error(x), 1e-3);
            expect_kept(scores, x, gaussian(random, 22), "one of the few");
            expect_kept(scores, gaussian(random, 22), x, "another row");
        }
    }
}

TEST(ResidualQuantizerInput, FewDimensionsAndSixteenThousand)
{
    for (uint32_t dims : {1u, 2u, 3u, 7u, 16000u})
        for (size_t rows : {0, 256}) {
            Random random(dims);
            const RqFixture f(rq_options(dims, dims > 100 ? 2 : 24, 16), gaussian(random, rows * dims));
            for (Metric metric : kMetrics) {
                const RqScores scores(f, metric, Floats(dims, 0.5f), Floats(dims, 0));
                for (int i = 0; i < 5; i++)
                    expect_kept(scores, gaussian(random, dims), gaussian(random, dims), "ends of the range");
            }
        }
}

} // namespace
} // namespace vq
