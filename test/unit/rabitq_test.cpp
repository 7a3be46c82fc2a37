// RaBitQ: both ways of summing agree, estimates obey the published error law, extended bits reach the
// measured distortion.
#include "core/half.h"
#include "core/rabitq.h"
#include "core/random.h"
#include "core/space.h"
#include "core/tile.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace vq {
namespace {

using Floats = std::vector<float>;

Floats gaussian(Random &random, size_t n, double scale = 1)
{
    Floats x(n);
    for (float &v : x)
        v = (float)(scale * random.normal());
    return x;
}

// A trained codec over a Space with zero or given mean.
struct Fixture
{
    CodecOptions options = {};
    std::vector<uint8_t> image;
    Floats mean, moved_mean;
    CodecShape shape;
    Space space;

    Fixture(uint32_t dims, int bits, Metric metric, const Floats &m = {})
    {
        options.dims = dims;
        options.seed = 7;
        options.value[0] = bits;
        image.resize(RabitqCodec::image_bytes(options, 0));
        EXPECT_TRUE(RabitqCodec::train(options, {}, image.data(), nullptr, {}));
        EXPECT_TRUE(RabitqCodec::valid(image.data(), image.size(), dims));
        shape = RabitqCodec::shape(image.data());
        mean = m.empty() ? Floats(dims, 0) : m;
        moved_mean.resize(shape.space_dims);
        RabitqCodec::transform(image.data(), mean.data(), moved_mean.data());
        space = {metric,      dims, shape.space_dims, mean.data(), moved_mean.data(), &kCodecOps<RabitqCodec>,
                 image.data()};
    }

    Floats move(const Floats &x) const
    {
        Floats y(shape.space_dims), scratch(options.dims);
        space_transform(space, x.data(), 1, y.data(), scratch.data());
        return y;
    }
};

struct Row
{
    std::vector<uint8_t> code, fine;
    RowFactors factors;
    float fine_factors[3];
};

Row encode(const Fixture &f, const Floats &x, const Floats &centre)
{
    Floats r = f.move(x);
    for (size_t i = 0; i < r.size(); i++)
        r[i] -= centre[i];
    Row row{std::vector<uint8_t>(f.shape.code_bytes), std::vector<uint8_t>(f.shape.fine_bytes + 1), {}, {}};
    RowCode code = RabitqCodec::encode(f.image.data(), r.data(), centre.data(), r.data(), row.code.data(),
                                       row.fine.data());
    row.factors = row_factors(f.space, code, r.data(), centre.data(), row.fine_factors);
    return row;
}

// A prepared query.
struct Query
{
    alignas(64) std::vector<uint8_t> memory;
    Floats moved, scratch;
    SpaceQuery query;
    void *state;

