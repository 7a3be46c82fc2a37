#include "core/rotation.h"

#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

using namespace vq;

namespace {

using Vector = std::vector<float>;

double dot(const Vector &a, const Vector &b)
{
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++)
        sum += (double)a[i] * b[i];
    return sum;
}

class Rotation
{
public:
    Rotation(size_t D, uint64_t seed) : signs_(rotation_bytes(D)) { rotation_init(seed, D, signs_.data()); }

    Vector operator()(Vector x) const
    {
        rotate(signs_.data(), x.size(), x.data());
        return x;
    }
    bool operator==(const Rotation &) const = default;

private:
    std::vector<uint8_t> signs_;
};

Vector normal_vector(size_t n, uint64_t seed)
{
    Random random(seed);
    Vector x(n);
    for (float &v : x)
        v = (float)random.normal();
    return x;
}

class EveryWidth : public testing::TestWithParam<size_t>
{
};

TEST_P(EveryWidth, KeepsNormsAndInnerProducts)
{
    size_t D = GetParam();
    Rotation rotation(D, 5);
    for (uint64_t trial = 0; trial < 10; trial++) {
        Vector a = normal_vector(D, trial), b = normal_vector(D, trial + 100);
        Vector ra = rotation(a), rb = rotation(b);
        EXPECT_NEAR(std::sqrt(dot(ra, ra) / dot(a, a)), 1.0, 1e-6);
        EXPECT_NEAR(dot(ra, rb), dot(a, b), 1e-6 * std::sqrt(dot(a, a) * dot(b, b)));
    }
}

TEST_P(EveryWidth, SpreadsASingleCoordinate)
{
    size_t D = GetParam();
    Rotation rotation(D, 6);
    for (size_t hot : {(size_t)0, D / 3, D / 2, D - 1}) {
        Vector x(D);
        x[hot] = 1.0f;
        Vector y = rotation(x);
        float largest = 0;
        for (float v : y)
            largest = std::max(largest, std::fabs(v));
        EXPECT_LT(largest, 6 / std::sqrt((double)D)) << "coordinate " << hot;
    }
}

TEST_P(EveryWidth, IsFixedByTheSeed)
{
    size_t D = GetParam();
    Vector x = normal_vector(D, 1);
    EXPECT_TRUE(Rotation(D, 7) == Rotation(D, 7));
    EXPECT_EQ(Rotation(D, 7)(x), Rotation(D, 7)(x));
    EXPECT_FALSE(Rotation(D, 7) == Rotation(D, 8));
    Vector a = Rotation(D, 7)(x), b = Rotation(D, 8)(x);
    EXPECT_LT(std::fabs(dot(a, b)), 0.7 * dot(x, x)) << "two seeds are unrelated rotations";
}

TEST_P(EveryWidth, ZeroStaysZero)
{
    Vector zero(GetParam());
    EXPECT_EQ(Rotation(GetParam(), 1)(zero), zero);
}

INSTANTIATE_TEST_SUITE_P(Rotation, EveryWidth,
                         testing::Values(64, 72, 104, 128, 384, 784, 1024, 1536, 16000));

TEST(RotationDims, AreAtLeast64AndMultiplesOfEight)
{
    for (size_t dims = 1; dims <= 16000; dims++) {
        size_t D = rotation_dims(dims);
        ASSERT_GE(D, std::max<size_t>(64, dims));
        ASSERT_LT(D, std::max<size_t>(64, dims) + 8);
        ASSERT_EQ(D % 8, 0u);
    }
}

TEST(RotationSeed, FixesTheSignsForever)
{
    // Stored indexes carry the signs, but a REINDEX on another machine must give the same ones.
    uint8_t signs[rotation_bytes(64)];
    rotation_init(1, 64, signs);
    const uint8_t first[8] = {0xC1, 0x5C, 0x02, 0x89, 0xEC, 0x2D, 0x0A, 0x91}; // SplitMix64(1), little-endian
    EXPECT_TRUE(std::equal(first, first + 8, signs));
}

} // namespace
