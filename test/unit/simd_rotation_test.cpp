// Walsh-Hadamard transform and sign flips of every level.
#include "simd_levels.h"

#include <bit>

namespace vq::simd {

namespace {

class SimdRotation : public EveryLevel
{
};
VQ_EVERY_LEVEL(SimdRotation);

// Row `row` of the transform by definition: sum of x_i * (-1)^popcount(row & i).
Exact hadamard_row(const std::vector<float> &x, size_t row)
{
    Exact sum;
    for (size_t i = 0; i < x.size(); i++)
        sum.add(std::popcount(row & i) % 2 ? -(double)x[i] : (double)x[i]);
    return sum;
}

TEST_P(SimdRotation, FwhtOfEveryPowerOfTwo)
{
    for (size_t n = 1; n <= 16384; n *= 2)
        for (size_t slack : {0, 1, 4}) {
            std::vector<float> x = Random(n + slack).reals(n);
            Guarded<float> y(x, slack);
            kernels().fwht(y.data(), n);
            Random pick(n);
            for (size_t k = 0; k < std::min<size_t>(n, 300); k++) {
                size_t row = n <= 300 ? k : pick.below(n);
                expect_within(y[row], hadamard_row(x, row), n, "fwht");
            }
            EXPECT_TRUE(y.intact());
        }
}

TEST_P(SimdRotation, FwhtOfSmallIntegersIsExact)
{
    for (size_t n = 1; n <= 16384; n *= 2) {
        std::vector<float> x(n);
        Random random(n);
        for (float &v : x)
            v = (float)random.below(17) - 8.0f;
        std::vector<float> twice = x;
        kernels().fwht(twice.data(), n);
        kernels().fwht(twice.data(), n); // H H = n
        for (size_t i = 0; i < n; i++)
            ASSERT_EQ(twice[i], x[i] * (float)n) << n << " at " << i;
    }
}

TEST_P(SimdRotation, FlipSigns)
{
    for (size_t n : lengths(0))
        for (size_t slack : {0, 1}) {
            Random random(n);
            std::vector<float> x = random.reals(n);
            std::vector<uint8_t> bits = random.bytes((n + 7) / 8);
            Guarded<float> y(x, slack);
            Guarded<uint8_t> guarded_bits(bits);
            kernels().flip_signs(y.data(), guarded_bits.data(), n);
            for (size_t i = 0; i < n; i++)
                ASSERT_EQ(y[i], bits[i / 8] >> (i % 8) & 1 ? -x[i] : x[i]) << n << " at " << i;
            EXPECT_TRUE(y.intact());
        }
}

TEST_P(SimdRotation, FlipSignsTouchesNothingButTheSign)
{
    const uint8_t all = 0xFF;
    float x[4] = {0.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(),
                  -0.0f};
    float y[4];
    std::memcpy(y, x, sizeof y);
    kernels().flip_signs(y, &all, 4);
    for (int i = 0; i < 4; i++)
        EXPECT_EQ(std::bit_cast<uint32_t>(x[i]) ^ 0x80000000u, std::bit_cast<uint32_t>(y[i]));
}

} // namespace

} // namespace vq::simd
