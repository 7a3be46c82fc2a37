// Residual quantizer, codewords trained together: what it gains, and that it stops, repeats itself and falls back.
#include "rq_fixture.h"

namespace vq {
namespace {

CodecOptions trained(CodecOptions options)
{
    options.value[RQ::kTraining] = RQ::kTrained;
    return options;
}

// Sums of three of a few directions, and some noise: what codewords can learn.
Floats mixtures(Random &random, size_t rows, size_t dims)
{
    constexpr size_t kDirections = 24;
    Random fixed(99);
    const Floats directions = gaussian(fixed, kDirections * dims);
    Floats x = gaussian(random, rows * dims, 0.2);
    for (size_t i = 0; i < rows; i++)
        for (int part = 0; part < 3; part++) {
            const float *d = &directions[random.below(kDirections) * dims];
            for (size_t j = 0; j < dims; j++)
                x[i * dims + j] += d[j];
        }
    return x;
}

TEST(ResidualQuantizerTrained, LeavesLessOfNewRowsThanLinear)
{
    for (const auto &[dims, layers, codewords] : {std::array{24, 4, 16}, {30, 6, 16}, {13, 3, 24}}) {
        Random random(1);
        const Floats data = mixtures(random, 2500, (size_t)dims), fresh = mixtures(random, 500, (size_t)dims);
        const CodecOptions options = rq_options((uint32_t)dims, layers, codewords);
        const RqFixture linear(options, data), together(trained(options), data);
        EXPECT_EQ(linear.header().training, (uint32_t)RQ::kLinear);
        EXPECT_EQ(together.header().training, (uint32_t)RQ::kTrained);
        const double gain = 1 - together.mean_error(fresh) / linear.mean_error(fresh);
        EXPECT_GT(gain, 0.03) << dims;
        EXPECT_NEAR(together.header().training_gain, gain, 0.15) << dims; // by few rows
    }
}

TEST(ResidualQuantizerTrained, NeverLeavesMoreThanLinearOfWhatHasNoStructure)
{
    Random random(2);
    const Floats data = gaussian(random, 1100 * 40);
    const RqFixture f(trained(rq_options(40, 4, 16)), data);
    EXPECT_GE(f.header().training_gain, 0);
    EXPECT_LT(f.header().training_gain, 1);
}

TEST(ResidualQuantizerTrained, TheSameSeedGivesTheSameImage)
{
    Random random(3);
    const Floats data = mixtures(random, 1200, 18);
    const CodecOptions options = trained(rq_options(18, 3, 16));
    const RqFixture a(options, data), b(options, data);
    EXPECT_EQ(std::memcmp(a.image.data(), b.image.data(), a.image.size()), 0);
}

// By chance or by rounding, levels may differ; by no more than that.
TEST(ResidualQuantizerTrained, EveryLevelLeavesAsMuch)
{
    Random random(4);
    const Floats data = mixtures(random, 1200, 18), fresh = mixtures(random, 300, 18);
    const CodecOptions options = trained(rq_options(18, 3, 16));
    const double error = RqFixture(options, data).mean_error(fresh);
    for (size_t i = 0; i < simd::level_count(); i++) {
        if (!simd::level(i).supported)
            continue;
        ASSERT_TRUE(simd::select_level(simd::level(i).table->name));
        EXPECT_NEAR(RqFixture(options, data).mean_error(fresh), error, 0.03 * error)
            << simd::level(i).table->name;
    }
    ASSERT_TRUE(simd::select_level("auto"));
}

TEST(ResidualQuantizerTrained, FewRowsOrNothingLeftFallBackToLinear)
{
    for (size_t rows : {0, 300, 1000}) { // 64 a codeword are 1,024
        Random random(5);
        const Floats data = gaussian(random, rows * 12);
        const CodecOptions options = rq_options(12, 3, 16);
        const RqFixture linear(options, data), few(trained(options), data);
        EXPECT_EQ(few.header().training, (uint32_t)RQ::kLinear);
        EXPECT_EQ(std::memcmp(linear.image.data(), few.image.data(), few.image.size()), 0);
    }
    Random random(6);
    const Floats few = gaussian(random, 10 * 12);
    Floats data, zeros(1500 * 12, 0);
    for (size_t i = 0; i < 1500; i++)
        data.insert(data.end(), few.begin() + (ptrdiff_t)(i % 10 * 12),
                    few.begin() + (ptrdiff_t)((i % 10 + 1) * 12));
    std::copy_n(few.begin(), few.size(), zeros.begin());
    EXPECT_EQ(RqFixture(trained(rq_options(12, 3, 16)), data).header().training, (uint32_t)RQ::kLinear);
    EXPECT_EQ(RqFixture(trained(rq_options(12, 3, 16)), zeros).header().training, (uint32_t)RQ::kLinear);
}

struct Calls
{
    size_t last = SIZE_MAX, calls = 0;
    double done = 0;
    bool sound = true;

    static bool call(void *arg, double done)
    {
        Calls &c = *static_cast<Calls *>(arg);
        c.sound &= done >= c.done && done <= 1;
        c.done = done;
        return ++c.calls < c.last;
    }
};

TEST(ResidualQuantizerTrained, ReportsAndStopsWhenAsked)
{
    Random random(7);
    const Floats data = mixtures(random, 1100, 12), zero(12, 0);
    const std::vector<uint32_t> lists(1100, 0);
    TrainingSet set;
    set.rows = 1100, set.vectors = data.data(), set.lists = lists.data(), set.centroids = zero.data();
    const CodecOptions options = trained(rq_options(12, 2, 16));
    Memory image(RQ::image_bytes(options, set.rows)), scratch(RQ::training_bytes(options, set.rows));
    Calls whole;
    EXPECT_TRUE(RQ::train(options, set, image.data(), scratch.data(), {Calls::call, &whole}));
    EXPECT_EQ(rq::header(image.data()).training, (uint32_t)RQ::kTrained);
    EXPECT_GT(whole.calls, 100u);
    EXPECT_TRUE(whole.sound);
    for (size_t i = 0; i <= 8; i++) {
        Calls some;
        some.last = std::max<size_t>(1, whole.calls * i / 8);
        EXPECT_FALSE(RQ::train(options, set, image.data(), scratch.data(), {Calls::call, &some})) << i;
        EXPECT_EQ(some.calls, some.last);
    }
}

// At every size the scratch stays bounded and holds what training takes (Memory has guards under the sanitizer).
TEST(ResidualQuantizerTrained, MemoryIsBounded)
{
    for (uint32_t dims : {8u, 384u, 1024u, 4000u, 16000u})
        for (int codewords : {16, 256}) {
            const CodecOptions linear = rq_options(dims, 64, codewords);
            const size_t rows = RQ::training_rows(linear);
            EXPECT_LT(RQ::training_bytes(trained(linear), rows),
                      RQ::training_bytes(linear, rows) + ((size_t)1 << 30) + (1 << 20));
        }
}

} // namespace
} // namespace vq
