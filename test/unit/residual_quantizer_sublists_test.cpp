// Residual quantizer: keys of sub-lists, and where their rows lie.
#include "rq_fixture.h"

#include "core/rq_weights.h"

namespace vq {
namespace {

CodecOptions sublist_options(int codewords, int bits)
{
    CodecOptions options = rq_options(20, 5, codewords);
    options.value[RQ::kWeightBits] = bits;
    return options;
}

Floats centre_of(const RqFixture &f, uint32_t key, uint32_t layers)
{
    Floats centre(f.shape.space_dims);
    RQ::sublist_centre(f.image.data(), key, layers, centre.data());
    return centre;
}

class ResidualQuantizerSublists : public testing::TestWithParam<std::tuple<int, int>>
{
protected:
    Random random{5};
    Floats data = gaussian(random, 6000 * 20);
    RqFixture f{sublist_options(std::get<0>(GetParam()), std::get<1>(GetParam())), data};
};

TEST_P(ResidualQuantizerSublists, KeyIsTheFirstCodewords)
{
    ASSERT_EQ(RQ::sublist_layers(f.image.data()), 2u);
    for (size_t i = 0; i < 200; i++) {
        const std::vector<uint8_t> code = f.encode(row_of(data, i, 20)).code;
        uint32_t codewords[2];
        for (size_t m = 0; m < 2; m++)
            codewords[m] =
                f.header().weight_bits != 0
                    ? rq::read_layer(f.header().codewords, f.header().weight_bits, code.data(), m).codeword
                : f.has_bytes() ? code[m]
                                : code[0] >> 4 * m & 15;
        EXPECT_EQ(RQ::sublist_of(f.image.data(), code.data(), 1), codewords[0]);
        EXPECT_EQ(RQ::sublist_of(f.image.data(), code.data(), 2), codewords[0] << 8 | codewords[1]);
        EXPECT_EQ(RQ::sublist_of(f.image.data(), code.data(), 0), 0u);
    }
}

// c + s e is nearer to a row than c is, on average; two layers nearer than one.
TEST_P(ResidualQuantizerSublists, RowsLieAboutTheirPlace)
{
    double left[3] = {};
    for (size_t i = 0; i < 400; i++) {
        const Floats x = row_of(data, i, 20);
        const PqRow row = f.encode(x);
        for (uint32_t layers = 0; layers <= 2; layers++) {
            const Floats e = centre_of(f, RQ::sublist_of(f.image.data(), row.code.data(), layers), layers);
            for (size_t d = 0; d < 20; d++)
                left[layers] += (x[d] - row.found.scale * e[d]) * (x[d] - row.found.scale * e[d]);
        }
    }
    EXPECT_LT(left[1], 0.9 * left[0]);
    EXPECT_LT(left[2], 0.95 * left[1]);
}

TEST_P(ResidualQuantizerSublists, DotIsThatOfTheCentre)
{
    for (int repeat = 0; repeat < 5; repeat++) {
        const Floats q = gaussian(random, 20);
        const RqQuery query(f, q);
        for (uint32_t layers = 0; layers <= 2; layers++)
            for (size_t i = 0; i < 50; i++) {
                const uint32_t key =
                    RQ::sublist_of(f.image.data(), f.encode(row_of(data, i, 20)).code.data(), layers);
                EXPECT_NEAR(RQ::sublist_dot(query.state.data(), key, layers),
                            dot(q, centre_of(f, key, layers)), 1e-3);
            }
    }
}

// As a damaged directory may hold them.
TEST_P(ResidualQuantizerSublists, AnyKeyIsHarmless)
{
    const RqQuery query(f, gaussian(random, 20));
    for (uint32_t key : {256u, 65535u, 65536u, 0xFFFFFFFFu, 0x8000FFFFu})
        for (uint32_t layers = 1; layers <= 2; layers++) {
            EXPECT_TRUE(std::isfinite(RQ::sublist_dot(query.state.data(), key, layers)));
            for (float v : centre_of(f, key, layers))
                EXPECT_TRUE(std::isfinite(v));
        }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ResidualQuantizerSublists,
                         testing::Combine(testing::Values(16, 100, 256), testing::Values(0, 4, 8, 16)));

} // namespace
} // namespace vq
