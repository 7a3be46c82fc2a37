// Product quantizer: tables, tiles, and the law that estimates obey.
#include "pq_fixture.h"

#include "core/tile.h"

#include <algorithm>

namespace vq {
namespace {

// --- tables and tiles ---

std::vector<uint8_t> random_codes(const PqFixture &f, size_t n, Random &random)
{
    std::vector<uint8_t> codes(n * f.shape.code_bytes);
    for (size_t i = 0; i < codes.size(); i++) {
        codes[i] = (uint8_t)random.next();
        if (f.columns() % 2 && (i + 1) % f.shape.code_bytes == 0)
            codes[i] &= 15; // the column that fills the last byte
    }
    return codes;
}

// Largest minus smallest entry of column j's table.
double span(const PqFixture &f, const Floats &q, size_t j)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t k = 0; k < pq::kCentroids; k++) {
        double sum = 0;
        for (size_t d = 0; d < f.width(j); d++)
            sum += (double)q[j * f.header().sub_dims + d] * (double)f.centroid(j, d, k);
        least = std::min(least, sum), most = std::max(most, sum);
    }
    return most - least;
}

double widest(const PqFixture &f, const Floats &q)
{
    double most = 0;
    for (size_t j = 0; j < f.columns(); j++)
        most = std::max(most, span(f, q, j));
    return most;
}

// The step tells: with bytes alone it is the widest span / 255.
bool has_wide_tables(const PqFixture &f, const Floats &q, const PqQuery &query)
{
    return query.head().mul < 0.9 * widest(f, q) / 255;
}

void expect_cuts_agree(const PqFixture &f, const PqQuery &query, Random &random)
{
    const size_t bytes = f.shape.code_bytes;
    const std::vector<uint8_t> codes = random_codes(f, simd::kTileRows, random);
    Memory tile(tile_code_bytes(bytes));
    tile_pack(codes.data(), bytes, simd::kTileRows, bytes, tile.data());
    uint32_t expected[simd::kTileRows];
    for (size_t v = 0; v < simd::kTileRows; v++)
        expected[v] = PQ::scan_row(query.state.data(), codes.data() + v * bytes);
    const size_t step = bytes / 100 + 1;
    for (size_t cut = 0; cut <= bytes; cut += cut < 8 ? 1 : step) {
        uint32_t acc[simd::kTileRows] = {};
        PQ::scan_tile(query.state.data(), tile.data(), 0, cut, acc);
        PQ::scan_tile(query.state.data(), tile.data() + 32 * cut, cut, bytes - cut, acc);
        for (size_t v = 0; v < simd::kTileRows; v++)
            ASSERT_EQ(acc[v], expected[v]) << "cut at " << cut << " of " << bytes << ", row " << v;
    }
    uint32_t acc[simd::kTileRows] = {};
    for (size_t b = 0; b < bytes; b += 7) // many parts, as pages give them
        PQ::scan_tile(query.state.data(), tile.data() + 32 * b, b, std::min<size_t>(7, bytes - b), acc);
    for (size_t v = 0; v < simd::kTileRows; v++)
        ASSERT_EQ(acc[v], expected[v]) << "row " << v;
}

TEST(ProductQuantizerScan, TilesCutAnywhereSumAsRowsDo)
{
    for (uint32_t dims : {1u, 2u, 3u, 7u, 64u, 100u, 385u})
        for (int sub_dims = 1; sub_dims <= 8; sub_dims++) {
            Random random(dims);
            const PqFixture f(pq_options(dims, sub_dims), gaussian(random, 256 * dims));
            const size_t at = (f.columns() + 15) / 16 - 1; // the last column that is sure of 16 bits
            Floats flat = gaussian(random, f.shape.space_dims), spiky = flat;
            spiky[at * (size_t)sub_dims] = 300;
            const PqQuery narrow(f, flat), wide(f, spiky);
            EXPECT_TRUE(has_wide_tables(f, spiky, wide)) << dims << " by " << sub_dims;
            expect_cuts_agree(f, narrow, random);
            expect_cuts_agree(f, wide, random);
        }
}

TEST(ProductQuantizerScan, SumsOfSixteenThousandDimensionsDoNotOverflow)
{
    for (int sub_dims : {1, 8}) {
        Random random((uint64_t)sub_dims);
        const PqFixture f(pq_options(16000, sub_dims), Floats());
        EXPECT_EQ(f.shape.code_bytes, 8000u / (uint32_t)sub_dims);
        Floats flat = gaussian(random, 16000), spiky = flat;
        spiky[0] = spiky[100] = 1000;
        for (const Floats &q : {flat, spiky}) {
            const PqQuery query(f, q);
            EXPECT_EQ(has_wide_tables(f, q, query), q[0] == 1000);
            expect_cuts_agree(f, query, random);
            // The code of the largest entries: the sum passes 16 bits.
            std::vector<uint8_t> largest(f.shape.code_bytes);
            double expected = 0;
            for (size_t j = 0; j < f.columns(); j++) {
                double most = -INFINITY;
                for (uint8_t k = 0; k < pq::kCentroids; k++) {
                    double sum = 0;
                    for (size_t d = 0; d < (size_t)sub_dims; d++)
                        sum += (double)q[j * (size_t)sub_dims + d] * (double)f.centroid(j, d, k);
                    if (sum > most) {
                        most = sum;
                        largest[j / 2] = (uint8_t)(j % 2 ? (largest[j / 2] & 15) | k << 4 : k);
                    }
                }
                expected += most;
            }
            EXPECT_GT(query.sum(largest), 1u << 16);
            EXPECT_NEAR(query.dot(largest), expected, 0.01 * expected);
        }
    }
}

