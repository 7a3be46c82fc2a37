// Kernels of the beam search: every level gives the scalar table's bits, and the scalar table the definition's.
#include "simd_levels.h"

#include <algorithm>
#include <bit>

namespace vq::simd {

namespace {

class SimdBeam : public EveryLevel
{
};
VQ_EVERY_LEVEL(SimdBeam);

template <class T>
std::vector<uint32_t> bits(const Guarded<T> &values)
{
    std::vector<uint32_t> out;
    for (size_t i = 0; i < values.size(); i++)
        out.push_back(std::bit_cast<uint32_t>(values[i]));
    return out;
}

std::vector<size_t> quad_counts()
{
    std::vector<size_t> all = {96, 97, 196, 1000, 4000};
    for (size_t quads = 1; quads <= 40; quads++)
        all.push_back(quads);
    return all;
}

TEST_P(SimdBeam, TakesTheCodewordOff)
{
    for (size_t quads : quad_counts())
        for (float size : {1.0f, 1e-3f, 1e-18f}) {
            Random random(quads);
            std::vector<float> values = random.reals(4 * quads);
            for (float &v : values)
                v *= size;
            const size_t slack = quads % 4;
            Guarded<float> x(values, slack), left(4 * quads, slack), other(4 * quads),
                in_place(values, slack);
            Guarded<uint8_t> codeword(random.bytes(64 * (quads - 1) + 4), slack);
            const float scale = size / 64;
            const float got = kernels().take_off(x.data(), codeword.data(), scale, quads, left.data());
            EXPECT_EQ(got, scalar().take_off(x.data(), codeword.data(), scale, quads, other.data()));
            EXPECT_EQ(bits(left), bits(other)) << quads;
            EXPECT_EQ(got,
                      kernels().take_off(in_place.data(), codeword.data(), scale, quads, in_place.data()));
            EXPECT_EQ(bits(in_place), bits(left)) << quads;
            Exact norm_sq;
            for (size_t d = 0; d < 4 * quads; d++) {
                volatile float product = scale * (float)(codeword[64 * (d / 4) + d % 4] - 128);
                ASSERT_EQ(left[d], x[d] - product) << quads;
                norm_sq.add((double)left[d] * left[d]);
            }
            expect_within(got, norm_sq, 4 * quads, "squared norm");
            EXPECT_TRUE(x.intact() && left.intact() && in_place.intact() && codeword.intact());
        }
}

TEST_P(SimdBeam, RoundsToBytes)
{
    for (size_t n : lengths(1))
        for (float size : {1.0f, 1e-4f, 1e-29f, 1e-31f, 0.0f}) {
            Random random(n);
            std::vector<float> values = random.reals(n);
            for (float &v : values)
                v *= size;
            const size_t slack = n % 4;
            Guarded<float> x(values, slack);
            Guarded<int8_t> out(n, slack), other(n);
            const float unit = kernels().round_to_bytes(x.data(), n, out.data());
            EXPECT_EQ(unit, scalar().round_to_bytes(x.data(), n, other.data())) << n;
            float most = 0;
            for (float v : values)
                most = std::max(most, std::fabs(v));
            EXPECT_EQ(unit, most / 127) << n;
            for (size_t d = 0; d < n; d++) {
                ASSERT_EQ(out[d], other[d]) << n << ", " << d;
                if (most > kLeastRounded) {
                    ASSERT_NEAR(out[d], values[d] / unit, 0.5001) << n << ", " << d;
                } else {
                    ASSERT_EQ(out[d], 0);
                }
            }
            EXPECT_TRUE(x.intact() && out.intact());
        }
}

// The largest is found in every place, with either sign.
TEST_P(SimdBeam, TheLargestSetsTheUnit)
{
    for (size_t n : {1, 4, 7, 15, 16, 17, 40, 67})
        for (size_t place = 0; place < n; place++) {
            std::vector<float> values(n, 0.5f);
            values[place] = place % 2 ? -127.0f : 127.0f;
            Guarded<float> x(values);
            Guarded<int8_t> out(n);
            EXPECT_EQ(kernels().round_to_bytes(x.data(), n, out.data()), 1.0f);
            EXPECT_EQ(out[place], (int)values[place]);
        }
}

TEST_P(SimdBeam, ScoresAreTheDefinitionBitForBit)
{
    for (size_t n = 16; n <= 512; n += 16) {
        Random random(n);
        const size_t slack = n / 16 % 4;
        std::vector<int32_t> products;
        for (size_t k = 0; k < n; k++)
            products.push_back((int32_t)random.below(2'000'001) - 1'000'000);
        Guarded<int32_t> dots(products, slack);
        Guarded<float> scale(random.reals(n), slack), norm_sq(random.reals(n), slack), score(n, slack),
            other(n);
        const std::vector<float> start = random.reals(16);
        Guarded<float> least(start, slack), other_least(start);
        const float twice = random.real(), error = random.real();
        kernels().codeword_scores(dots.data(), scale.data(), norm_sq.data(), n, twice, error, score.data(),
                                  least.data());
        scalar().codeword_scores(dots.data(), scale.data(), norm_sq.data(), n, twice, error, other.data(),
                                 other_least.data());
        EXPECT_EQ(bits(score), bits(other)) << n;
        EXPECT_EQ(bits(least), bits(other_least)) << n;
        std::vector<float> expected = start;
        for (size_t k = 0; k < n; k++) {
            volatile float factor = twice * scale[k], product = factor * (float)dots[k],
                           less = norm_sq[k] - product;
            ASSERT_EQ(score[k], error + less) << n << ", " << k;
            expected[k % 16] = std::min(expected[k % 16], score[k]);
        }
        for (size_t i = 0; i < 16; i++)
            EXPECT_EQ(least[i], expected[i]);
        EXPECT_TRUE(score.intact() && least.intact());
    }
}

TEST_P(SimdBeam, FindsAllUpToTheLimit)
{
    for (size_t n = 16; n <= 1280; n += n < 300 ? 16 : 112)
        for (int limit : {-1, 0, 3, 50, 99, 100}) {
            Random random(n);
            std::vector<float> values;
            std::vector<uint16_t> expected;
            for (size_t i = 0; i < n; i++) {
                values.push_back((float)random.below(101));
                if (values[i] <= (float)limit)
                    expected.push_back((uint16_t)i);
            }
            Guarded<float> x(values, n / 16 % 4);
            Guarded<uint16_t> which(expected.size(), n / 16 % 2); // not a place more is written
            ASSERT_EQ(kernels().at_most(x.data(), n, (float)limit, which.data()), expected.size());
            for (size_t i = 0; i < expected.size(); i++)
                ASSERT_EQ(which[i], expected[i]) << n << ", " << i;
            EXPECT_TRUE(which.intact());
        }
}

} // namespace

} // namespace vq::simd
