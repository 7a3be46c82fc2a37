// Residual quantizer: codewords whose coordinates take less than a byte, what is stored of them, and who gets them.
#include "rq_fixture.h"

#include "core/rq_coordinates.h"
#include "core/rq_products.h"

#include <set>

namespace vq {
namespace {

CodecOptions few_bits_options(uint32_t dims, int layers, int codewords, int bits)
{
    CodecOptions options = rq_options(dims, layers, codewords);
    options.value[RQ::kCodewordBits] = bits;
    return options;
}

Memory packed(const RqFixture &f)
{
    Memory stored(RQ::stored_bytes(f.options, f.image.size()));
    RQ::pack(f.options, f.image.data(), f.image.size(), stored.data());
    return stored;
}

Memory unpacked(const RqFixture &f, const Memory &stored)
{
    Memory image(f.image.size());
    std::memset(image.data(), 0x5a, image.size());
    RQ::unpack(f.options, stored.data(), image.size(), image.data());
    return image;
}

// Ten different rows: the first layers leave nothing, and later ones are random.
Floats in_few_places(Random &random, size_t rows, size_t dims)
{
    const Floats places = gaussian(random, 10 * dims);
    Floats data;
    for (size_t i = 0; i < rows; i++)
        data.insert(data.end(), places.begin() + (ptrdiff_t)(i % 10 * dims),
                    places.begin() + (ptrdiff_t)((i % 10 + 1) * dims));
    return data;
}

TEST(ResidualQuantizerCoordinates, WhatIsStoredGivesTheImageToTheLastBit)
{
    for (int bits : {0, 1, 2, 4, 8})
        for (uint32_t dims : {1u, 3u, 33u, 64u})
            for (int codewords : {16, 17, 40}) {
                Random random((uint64_t)bits + dims);
                const size_t rows = (size_t)codewords * RQ::kMinRowsPerCodeword;
                for (const Floats &data :
                     {correlated(random, rows, dims), Floats(), in_few_places(random, rows, dims)}) {
                    const RqFixture f(few_bits_options(dims, 20, codewords, bits), data);
                    const Memory stored = packed(f);
                    EXPECT_LE(stored.size(), f.image.size());
                    EXPECT_GE(stored.size() * kMostPacked, f.image.size());
                    EXPECT_TRUE(unpacked(f, stored) == f.image)
                        << bits << " bits, " << dims << " x " << codewords << ", "
                        << f.header().trained_layers << " layers of " << f.rows << " rows";
                }
            }
}

TEST(ResidualQuantizerCoordinates, LayersThatAreNotTrainedAreStoredToo)
{
    for (int bits : {1, 4}) {
        Random random(2);
        const RqFixture f(few_bits_options(33, 40, 16, bits), in_few_places(random, 400, 33));
        EXPECT_GT(f.header().trained_layers, 0u) << bits;
        EXPECT_LT(f.header().trained_layers, 40u) << bits;
        EXPECT_TRUE(unpacked(f, packed(f)) == f.image) << bits;
    }
}

TEST(ResidualQuantizerCoordinates, SizesAreThoseOfTheBits)
{
    const auto stored = [](int bits) {
        const CodecOptions o = few_bits_options(384, 64, 16, bits);
        return RQ::stored_bytes(o, RQ::image_bytes(o, 0));
    };
    EXPECT_EQ(stored(0), 64u + 64 * (128 + 16 * 384));
    EXPECT_EQ(stored(8), stored(0));
    EXPECT_EQ(stored(4), 64u + 64 * (64 + 16 * 384 / 2));
    EXPECT_EQ(stored(2), 64u + 64 * (64 + 16 * 384 / 4));
    EXPECT_EQ(stored(1), 64u + 64 * (64 + 16 * 384 / 8));
}

TEST(ResidualQuantizerCoordinates, CoordinatesHaveAsManyValuesAsTheirBits)
{
    Random random(3);
    const Floats data = correlated(random, 2000, 32);
    for (int bits : {1, 2, 4}) {
        const RqFixture f(few_bits_options(32, 6, 16, bits), data);
        std::set<int> values;
        for (uint32_t m = 0; m < f.header().layers; m++)
            for (size_t i = 0; i < 16 * 32; i++)
                values.insert(rq::book(f.header(), m)[i] - 128);
        EXPECT_EQ(values.size(), 1u << bits);
        EXPECT_EQ(*values.begin(), 1 - (1 << bits));
        EXPECT_EQ(*values.rbegin(), (1 << bits) - 1);
    }
}

TEST(ResidualQuantizerCoordinates, FourBitsLeaveHardlyMoreAndFewerBitsMore)
{
    Random random(4);
    const Floats data = correlated(random, 4000, 64);
    const auto left = [&](int bits) {
        return RqFixture(few_bits_options(64, 24, 16, bits), data)
            .mean_error(Floats(data.begin(), data.begin() + 500 * 64));
    };
    const double bytes = left(8), four = left(4), two = left(2), one = left(1);
    EXPECT_LT(four, 1.1 * bytes);
    EXPECT_LT(four, two);
    EXPECT_LT(two, 1.6 * bytes);
    EXPECT_LT(two, one);
    EXPECT_LT(one, 3 * bytes);
}

TEST(ResidualQuantizerCoordinates, EveryLevelGivesTheSameCodes)
{
    Random random(5);
    const Floats data = correlated(random, 700, 72);
    for (int bits : {1, 2, 4})
        expect_same_codes_on_every_level(RqFixture(few_bits_options(72, 7, 16, bits), data), data, 100);
}

TEST(ResidualQuantizerCoordinates, WeightsAndTrainingTogetherBearThem)
{
    Random random(6);
    const Floats data = correlated(random, 1000, 24);
    CodecOptions options = few_bits_options(24, 6, 16, 2);
    options.value[RQ::kWeightBits] = 4;
    options.value[RQ::kTraining] = RQ::kTrained;
    const RqFixture f(options, data);
    EXPECT_TRUE(unpacked(f, packed(f)) == f.image);
    EXPECT_LT(f.mean_error(data), 1);
}

TEST(ResidualQuantizerCoordinates, ChosenByTheRowsUnlessSaid)
{
    const auto chosen = [](uint32_t dims, int layers, int codewords, int bits, double rows) {
        return RQ::chosen_options(few_bits_options(dims, layers, codewords, bits), rows)
            .value[RQ::kCodewordBits];
    };
    EXPECT_EQ(chosen(384, 0, 16, 0, 0), 1);
    EXPECT_EQ(chosen(384, 0, 16, 0, 1000), 1);
    EXPECT_EQ(chosen(384, 0, 16, 0, 5000), 2);
    for (double rows : {20'000., 55'000., 1e9})
        EXPECT_EQ(chosen(384, 0, 16, 0, rows), 2) << rows;
    EXPECT_EQ(chosen(784, 0, 16, 0, 110'000), 2);
    EXPECT_EQ(chosen(96, 0, 16, 0, 5000), 4) << "read quickly";
    EXPECT_EQ(chosen(96, 0, 16, 0, 1e6), 8);
    EXPECT_EQ(chosen(384, 0, 256, 0, 100'000), 4) << "a byte a layer";
    EXPECT_EQ(chosen(384, 0, 256, 0, 1e9), 8);
    for (int bits : {1, 2, 4, 8})
        EXPECT_EQ(chosen(384, 0, 16, bits, 20'000), bits);
    EXPECT_EQ(chosen(384, 4, 16, 0, 1000), 8) << "codebooks of a few pages";
    EXPECT_EQ(chosen(8, 0, 16, 0, 300), 8);
}

TEST(ResidualQuantizerCoordinates, LayersAreChosenByDimensionsAndRows)
{
    const auto chosen = [](uint32_t dims, int codewords, double rows = 1e6, int bits = 0) {
        return RQ::chosen_options(few_bits_options(dims, 0, codewords, bits), rows).value[RQ::kLayers];
    };
    const std::vector<std::pair<uint32_t, int>> expected = {
        {1, 2},    {8, 16},   {31, 62},   {40, 64},   {384, 64},  {512, 64},  {640, 80},   {768, 96},
        {916, 96}, {917, 88}, {1024, 88}, {1536, 72}, {2080, 64}, {4096, 64}, {16'000, 64}};
    for (const auto &[dims, layers] : expected) {
        EXPECT_EQ(chosen(dims, 16), layers) << dims;
        EXPECT_EQ(rq::product_table_bytes(dims, (size_t)layers, 16) > 0, dims >= 64 && dims <= 2080) << dims;
    }
    EXPECT_EQ(chosen(784, 256), 24);
    EXPECT_EQ(chosen(784, 16, 9'000), 64) << "codebooks would weigh more than half of the rows";
    EXPECT_EQ(chosen(784, 16, 10'000), 96);
    EXPECT_EQ(chosen(784, 16, 10'000, 8), 64) << "of bytes, too";
    EXPECT_EQ(chosen(784, 16, 1e6, 8), 96);
    EXPECT_EQ(chosen(784, 16, 9'000, 1), 96);
    EXPECT_EQ(chosen(784, 16, 0), 64);
}

TEST(ResidualQuantizerCoordinates, RefusesWhatIsNone)
{
    for (int bits : {-1, 3, 5, 7, 9, 16})
        EXPECT_FALSE(RQ::valid_options(few_bits_options(20, 5, 16, bits))) << bits;
    Random random(7);
    RqFixture f(few_bits_options(20, 5, 16, 2), correlated(random, 400, 20));
    rq::RqImage &h = *(rq::RqImage *)f.image.data();
    for (uint32_t bits : {3u, 8u, 16u}) {
        h.codeword_bits = bits;
        EXPECT_FALSE(RQ::valid(f.image.data(), f.image.size(), 20)) << bits;
    }
}

// What a query makes of the image: the state of RQ::prepare.
Memory prepared(const Memory &image, const float *query)
{
    Memory state(RQ::shape(image.data()).query_bytes);
    std::memset(state.data(), 0, state.size()); // tables have gaps
    RQ::prepare(image.data(), query, 8, state.data());
    return state;
}

// An index of an earlier build has the coordinates as bytes only.
TEST(ResidualQuantizerCoordinates, AQueryReadsTheSameFromFewBitsAsFromBytes)
{
    for (int bits : {1, 2, 4})
        for (uint32_t dims : {1u, 3u, 33u, 100u, 1100u})
            for (int codewords : {16, 40}) {
                Random random((uint64_t)bits + dims);
                const size_t rows = (size_t)codewords * RQ::kMinRowsPerCodeword;
                const RqFixture f(few_bits_options(dims, 5, codewords, bits), correlated(random, rows, dims));
                Memory stored = packed(f);
                const size_t plain = rq::image_size(dims, 5, (size_t)codewords);
                EXPECT_GT(f.image.size(), plain);
                ((rq::RqImage *)stored.data())->packed = 0;
                Memory earlier(plain);
                RQ::unpack(f.options, stored.data(), plain, earlier.data());
                ASSERT_TRUE(RQ::valid(earlier.data(), plain, dims));
                for (int i = 0; i < 3; i++) {
                    const Floats query = gaussian(random, dims);
                    EXPECT_TRUE(prepared(f.image, query.data()) == prepared(earlier, query.data()))
                        << bits << " bits, " << dims << " x " << codewords;
                }
            }
}

TEST(ResidualQuantizerCoordinates, ThePartForQueriesIsThereIfTheHeaderSaysSo)
{
    Random random(9);
    const RqFixture f(few_bits_options(20, 5, 16, 2), correlated(random, 400, 20));
    const size_t plain = rq::image_size(20, 5, 16);
    Memory image = f.image;
    EXPECT_TRUE(RQ::valid(image.data(), image.size(), 20));
    EXPECT_FALSE(RQ::valid(image.data(), plain, 20));
    for (uint32_t packed : {0u, 2u}) {
        ((rq::RqImage *)image.data())->packed = packed;
        EXPECT_FALSE(RQ::valid(image.data(), image.size(), 20)) << packed;
    }
    RqFixture bytes(few_bits_options(20, 5, 16, 8), correlated(random, 400, 20));
    ((rq::RqImage *)bytes.image.data())->packed = 1;
    EXPECT_FALSE(RQ::valid(bytes.image.data(), bytes.image.size(), 20));
}

// A damaged index may say that its image has any length.
TEST(ResidualQuantizerCoordinates, ImagesOfAnotherLengthAreNotMade)
{
    Random random(8);
    const RqFixture f(few_bits_options(20, 5, 16, 2), correlated(random, 400, 20));
    const Memory stored = packed(f);
    for (size_t bytes : {(size_t)64, f.image.size() - 64, f.image.size() + 64}) {
        Memory image(bytes);
        RQ::unpack(f.options, stored.data(), bytes, image.data());
        EXPECT_FALSE(RQ::valid(image.data(), bytes, 20)) << bytes;
    }
}

} // namespace
} // namespace vq