// The stated error is that of entries rounded at random: seen over codes, neither less nor far more.
TEST(ProductQuantizerScan, AccumulatedSumIsTheInnerProduct)
{
    for (uint32_t dims : {7u, 64u, 100u, 384u})
        for (int sub_dims : {1, 3, 4, 8})
            for (float spike : {0.f, 500.f}) {
                Random random(dims + (uint64_t)sub_dims);
                const PqFixture f(pq_options(dims, sub_dims), gaussian(random, 300 * dims));
                Floats q = gaussian(random, dims);
                q[0] += spike;
                const PqQuery query(f, q);
                EXPECT_EQ(query.head().table_weight, f.header().scale_per_error);
                EXPECT_GT(query.head().table_weight, 0);
                double sum_sq = 0;
                for (int i = 0; i < 200; i++) {
                    const std::vector<uint8_t> code = random_codes(f, 1, random);
                    const double e = query.dot(code) - dot(q, f.decode(code));
                    ASSERT_LE(std::fabs(e),
                              query.head().mul * (0.5 * (double)f.columns() + 0.01) + 1e-4 * spike);
                    sum_sq += e * e;
                }
                const double rms = std::sqrt(sum_sq / 200);
                EXPECT_LT(rms, 2 * query.head().table_error) << dims << " by " << sub_dims;
                if (dims > 7) {
                    EXPECT_GT(rms, 0.5 * query.head().table_error) << dims << " by " << sub_dims;
                }
            }
}

// One dimension that outweighs the others must not spoil their step.
TEST(ProductQuantizerScan, SixteenBitsKeepTheStepOfTheOthers)
{
    Random random(5);
    const PqFixture f(pq_options(128, 4), gaussian(random, 300 * 128));
    Floats q = gaussian(random, 128), spiky = q, late = q;
    spiky[2] = 80, late[124] = 80; // 124: the widest axis of the last subspace
    const double flat_step = PqQuery(f, q).head().mul;
    EXPECT_LT(PqQuery(f, spiky).head().mul, 1.05 * flat_step);
    EXPECT_GT(PqQuery(f, late).head().mul, 10 * flat_step); // only the first columns may be wide
    EXPECT_NEAR(PqQuery(f, late).head().mul, widest(f, late) / 255, 1e-4);
}

TEST(ProductQuantizerScan, TheFillingColumnAddsNothing)
{
    for (uint32_t dims : {3u, 20u, 100u})
        for (float spike : {0.f, 1e4f}) {
            Random random(dims);
            const PqFixture f(pq_options(dims, 4), gaussian(random, 300 * dims));
            ASSERT_EQ(f.columns() % 2, 1u);
            Floats q = gaussian(random, dims);
            q[0] += spike;
            const PqQuery query(f, q);
            std::vector<uint8_t> code = random_codes(f, 1, random), filled = code;
            filled.back() |= 0xF0;
            EXPECT_EQ(query.sum(code), query.sum(filled));
        }
}

// --- estimates ---

struct Law
{
    uint32_t dims;
    int sub_dims;
    double threshold;
    Metric metric;
    size_t rows; // of training
};

void PrintTo(const Law &law, std::ostream *out)
{
    *out << law.dims << " by " << law.sub_dims << ", T " << law.threshold << ", metric " << (int)law.metric
         << ", " << law.rows << " rows";
}

class PqErrorLaw : public testing::TestWithParam<Law>
{
};

void normalize(Floats &x)
{
    const double norm = std::sqrt(dot(x, x));
    for (float &v : x)
        v = (float)(v / norm);
}