    Query(const Fixture &f, const Floats &q, int bits)
        : memory(f.shape.query_bytes + 64), moved(f.shape.space_dims), scratch(f.options.dims)
    {
        query = space_query(f.space, q.data(), 1, moved.data(), scratch.data());
        state = (void *)(((uintptr_t)memory.data() + 63) / 64 * 64);
        RabitqCodec::prepare(f.image.data(), moved.data(), bits, state);
    }
    const QueryHead &head() const { return *(const QueryHead *)state; }
};

std::vector<uint8_t> to_bf16(const Floats &c)
{
    std::vector<uint8_t> out(2 * c.size());
    for (size_t i = 0; i < c.size(); i++) {
        uint16_t h = float_to_bf16(c[i]);
        memcpy(&out[2 * i], &h, 2);
    }
    return out;
}

// Centroid rounded to what an index stores.
Floats rounded(Floats c)
{
    for (float &v : c)
        v = bf16_to_float(float_to_bf16(v));
    return c;
}

struct Estimate
{
    double score, error; // error: one standard error
};

Estimate estimate(const Fixture &f, const Query &q, const Row &row, const Floats &centre)
{
    ListTerms list =
        list_terms(f.space, q.query, centroid_terms(f.space, centre.data()), to_bf16(centre).data());
    uint32_t acc = RabitqCodec::scan_row(q.state, row.code.data());
    double dot = (double)q.head().mul * acc + q.head().offset;
    return {list.add + row.factors.add + bf16_to_float(row.factors.scale) * dot,
            error_distance(q.head(), list.distance) * (double)bf16_to_float(row.factors.err)};
}

Estimate fine_estimate(const Fixture &f, const Query &q, const Row &row, const Floats &centre)
{
    ListTerms list =
        list_terms(f.space, q.query, centroid_terms(f.space, centre.data()), to_bf16(centre).data());
    float dot =
        RabitqCodec::scan_fine(q.state, RabitqCodec::scan_row(q.state, row.code.data()), row.fine.data());
    return {list.add + row.fine_factors[0] + (double)row.fine_factors[1] * dot,
            (double)list.distance * row.fine_factors[2]};
}

double exact(Metric metric, const Floats &q, const Floats &x)
{
    double sum = 0;
    for (size_t i = 0; i < q.size(); i++)
        sum += metric == Metric::L2 ? ((double)q[i] - x[i]) * ((double)q[i] - x[i]) : -(double)q[i] * x[i];
    return sum;
}

TEST(Rabitq, TilesAndRowsSumAlikeForEveryQueryPrecision)
{
    for (uint32_t dims : {1u, 64u, 100u, 384u, 784u, 1536u, 16000u}) {
        Fixture f(dims, 1, Metric::L2);
        Random random(dims);
        const size_t bytes = f.shape.code_bytes;
        std::vector<uint8_t> codes(32 * bytes), tile(32 * bytes);
        for (uint8_t &b : codes)
            b = (uint8_t)random.next();
        tile_pack(codes.data(), bytes, 32, bytes, tile.data());
        Floats q = gaussian(random, dims);
        for (int bits = 0; bits <= 8; bits++) {
            Query query(f, q, bits);
            uint32_t acc[32] = {};
            const size_t split = bytes / 3; // a tile may come in parts
            RabitqCodec::scan_tile(query.state, tile.data(), 0, split, acc);
            RabitqCodec::scan_tile(query.state, tile.data() + 32 * split, split, bytes - split, acc);
            for (int v = 0; v < 32; v++)
                ASSERT_EQ(acc[v], RabitqCodec::scan_row(query.state, codes.data() + v * bytes))
                    << "dims " << dims << " bits " << bits << " row " << v;
        }
    }
}

// Sum over set bits must be the query's sum, up to the query's own quantization.
TEST(Rabitq, AccumulatedSumIsTheInnerProduct)
{
    Fixture f(384, 1, Metric::L2);
    Random random(3);
    Floats q = gaussian(random, 384);
    std::vector<uint8_t> code(f.shape.code_bytes);
    for (uint8_t &b : code)
        b = (uint8_t)random.next();
    for (int bits = 0; bits <= 8; bits++) {
        Query query(f, q, bits);
        double expected = 0;
        for (size_t i = 0; i < query.moved.size(); i++)
            expected += query.moved[i] * (((code[i / 8] >> (i % 8)) & 1) - 0.5);
        double got =
            (double)query.head().mul * RabitqCodec::scan_row(query.state, code.data()) + query.head().offset;
        EXPECT_NEAR(got, expected, 0.5 * std::sqrt(384.0) * query.head().table_error + 1e-3)
            << "bits " << bits;
        if (bits == 0) {
            EXPECT_NEAR(got, expected, 2e-3 * std::sqrt(384.0));
        }
    }
}

// Theorem 3.2 of the paper: the estimator is unbiased and its error is below epsilon standard errors with the
// probability of a Gaussian. 20,000 pairs, residuals and queries about a common centroid.
class ErrorLaw : public testing::TestWithParam<std::tuple<uint32_t, Metric, int>>
{
};

TEST_P(ErrorLaw, UnbiasedAndBounded)
{
    auto [dims, metric, query_bits] = GetParam();
    Random random(dims + 10 * (int)metric + 100 * query_bits);
    Floats mean = gaussian(random, dims, 0.5);
    Fixture f(dims, 1, metric, mean);
    double sum = 0, sum_sq = 0, beyond_19 = 0, beyond_30 = 0, n = 0;
    for (int list = 0; list < 20; list++) {
        Floats origin = gaussian(random, dims), centre = rounded(f.move(origin));
        std::vector<Row> rows;
        std::vector<Floats> vectors;
        for (int i = 0; i < 50; i++) {
            Floats x = gaussian(random, dims, 0.3);
            for (uint32_t d = 0; d < dims; d++)
                x[d] += origin[d];
            rows.push_back(encode(f, x, centre));
            vectors.push_back(x);
        }
        for (int j = 0; j < 20; j++) {
            Floats q = gaussian(random, dims, 0.4);
            for (uint32_t d = 0; d < dims; d++)
                q[d] += origin[d];
            Query query(f, q, query_bits);
            for (size_t i = 0; i < rows.size(); i++) {
                Estimate e = estimate(f, query, rows[i], centre);
                double z = (e.score - exact(metric, q, vectors[i])) / e.error;
                sum += z, sum_sq += z * z, n++;
                beyond_19 += z > 1.9 || z < -1.9;
                beyond_30 += z > 3.0 || z < -3.0;
            }
        }
    }
    RecordProperty("std", std::to_string(std::sqrt(sum_sq / n)));
    EXPECT_NEAR(sum / n, 0, 0.05);         // unbiased
    EXPECT_LT(std::sqrt(sum_sq / n), 1.1); // the stated error is the error
    EXPECT_GT(std::sqrt(sum_sq / n), 0.8); // and not a lazy bound
    EXPECT_LT(beyond_19 / n, 0.075);       // Gaussian: 0.057
    EXPECT_LT(beyond_30 / n, 0.006);       // Gaussian: 0.0027
}

INSTANTIATE_TEST_SUITE_P(Dims, ErrorLaw,
                         testing::Combine(testing::Values(128u, 384u, 784u),
                                          testing::Values(Metric::L2, Metric::InnerProduct),
                                          testing::Values(0, 4, 1)));

// Normalized distortion of the decoded direction, codec_measurements: 1 bit .36, 2 bits .118, 4 bits .0114.
TEST(Rabitq, ExtendedBitsReachTheMeasuredError)
{
    const double expected[9] = {0, 0, .118, .038, .0114, .0032, .0010, .0003, .0001};
    for (int bits = 2; bits <= 8; bits++) {
        Fixture f(384, bits, Metric::L2);
        Random random(bits);
        Floats origin(f.shape.space_dims, 0);
        double error_sq = 0, n = 0;
        for (int i = 0; i < 100; i++) {
            Floats x = gaussian(random, 384), q = gaussian(random, 384);
            Row row = encode(f, x, origin);
            Query query(f, q, 0);
            Estimate e = fine_estimate(f, query, row, origin);
            double z = e.score - exact(Metric::L2, q, x);
            // score error = 2 |q| |x| sqrt(nmse / D) for the scaled code
            double unit =
                4 * exact(Metric::L2, q, Floats(384, 0)) * exact(Metric::L2, x, Floats(384, 0)) / 384;
            error_sq += z * z / unit, n++;
            EXPECT_LT(std::fabs(z), 6 * e.error + 1e-2) << "bits " << bits;
        }
        EXPECT_LT(error_sq / n, 1.6 * expected[bits]) << "bits " << bits;
    }
}

TEST(Rabitq, RowEqualToItsCentroidIsExact)
{
    for (Metric metric : {Metric::L2, Metric::InnerProduct}) {
        Fixture f(100, 3, metric);
        Random random(5);
        Floats zero(100, 0), q = gaussian(random, 100);
        Floats centre = rounded(f.move(zero));
        Row row = encode(f, zero, centre);
        EXPECT_EQ(row.factors.scale, float_to_bf16(-0.0f));
        EXPECT_EQ(row.factors.err, 0);
        Estimate e = estimate(f, Query(f, q, 0), row, centre);
        EXPECT_NEAR(e.score, exact(metric, q, zero), 1e-3);
        EXPECT_EQ(e.error, 0);
        EXPECT_EQ(row.fine_factors[2], 0);
    }
}

TEST(Rabitq, OneDimensionHasSixtyFourBits)
{
    Fixture f(1, 1, Metric::L2);
    EXPECT_EQ(f.shape.space_dims, 64u);
    Floats centre(64, 0);
    for (float x : {-5.f, -0.25f, 3.f}) {
        Estimate e = estimate(f, Query(f, {2.f}, 0), encode(f, {x}, centre), centre);
        EXPECT_NEAR(e.score, (x - 2) * (x - 2), 3 * e.error + 0.02 * x * x);
    }
}

TEST(Rabitq, HugeAndTinyRowsNeverGiveNan)
{
    for (Metric metric : {Metric::L2, Metric::InnerProduct})
        for (double scale : {1e-30, 1e-6, 1e6, 1e15, 1e18, 3e37}) {
            Fixture f(64, 2, metric);
            Random random(9);
            Floats x = gaussian(random, 64, scale), q = gaussian(random, 64), centre(64, 0);
            for (float &v : x)
                v = std::fmin(std::fmax(v, -3e38f), 3e38f);
            Row row = encode(f, x, centre);
            EXPECT_FALSE(std::isnan(row.factors.add)) << scale;
            EXPECT_LT(row.factors.add, INFINITY)
                << scale; // a row that overflows goes below everything, never above
            EXPECT_FALSE(std::isnan(bf16_to_float(row.factors.scale))) << scale;
            EXPECT_FALSE(std::isnan(row.fine_factors[0])) << scale;
            Query query(f, q, 0);
            Estimate e = estimate(f, query, row, centre);
            double truth = exact(metric, q, x);
            if (std::isfinite((float)e.score) && truth < 1e38 && truth > -1e38) {
                EXPECT_LE(e.score - 4.5 * e.error, truth + 1e-3 * std::fabs(truth) + 1e-3) << scale;
            }
        }
}

TEST(Rabitq, RefusesForeignImages)
{
    Fixture f(384, 1, Metric::L2);
    std::vector<uint8_t> image = f.image;
    EXPECT_FALSE(RabitqCodec::valid(image.data(), image.size() - 1, 384));
    EXPECT_FALSE(RabitqCodec::valid(image.data(), image.size(), 385));
    EXPECT_FALSE(RabitqCodec::valid(image.data(), 3, 384));
    for (size_t i = 0; i < 16; i++) {
        image = f.image;
        image[i] ^= 0x40;
        EXPECT_FALSE(RabitqCodec::valid(image.data(), image.size(), 384)) << "byte " << i;
    }
}

} // namespace
} // namespace vq
