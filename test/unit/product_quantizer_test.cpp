// Product quantizer: its image, and codes that obey their definition.
#include "pq_fixture.h"

#include "simd/kernels.h"

#include <algorithm>

namespace vq {
namespace {

void expect_finite(const PqFixture &f)
{
    const pq::PqImage &h = f.header();
    const size_t floats = pq::codebook_floats(h.space_dims, h.sub_dims);
    for (size_t i = 0; i < floats; i++)
        ASSERT_TRUE(std::isfinite(pq::codebook(h, 0)[i])) << i;
    EXPECT_TRUE(std::isfinite(h.threshold) && std::isfinite(h.parallel_weight) &&
                std::isfinite(h.typical_norm) && std::isfinite(h.scale_per_error));
}

// --- image ---

TEST(ProductQuantizer, ImagesOfEveryShapeHaveTheStatedSize)
{
    for (uint32_t dims : {1u, 2u, 3u, 7u, 33u, 70u})
        for (int sub_dims = 1; sub_dims <= 8; sub_dims++)
            for (size_t rows : {0, 256})
                for (auto rotation : {PQ::kTrained, PQ::kRandom}) {
                    if (rows == 0 && (rotation != PQ::kRandom || sub_dims % 3 != 2))
                        continue; // untrained images take longest, and are all alike
                    Random random(dims);
                    PqFixture f(pq_options(dims, sub_dims, 0, rotation), gaussian(random, rows * dims));
                    const size_t D = rows == 0 || rotation == PQ::kRandom ? rotation_dims(dims) : dims;
                    EXPECT_EQ(f.shape.space_dims, D);
                    EXPECT_EQ(f.shape.code_bytes, ((D + sub_dims - 1) / sub_dims + 1) / 2);
                    EXPECT_EQ(f.shape.fine_bytes, 0u);
                    EXPECT_EQ(f.header().rotation, rows == 0 ? PQ::kRandom : rotation);
                    expect_finite(f);
                    EXPECT_FALSE(PQ::valid(f.image.data(), f.image.size() - 1, dims));
                    EXPECT_FALSE(PQ::valid(f.image.data(), f.image.size() + 1, dims));
                    EXPECT_FALSE(PQ::valid(f.image.data(), f.image.size(), dims + 1));
                }
}

TEST(ProductQuantizer, RefusesForeignImages)
{
    Random random(1);
    for (auto rotation : {PQ::kTrained, PQ::kRandom}) {
        PqFixture f(pq_options(100, 4, 0, rotation), gaussian(random, 256 * 100));
        for (size_t bytes : {0, 3, 63})
            EXPECT_FALSE(PQ::valid(f.image.data(), bytes, 100));
        EXPECT_FALSE(PQ::valid(f.image.data(), f.image.size(), 0));
        for (size_t i = 0; i < 20; i++) { // magic, dims, space_dims, sub_dims, rotation
            Memory image = f.image;
            image.data()[i] ^= 0x40;
            EXPECT_FALSE(PQ::valid(image.data(), image.size(), 100)) << "byte " << i;
        }
        for (uint32_t kind = 0; kind < 4; kind++) { // a rotation that the image does not hold
            Memory image = f.image;
            ((pq::PqImage *)image.data())->rotation = kind;
            EXPECT_EQ(PQ::valid(image.data(), image.size(), 100), kind == rotation) << kind;
        }
        for (uint32_t sub_dims = 0; sub_dims < 10; sub_dims++) {
            Memory image = f.image;
            ((pq::PqImage *)image.data())->sub_dims = sub_dims;
            EXPECT_EQ(PQ::valid(image.data(), image.size(), 100), sub_dims == 4) << sub_dims;
        }
    }
    PqFixture f(pq_options(100, 4), gaussian(random, 256 * 100));
    std::memset(const_cast<uint8_t *>(pq::rotation(f.header())), 0xFF,
                sizeof(float)); // a scale that is no number
    EXPECT_FALSE(PQ::valid(f.image.data(), f.image.size(), 100));
}

// The user's rows say nothing before there are 16 a centroid.
TEST(ProductQuantizer, FewRowsGiveTheUntrainedImage)
{
    Random random(2);
    const Floats data = gaussian(random, 256 * 50, 1e3);
    const PqFixture none(pq_options(50, 4), Floats());
    for (size_t rows : {1, 5, 15, 16, 255}) {
        PqFixture few(pq_options(50, 4), Floats(data.begin(), data.begin() + (ptrdiff_t)(rows * 50)));
        EXPECT_TRUE(few.image == none.image) << rows;
    }
    PqFixture enough(pq_options(50, 4), data);
    EXPECT_EQ(enough.header().rotation, PQ::kTrained);
    EXPECT_NEAR(enough.header().typical_norm, 1e3 * std::sqrt(50), 1e3);
}

TEST(ProductQuantizer, TheSameSeedGivesTheSameImage)
{
    Random random(3);
    const Floats data = correlated(random, 300, 40);
    CodecOptions options = pq_options(40, 3, PQ::kAuto);
    PqFixture a(options, data), b(options, data);
    EXPECT_TRUE(a.image == b.image);
    options.seed++;
    EXPECT_FALSE(PqFixture(options, data).image == a.image);
    EXPECT_FALSE(PqFixture(options, Floats()).image == PqFixture(pq_options(40, 3), Floats()).image);
}

// A random rotation adds and subtracts in the same order on every level, and so does nearest_codes: with nothing else in
// centroids and codes, they have the same bits.
TEST(ProductQuantizer, EveryLevelGivesTheSameCentroidsAndCodes)
{
    Random random(4);
    const Floats data = correlated(random, 400, 37);
    const size_t levels = simd::level_count();
    std::vector<float> books;
    std::vector<uint8_t> codes;
    for (size_t i = 0; i < levels; i++) {
        if (!simd::select_level(simd::level(i).table->name))
            continue;
        PqFixture f(pq_options(37, 5, 0, PQ::kRandom), data);
        const float *book = pq::codebook(f.header(), 0);
        const std::vector<float> got(book, book + pq::codebook_floats(rotation_dims(37), 5));
        std::vector<uint8_t> got_codes;
        for (size_t r = 0; r < 100; r++)
            for (uint8_t b : f.encode(f.move(row_of(data, r, 37))).code)
                got_codes.push_back(b);
        if (books.empty())
            books = got, codes = got_codes;
        EXPECT_EQ(got, books) << simd::level(i).table->name;
        EXPECT_EQ(got_codes, codes) << simd::level(i).table->name;
    }
    EXPECT_TRUE(simd::select_level("auto"));
}

TEST(ProductQuantizer, TrainsOnResidualsOfTheRowsThatItIsGiven)
{
    Random random(5);
    const size_t dims = 24, n = 300;
    const Floats residuals = correlated(random, n, dims), centroids = gaussian(random, 3 * dims, 64);
    Floats vectors(2 * n * dims, 1e9f); // every other row is not of the sample
    std::vector<uint32_t> which, lists;
    for (size_t i = 0; i < n; i++) {
        which.push_back((uint32_t)(2 * i + 1));
        lists.push_back((uint32_t)(i % 3));
        for (size_t d = 0; d < dims; d++)
            vectors[which[i] * dims + d] = residuals[i * dims + d] + centroids[lists[i] * dims + d];
    }
    TrainingSet set;
    set.rows = n, set.vectors = vectors.data(), set.which = which.data();
    set.lists = lists.data(), set.centroids = centroids.data();
    PqFixture got(pq_options(dims, 4), set), expected(pq_options(dims, 4), residuals);
    EXPECT_NEAR(got.mean_distortion(residuals), expected.mean_distortion(residuals), 0.01);
    EXPECT_NEAR(got.header().typical_norm, expected.header().typical_norm, 1e-3);
}

struct Stop
{
    int calls = 0, last = 1 << 30;
    bool in_range = true;
    static bool call(void *arg, double done)
    {
        Stop &s = *static_cast<Stop *>(arg);
        s.in_range &= done >= 0 && done <= 1;
        return ++s.calls < s.last;
    }
};

TEST(ProductQuantizer, TrainingStopsWhenAsked)
{
    Random random(6);
    const Floats data = gaussian(random, 300 * 20), zero(20, 0);
    const std::vector<uint32_t> lists(300, 0);
    TrainingSet set;
    set.rows = 300, set.vectors = data.data(), set.lists = lists.data(), set.centroids = zero.data();
    const CodecOptions options = pq_options(20, 4, PQ::kAuto);
    Memory image(PQ::image_bytes(options, 300)), scratch(PQ::training_bytes(options, 300));
    Stop whole;
    EXPECT_TRUE(PQ::train(options, set, image.data(), scratch.data(), {Stop::call, &whole}));
    EXPECT_GT(whole.calls, 5);
    EXPECT_TRUE(whole.in_range);
    for (int last = 1; last <= whole.calls; last++) {
        Stop stop;
        stop.last = last;
        EXPECT_FALSE(PQ::train(options, set, image.data(), scratch.data(), {Stop::call, &stop})) << last;
        EXPECT_EQ(stop.calls, last);
    }
}

// --- codes ---

// Distance of a target to centroid k in column j.
double column_error(const PqFixture &f, const Floats &target, size_t j, size_t k)
{
    double sum = 0;
    for (size_t d = 0; d < f.width(j); d++) {
        const double e = target[j * f.header().sub_dims + d] - (double)f.centroid(j, d, k);
        sum += e * e;
    }
    return sum;
}

void expect_nearest(const PqFixture &f, const Floats &residual)
{
    const double norm = std::sqrt(dot(residual, residual)), typical = f.header().typical_norm;
    double gain = typical == 0 ? std::sqrt((double)f.shape.space_dims) / norm : typical / norm;
    if (typical > 0 && gain > 0.51 && gain < 1.99)
        gain = 1;
    Floats target = residual;
    for (float &v : target)
        v = (float)(v * gain);
    const PqRow row = f.encode(residual);
    for (size_t j = 0; j < f.columns(); j++) {
        const double got = column_error(f, target, j, f.code_of(row, j));
        for (size_t k = 0; k < pq::kCentroids; k++)
            ASSERT_LE(got, column_error(f, target, j, k) * (1 + 1e-4) + 1e-5) << "column " << j;
    }
    if (f.columns() % 2) {
        ASSERT_EQ(f.code_of(row, f.columns()), 0u) << "the column that fills the last byte";
    }
    const double along = dot(residual, f.decode(row.code)) * row.found.scale;
    ASSERT_NEAR(along, norm * norm, 1e-4 * norm * norm); // no error along the residual
}

TEST(ProductQuantizer, CodesAreTheNearestCentroidsAndTheScaleTakesTheParallelError)
{
    for (uint32_t dims : {1u, 2u, 3u, 7u, 64u, 99u})
        for (int sub_dims : {1, 2, 4, 7, 8})
            for (size_t rows : {0, 500}) {
                Random random(dims * 8 + (uint64_t)sub_dims);
                const Floats data = correlated(random, 500, dims, 0.5);
                PqFixture f(pq_options(dims, sub_dims), rows ? data : Floats());
                for (size_t i = 0; i < 20; i++) {
                    Floats r = f.move(row_of(data, i, dims));
                    const double norm = std::sqrt(dot(r, r)), typical = f.header().typical_norm;
                    if (typical > 0 &&
                        (norm < 0.52 * typical || norm > 1.92 * typical)) // gains: tested below
                        for (float &v : r)
                            v *= (float)(typical / norm);
                    expect_nearest(f, r);
                }
            }
}

TEST(ProductQuantizer, RowsOfAnyLengthGetTheSameCode)
{
    Random random(8);
    const Floats data = correlated(random, 400, 48);
    for (size_t rows : {0, 400}) {
        PqFixture f(pq_options(48, 4, millionths(.1)), rows ? data : Floats());
        for (size_t i = 0; i < 20; i++) {
            Floats r = f.move(row_of(data, i, 48)), large = r, small = r;
            for (size_t d = 0; d < r.size(); d++)
                large[d] *= 0x1p20f, small[d] *= 0x1p-20f;
            const PqRow a = f.encode(large), b = f.encode(small);
            EXPECT_EQ(a.code, b.code);
            EXPECT_NEAR(a.found.scale / b.found.scale, 0x1p40, 0x1p40 * 1e-5);
            EXPECT_NEAR(a.found.sigma / b.found.sigma, 0x1p40, 0x1p40 * 1e-5);
            EXPECT_LT(f.distortion(large), 0.9);
        }
    }
}

TEST(ProductQuantizer, TrainedCodesBeatUntrainedOnes)
{
    Random random(9);
    const Floats data = correlated(random, 2000, 64), others = correlated(random, 200, 64);
    const double untrained = PqFixture(pq_options(64, 4), Floats()).mean_distortion(others),
                 rotated = PqFixture(pq_options(64, 4, 0, PQ::kRandom), data).mean_distortion(others),
                 trained = PqFixture(pq_options(64, 4), data).mean_distortion(others);
    EXPECT_NEAR(untrained, .52, .05); // E / (1 - E) of 16 centroids in 4 dimensions, a Gaussian's E = .34
    EXPECT_LT(trained, 0.7 * untrained);
    EXPECT_LT(trained, 0.7 * rotated);
}

TEST(ProductQuantizer, DistortionOfAGaussianIsThatOfSixteenCentroids)
{
    Random random(10);
    const Floats data = gaussian(random, 4096 * 64), others = gaussian(random, 100 * 64);
    // Scaled error E / (1 - E) of the best quantizers of 16 levels: Max 1960 has E = .01154 for one dimension.
    EXPECT_NEAR(PqFixture(pq_options(64, 1), Floats()).mean_distortion(others), .0117, .003);
    EXPECT_NEAR(PqFixture(pq_options(64, 1), data).mean_distortion(others), .0117, .003);
    double last = 0;
    for (int sub_dims : {1, 2, 4, 8}) {
        const double now = PqFixture(pq_options(64, sub_dims), Floats()).mean_distortion(others);
        EXPECT_GT(now, 1.5 * last) << sub_dims; // fewer bits, more error
        last = now;
    }
}

// --- score-aware loss ---

TEST(ProductQuantizer, ParallelWeightIsThePapers)
{
    const std::pair<size_t, double> at_a_fifth[] = {{1, 0},    {100, 4.1},   {128, 5.3}, {384, 16},
                                                    {768, 32}, {1024, 42.6}, {1536, 64}};
    for (auto [dims, weight] : at_a_fifth)
        EXPECT_NEAR(pq::parallel_weight(dims, .2f), weight, 0.05) << dims;
    EXPECT_NEAR(pq::parallel_weight(768, .1f), 7.7, 0.05);
    EXPECT_EQ(pq::parallel_weight(768, 0), 0);
    Random random(11);
    PqFixture f(pq_options(100, 4, millionths(.2)), gaussian(random, 256 * 100));
    EXPECT_EQ(f.header().parallel_weight, pq::parallel_weight(100, .2f));
}

struct Loss
{
    double parallel, total; // squared error along the direction; weighted sum
};

Loss loss_of(const Floats &target, const Floats &decoded, const Floats &direction, double eta)
{
    double along = 0, error = 0;
    for (size_t i = 0; i < target.size(); i++) {
        const double e = target[i] - (double)decoded[i];
        along += e * direction[i], error += e * e;
    }
    const double parallel = along * along / dot(direction, direction);
    return {parallel, eta * parallel + (error - parallel)};
}

class ScoreAware : public testing::TestWithParam<std::tuple<int, double, bool>>
{
};

TEST_P(ScoreAware, LossNeverRisesAndNoSingleChangeLowersIt)
{
    auto [sub_dims, threshold, toward_vector] = GetParam();
    const uint32_t dims = 53;
    Random random(12);
    const Floats data = correlated(random, 400, dims, 0.5);
    PqFixture plain(pq_options(dims, sub_dims), data),
        aware(pq_options(dims, sub_dims, millionths(threshold)), data);
    const double eta = (dims - 1) * threshold * threshold / (1 - threshold * threshold);
    const double typical = plain.header().typical_norm;
    Loss sum_plain = {}, sum_aware = {};
    for (size_t i = 0; i < 60; i++) {
        Floats r = plain.move(row_of(data, i, dims)), direction = r;
        for (float &v : r)
            v *= (float)(typical / std::sqrt(dot(r, r)));
        if (toward_vector)
            for (float &v : direction)
                v += 3 * (float)random.normal();
        const Floats zero(dims, 0);
        const PqRow a = plain.encode(r, zero, direction), b = aware.encode(r, zero, direction);
        const Loss before = loss_of(r, plain.decode(a.code), direction, eta),
                   after = loss_of(r, aware.decode(b.code), direction, eta);
        ASSERT_LE(after.total, before.total * (1 + 1e-5));
        ASSERT_LE(after.parallel, before.parallel * (1 + 1e-4) + 1e-6);
        sum_plain.parallel += before.parallel, sum_aware.parallel += after.parallel;
        sum_plain.total += before.total, sum_aware.total += after.total;
        Floats decoded = aware.decode(b.code);
        for (size_t j = 0; j < aware.columns(); j++)
            for (size_t k = 0; k < pq::kCentroids; k++) {
                Floats other = decoded;
                for (size_t d = 0; d < aware.width(j); d++)
                    other[j * (size_t)sub_dims + d] = aware.centroid(j, d, k);
                const Loss changed = loss_of(r, other, direction, eta);
                ASSERT_TRUE(changed.parallel > after.parallel * (1 - 1e-3) - 1e-5 ||
                            changed.total >= after.total * (1 - 1e-4))
                    << "row " << i << " column " << j << " centroid " << k;
            }
    }
    EXPECT_LT(sum_aware.parallel, 0.8 * sum_plain.parallel);
    EXPECT_LT(sum_aware.total, sum_plain.total);
}

INSTANTIATE_TEST_SUITE_P(Thresholds, ScoreAware,
                         testing::Combine(testing::Values(2, 4, 8), testing::Values(.2, .5, .9),
                                          testing::Bool()));

// With few dimensions the parallel error weighs less than the orthogonal one, and could be raised to lower the other.
TEST(ProductQuantizer, AWeightBelowOneRaisesNoParallelError)
{
    for (uint32_t dims : {2u, 3u, 6u, 12u}) {
        Random random(dims);
        const Floats data = gaussian(random, 400 * dims);
        const PqFixture plain(pq_options(dims, 1), data), aware(pq_options(dims, 1, millionths(.2)), data);
        ASSERT_LT(aware.header().parallel_weight, 1);
        for (size_t i = 0; i < 200; i++) {
            Floats r = plain.move(row_of(data, i, dims)), direction = gaussian(random, dims);
            for (float &v : r)
                v *= (float)(plain.header().typical_norm / std::sqrt(dot(r, r)));
            const Floats zero(dims, 0);
            const double eta = aware.header().parallel_weight;
            const Loss before =
                           loss_of(r, plain.decode(plain.encode(r, zero, direction).code), direction, eta),
                       after =
                           loss_of(r, aware.decode(aware.encode(r, zero, direction).code), direction, eta);
            ASSERT_LE(after.parallel, before.parallel * (1 + 1e-4) + 1e-6) << dims;
            ASSERT_LE(after.total, before.total * (1 + 1e-5) + 1e-9) << dims;
        }
    }
}

TEST(ProductQuantizer, AutoTakesTheThresholdOfLeastError)
{
    for (int sub_dims : {1, 2, 4, 8})
        for (bool toward_vector : {false, true}) {
            Random random((uint64_t)sub_dims);
            const Floats data = correlated(random, 512, 32);
            PqFixture chosen(pq_options(32, sub_dims, PQ::kAuto), data, toward_vector);
            const float T = PQ::threshold(chosen.image.data());
            const Floats tried = {0, .05f, .1f, .15f, .2f};
            ASSERT_TRUE(std::find(tried.begin(), tried.end(), T) != tried.end()) << T;
            EXPECT_EQ(chosen.header().parallel_weight, pq::parallel_weight(32, T));
            // All 512 rows were held out: none of the thresholds leaves clearly less.
            const double error = chosen.mean_distortion(data);
            for (float other : tried) {
                PqFixture f(pq_options(32, sub_dims, millionths(other)), data);
                EXPECT_LT(error, 1.011 * f.mean_distortion(data)) << T << " instead of " << other;
            }
        }
}

TEST(ProductQuantizer, ThresholdsAreKept)
{
    Random random(13);
    const Floats data = gaussian(random, 256 * 8);
    for (size_t rows : {0, 256})
        for (double T : {0.0, 0.000001, 0.2, 0.9}) {
            PqFixture f(pq_options(8, 2, millionths(T)), rows ? data : Floats());
            EXPECT_FLOAT_EQ(PQ::threshold(f.image.data()), (float)T);
        }
    EXPECT_EQ(PQ::threshold(PqFixture(pq_options(8, 2, PQ::kAuto), Floats()).image.data()), 0);
}

} // namespace
} // namespace vq