// Residuals and queries about common centroids. 10,000 pairs.
TEST_P(PqErrorLaw, UnbiasedAndBounded)
{
    const Law law = GetParam();
    const bool cosine = law.metric == Metric::Cosine;
    const Metric metric = law.metric == Metric::L2 ? Metric::L2 : Metric::InnerProduct;
    Random random(law.dims + 10 * (uint64_t)law.metric);
    const PqFixture f(pq_options(law.dims, law.sub_dims, millionths(law.threshold)),
                      gaussian(random, law.rows * law.dims, cosine ? 0.3 / std::sqrt(law.dims) : 0.3),
                      metric == Metric::InnerProduct);
    const Floats mean = gaussian(random, law.dims, 0.5);
    double sum = 0, sum_sq = 0, beyond_19 = 0, beyond_30 = 0, n = 0;
    for (int list = 0; list < 20; list++) {
        Floats origin = gaussian(random, law.dims);
        if (cosine)
            normalize(origin);
        const PqScores scores(f, metric, cosine ? Floats(law.dims, 0) : mean, origin);
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
    // The scale takes the error along r away, not the one along x: a threshold for x leaves some bias there.
    EXPECT_NEAR(sum / n, 0, law.threshold > 0 && metric == Metric::InnerProduct ? 0.12 : 0.06);
    EXPECT_LT(std::sqrt(sum_sq / n), 1.1); // the stated error is the error
    EXPECT_GT(std::sqrt(sum_sq / n), 0.8); // and not a lazy bound
    EXPECT_LT(beyond_19 / n, 0.08);        // Gaussian: 0.057
    EXPECT_LT(beyond_30 / n, 0.008);       // Gaussian: 0.0027
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, PqErrorLaw,
    testing::Values(Law{64, 2, 0, Metric::L2, 600}, Law{100, 4, 0, Metric::L2, 600},
                    Law{100, 8, .1, Metric::L2, 600}, Law{101, 2, 0, Metric::InnerProduct, 600},
                    Law{128, 4, 0, Metric::InnerProduct, 600}, Law{128, 4, .1, Metric::InnerProduct, 600},
                    Law{100, 4, 0, Metric::Cosine, 600}, Law{100, 4, 0, Metric::L2, 0},
                    Law{65, 3, 0, Metric::InnerProduct, 5}, Law{100, 8, 0, Metric::L2, 15},
                    Law{100, 2, .2, Metric::Cosine, 255}));

TEST(ProductQuantizerScan, RowsEqualToTheirCentroidAreExact)
{
    for (size_t rows : {0, 300})
        for (Metric metric : {Metric::L2, Metric::InnerProduct}) {
            Random random(7);
            const PqFixture f(pq_options(100, 4), gaussian(random, rows * 100));
            const Floats zero(100, 0), q = gaussian(random, 100);
            const PqScores scores(f, metric, gaussian(random, 100), zero);
            Floats x =
                zero; // the row whose residual is zero: R(x - m) = c has no exact solution, so at codec level
            const PqRow row = f.encode(Floats(f.shape.space_dims, 0), scores.centre, f.move(x));
            EXPECT_EQ(row.found.scale, 0);
            EXPECT_EQ(row.found.sigma, 0);
            float fine[3];
            const Floats r(f.shape.space_dims, 0);
            const RowFactors factors =
                row_factors(scores.space, row.found, r.data(), scores.centre.data(), fine);
            EXPECT_EQ(factors.err, 0);
            const auto e = scores.estimate(q, row, factors);
            EXPECT_NEAR(e.score, exact_score(metric, q, x), 1.0); // the centroid's own rounding
            EXPECT_EQ(e.error, 0);
            EXPECT_TRUE(e.found);
        }
}

// A code that says nothing: the constant alone, with a bound that no query passes.
TEST(ProductQuantizerScan, DegenerateCodesHaveABoundThatAlwaysHolds)
{
    for (uint32_t dims : {1u, 2u, 5u, 40u})
        for (Metric metric : {Metric::L2, Metric::InnerProduct}) {
            Random random(dims);
            Floats data; // one direction, one sign
            for (int i = 0; i < 300; i++)
                for (uint32_t d = 0; d < dims; d++)
                    data.push_back(10.0f + (float)(0.001 * random.normal()));
            const PqFixture f(pq_options(dims, 4), data);
            const Floats zero(dims, 0);
            const PqScores scores(f, metric, zero, zero);
            for (int i = 0; i < 50; i++) {
                Floats x = i % 2 ? Floats(dims, -9.0f - (float)i) : gaussian(random, dims, 0.1 * i + 0.01);
                if (dot(x, Floats(dims, 1)) > 0)
                    for (float &v : x)
                        v = -v;
                const PqRow row = scores.encode(x);
                ASSERT_EQ(row.found.scale, 0) << i;
                ASSERT_NEAR(row.found.sigma, std::sqrt(dot(x, x)), 1e-3 * row.found.sigma);
                const RowFactors factors = scores.factors(x, row);
                for (int j = 0; j < 20; j++) {
                    Floats q = j == 0 ? x : gaussian(random, dims, 20);
                    const auto e = scores.estimate(q, row, factors);
                    const double truth = exact_score(metric, q, x);
                    ASSERT_TRUE(e.found);
                    ASSERT_LE(e.bound, truth + 2e-3 * (dot(q, q) + dot(x, x))) << "row " << i;
                }
            }
        }
}

} // namespace
} // namespace vq
