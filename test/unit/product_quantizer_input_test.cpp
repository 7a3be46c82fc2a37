// Product quantizer on bad input: nothing gives a NaN, a crash or a row that no search finds.
#include "pq_fixture.h"

#include <algorithm>

namespace vq {
namespace {

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
PqRow expect_kept(const PqScores &scores, const Floats &x, const Floats &q, const char *what)
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

constexpr Metric kMetrics[] = {Metric::L2, Metric::InnerProduct};
constexpr double kThresholds[] = {0, 0.2, 0.9};

TEST(ProductQuantizerInput, SubspacesThatDoNotDivideTheDimension)
{
    for (uint32_t dims : {7u, 13u, 29u})
        for (int sub_dims : {2, 3, 4, 5, 6, 8}) {
            Random random(dims);
            const Floats data = gaussian(random, 400 * dims);
            const PqFixture f(pq_options(dims, sub_dims), data);
            const size_t last = f.columns() - 1, left = dims - last * (size_t)sub_dims;
            ASSERT_EQ(f.width(last), left);
            // The short subspace has as many bits as the others, so less error a dimension.
            double error[2] = {}, all[2] = {};
            for (size_t i = 0; i < 400; i++) {
                const Floats r = f.move(row_of(data, i, dims));
                const PqRow row = f.encode(r);
                const Floats decoded = f.decode(row.code);
                for (size_t d = 0; d < dims; d++) {
                    const bool in_last = d >= last * (size_t)sub_dims;
                    const double gain = dot(r, r) / dot(r, decoded) / (double)row.found.scale;
                    ASSERT_NEAR(gain, 1, 1e-3);
                    error[in_last] += std::pow(r[d] - (double)row.found.scale * decoded[d], 2);
                    all[in_last] += (double)r[d] * r[d];
                }
            }
            EXPECT_LT(error[1] / all[1], 2 * left <= (size_t)sub_dims ? error[0] / all[0] : 1.1)
                << dims << " by " << sub_dims;
        }
}

TEST(ProductQuantizerInput, FewRows)
{
    for (size_t rows : {0, 1, 5, 15, 16, 255, 256})
        for (Metric metric : kMetrics)
            for (double T : kThresholds) {
                Random random(rows + 1);
                const PqFixture f(pq_options(30, 4, millionths(T)), gaussian(random, rows * 30));
                const PqScores scores(f, metric, gaussian(random, 30), Floats(30, 0));
                for (int i = 0; i < 20; i++)
                    EXPECT_GT(
                        expect_kept(scores, gaussian(random, 30), gaussian(random, 30), "few").found.scale,
                        0);
            }
}

TEST(ProductQuantizerInput, ConstantColumns)
{
    for (auto rotation : {PQ::kTrained, PQ::kRandom})
        for (uint32_t constant : {1u, 20u, 39u, 40u})
            for (double T : kThresholds) {
                Random random(constant);
                Floats data = gaussian(random, 300 * 40);
                for (size_t i = 0; i < data.size(); i++)
                    if (i % 40 < constant)
                        data[i] = 5;
                const PqFixture f(pq_options(40, 4, millionths(T), rotation), data);
                const Floats zero(40, 0);
                const PqScores scores(f, Metric::L2, zero, zero);
                for (size_t i = 0; i < 30; i++) {
                    const Floats x = row_of(data, i, 40);
                    expect_kept(scores, x, gaussian(random, 40), "like the others");
                    EXPECT_LT(f.distortion(f.move(x)), constant >= 20 && rotation == PQ::kTrained ? .2 : 1)
                        << constant;
                    expect_kept(scores, gaussian(random, 40), x, "unlike the others");
                }
            }
}

TEST(ProductQuantizerInput, ResidualsOfZero)
{
    for (size_t rows : {0, 300})
        for (Metric metric : kMetrics)
            for (int32_t T : {PQ::kAuto, 0, 200'000}) {
                Random random(3);
                const PqFixture f(pq_options(20, 3, T), Floats(rows * 20, 0));
                const Floats zero(20, 0);
                const PqScores scores(f, metric, zero, zero);
                const PqRow same = expect_kept(scores, zero, gaussian(random, 20), "equal to its centroid");
                EXPECT_EQ(same.found.scale, 0);
                EXPECT_EQ(same.found.sigma, 0);
                EXPECT_EQ(same.found.centre_dot, 0);
                for (int i = 0; i < 20; i++)
                    expect_kept(scores, gaussian(random, 20), gaussian(random, 20), "another row");
            }
}

// Rows equal to their centroids say nothing about the codes of others, however they lie in the sample.
TEST(ProductQuantizerInput, ManyResidualsOfZeroDoNotHideTheTablesError)
{
    for (size_t period : {2, 4, 16}) {
        Random random(period);
        const Floats some = gaussian(random, 1024 / period * 24);
        Floats data(1024 * 24, 0);
        for (size_t i = 0; i < some.size(); i++)
            data[(period * (i / 24) + period - 1) * 24 + i % 24] = some[i];
        const PqFixture f(pq_options(24, 4), data);
        ASSERT_GT(f.encode(f.move(row_of(some, 0, 24))).found.scale, 0);
        const PqQuery query(f, gaussian(random, 24));
        EXPECT_GT(query.head().table_error, 0);
        EXPECT_GT(query.head().table_weight, 0.1) << "every " << period << "th row is not zero";
    }
}

// <r, r~> near zero or below: the scale would be huge or negative.
TEST(ProductQuantizerInput, DenominatorsNearZero)
{
    Random random(4);
    Floats data;
    for (int i = 0; i < 300; i++) // two dimensions alone carry the data
        for (int d = 0; d < 12; d++)
            data.push_back((float)(random.normal() * (d < 2 ? 1 : 1e-6)));
    for (auto rotation : {PQ::kTrained, PQ::kRandom})
        for (double T : kThresholds) {
            const PqFixture f(pq_options(12, 2, millionths(T), rotation), data);
            const Floats zero(12, 0);
            const PqScores scores(f, Metric::L2, zero, zero);
            for (float share : {0.f, 1e-7f, 1e-4f, 1e-2f, 0.1f, -0.1f, 1.f}) {
                Floats x(12, 0);
                x[0] = share, x[5] = 1;
                for (int j = 0; j < 10; j++) {
                    const PqRow row = expect_kept(scores, x, gaussian(random, 12), "almost orthogonal");
                    const double norm = std::sqrt(dot(x, x));
                    EXPECT_LE(row.found.sigma, 11 * norm); // never a scale out of proportion
                    EXPECT_LE(row.found.scale * std::sqrt(dot(f.decode(row.code), f.decode(row.code))),
                              11 * norm);
                }
            }
        }
}

TEST(ProductQuantizerInput, NormsThatDifferByAMillion)
{
    for (Metric metric : kMetrics)
        for (double T : kThresholds)
            for (double large : {1.0, 1e6}) {
                Random random(5);
                Floats data = gaussian(random, 400 * 32);
                for (size_t i = 0; i < data.size(); i++)
                    data[i] *= (float)(large * std::pow(10, -6.0 * (double)(i / 32) / 400));
                const PqFixture f(pq_options(32, 4, millionths(T)), data);
                const Floats zero(32, 0);
                const PqScores scores(f, metric, zero, zero);
                double worst = 0, sum = 0;
                for (size_t i = 0; i < 400; i++) {
                    const Floats x = row_of(data, i, 32);
                    const PqRow row = expect_kept(scores, x, gaussian(random, 32, large), "mixed norms");
                    const double along = dot(scores.residual(x), f.decode(row.code)) * row.found.scale;
                    EXPECT_NEAR(along / dot(scores.residual(x), scores.residual(x)), 1, 1e-3);
                    const double left = f.distortion(f.move(x));
                    worst = std::max(worst, left), sum += left;
                }
                EXPECT_LT(sum / 400, T < .5 ? 1 : 3); // small rows keep their codes
                EXPECT_LT(worst, 100);
            }
}

TEST(ProductQuantizerInput, RowsOfEveryMagnitude)
{
    for (Metric metric : kMetrics)
        for (double T : kThresholds)
            for (size_t rows : {0, 300})
                for (double trained : {1e-30, 1e-10, 1.0, 1e10, 1e18, 1e30}) {
                    Random random(6);
                    const PqFixture f(pq_options(18, 4, millionths(T)), gaussian(random, rows * 18, trained));
                    const Floats zero(18, 0);
                    const PqScores scores(f, metric, zero, zero);
                    for (double scale : {1e-44, 1e-39, 1e-37, 1e-30, 1e-18, 1e-6, 1.0, 1e6, 1e18, 3e37})
                        for (double query : {1e-30, 1.0, 1e18})
                            expect_kept(scores, gaussian(random, 18, scale), gaussian(random, 18, query),
                                        "magnitude");
                }
}

// The direction does not say how long the residual is: with the inner product, a residual may all but vanish.
TEST(ProductQuantizerInput, VanishingResidualsOfRowsOfOrdinaryLength)
{
    Random random(7);
    for (size_t rows : {0, 300}) {
        const PqFixture f(pq_options(200, 1, millionths(.2)), gaussian(random, rows * 200));
        const size_t D = f.shape.space_dims;
        for (double scale : {1e-45, 1e-42, 1e-40, 1e-38, 1e-36, 1e-30})
            for (int i = 0; i < 20; i++) {
                Floats r = gaussian(random, D, scale);
                for (size_t d = 0; d < D; d += (size_t)(i + 1))
                    r[d] = 0;
                const PqRow row = f.encode(r, gaussian(random, D), gaussian(random, D));
                EXPECT_TRUE(std::isfinite(row.found.scale) && std::isfinite(row.found.centre_dot) &&
                            std::isfinite(row.found.sigma))
                    << scale;
                EXPECT_LE(row.found.sigma, 11 * std::sqrt(dot(r, r)) + 1e-44);
            }
    }
}

TEST(ProductQuantizerInput, QueriesOfEveryMagnitudeLoseNoRow)
{
    for (Metric metric : kMetrics)
        for (int sub_dims : {1, 4, 8})
            for (double trained : {1.0, 1e18, 1e24}) { // tables of the last sum to more than a float holds
                Random random(8);
                const PqFixture f(pq_options(64, sub_dims), gaussian(random, 300 * 64, trained));
                const Floats zero(64, 0);
                const PqScores scores(f, metric, zero, zero);
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
                                << "trained on " << trained << ", query of " << size << ", row of "
                                << std::sqrt(dot(x, x)) << ", columns of " << sub_dims << ": " << e.bound;
                        }
                    }
            }
}

// Rows whose squares, or whose residuals, do not fit float: what is trained on them is finite, and the others keep their codes.
TEST(ProductQuantizerInput, RowsThatOverflowDoNotSpoilTheTraining)
{
    for (auto rotation : {PQ::kTrained, PQ::kRandom})
        for (int32_t T : {PQ::kAuto, 0, 200'000})
            for (size_t period : {300, 50, 1}) {
                Random random(9);
                Floats data = gaussian(random, 300 * 20);
                const Floats others = data;
                for (size_t i = 0; i < 300; i += period)
                    for (size_t d = 0; d < 20; d++)
                        data[i * 20 + d] = (i + d) % 2 == 0 ? 3.4e38f : -3.4e38f;
                TrainingSet set;
                const std::vector<uint32_t> lists(300, 0);
                const Floats centre(20, 1e38f * (period == 1));
                set.rows = 300;
                set.vectors = data.data();
                set.lists = lists.data();
                set.centroids = centre.data();
                const PqFixture f(pq_options(20, 3, T, rotation), set);
                const float *book = pq::codebook(f.header(), 0);
                const size_t floats = pq::codebook_floats(f.header().space_dims, 3);
                EXPECT_TRUE(std::all_of(book, book + floats, [](float v) { return std::isfinite(v); }));
                if (period > 1) {
                    EXPECT_LT(f.mean_distortion(others), .7) << period;
                }
            }
}

TEST(ProductQuantizerInput, Duplicates)
{
    for (double T : kThresholds)
        for (auto rotation : {PQ::kTrained, PQ::kRandom})
            for (size_t distinct : {1, 3, 16}) {
                Random random(distinct);
                const Floats few = gaussian(random, distinct * 22);
                Floats data;
                for (size_t i = 0; i < 320; i++)
                    data.insert(data.end(), few.begin() + (ptrdiff_t)(i % distinct * 22),
                                few.begin() + (ptrdiff_t)((i % distinct + 1) * 22));
                const PqFixture f(pq_options(22, 4, millionths(T), rotation), data);
                const Floats zero(22, 0);
                const PqScores scores(f, Metric::InnerProduct, zero, zero);
                for (size_t i = 0; i < distinct; i++) {
                    const Floats x = row_of(few, i, 22), y = f.move(x);
                    const double norm = std::sqrt(dot(y, y)), typical = f.header().typical_norm;
                    if (norm > .51 * typical && norm < 1.99 * typical) { // every row has its centroid
                        EXPECT_LT(f.distortion(y), distinct < 16 ? 1e-6 : .2);
                    }
                    expect_kept(scores, x, gaussian(random, 22), "one of the few");
                    expect_kept(scores, gaussian(random, 22), x, "another row");
                }
            }
}

TEST(ProductQuantizerInput, OneDimensionAndSixteenThousand)
{
    for (uint32_t dims : {1u, 2u, 3u, 16000u})
        for (size_t rows : {0, 256}) {
            Random random(dims);
            const auto rotation = dims == 16000 ? PQ::kRandom : PQ::kTrained; // the other takes its time
            const PqFixture f(pq_options(dims, 8, millionths(.2), rotation), gaussian(random, rows * dims));
            for (Metric metric : kMetrics) {
                const PqScores scores(f, metric, Floats(dims, 0.5f), Floats(dims, 0));
                for (int i = 0; i < 5; i++)
                    expect_kept(scores, gaussian(random, dims), gaussian(random, dims), "ends of the range");
            }
        }
}

} // namespace
} // namespace vq
