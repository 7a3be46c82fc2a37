// Conversions of core/half.h against arithmetic done in double.
#include "core/half.h"

#include "core/random.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>

using namespace vq;

namespace {

uint32_t bits(float f)
{
    return std::bit_cast<uint32_t>(f);
}

// The definition: (-1)^s 2^(e-15) (1 + f/1024), or 2^-14 f/1024 where e = 0.
double half_by_definition(uint16_t h)
{
    int exponent = h >> 10 & 31, fraction = h & 1023;
    double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    return h & 0x8000 ? -magnitude : magnitude;
}

// Nearest half by trying both neighbours in double; ties go to the even fraction.
uint16_t nearest_half(float f)
{
    double x = std::fabs((double)f);
    uint16_t sign = std::signbit(f) ? 0x8000 : 0;
    uint16_t below = 0, above = 0x7BFF;
    if (x >= 65504)
        return sign | above;
    while (above - below > 1) {
        uint16_t middle = (uint16_t)((below + above) / 2);
        (half_by_definition(middle) <= x ? below : above) = middle;
    }
    double down = x - half_by_definition(below), up = half_by_definition(above) - x;
    uint16_t nearest = down < up ? below : up < down ? above : below % 2 == 0 ? below : above;
    return sign | nearest;
}

TEST(Half, EveryPatternHasItsDefinedValueAndComesBack)
{
    for (uint32_t h = 0; h < 65536; h++) {
        float f = half_to_float((uint16_t)h);
        if ((h & 0x7C00) != 0x7C00) {
            ASSERT_EQ(f, half_by_definition((uint16_t)h)) << h;
            ASSERT_EQ(std::signbit(f), (h & 0x8000) != 0) << h;
            ASSERT_EQ(float_to_half(f), h);
        } else if (h & 0x3FF) {
            ASSERT_TRUE(std::isnan(f)) << h;
            ASSERT_EQ(float_to_half(f), h | 0x200) << "quiet, payload kept";
        } else
            ASSERT_TRUE(std::isinf(f)) << h;
    }
}

TEST(Half, RoundsToNearestEvenBetweenAnyTwoNeighbours)
{
    for (uint16_t h = 0; h < 0x7BFF; h++) {
        float a = half_to_float(h), b = half_to_float((uint16_t)(h + 1)), middle = (a + b) / 2;
        uint16_t even = h % 2 == 0 ? h : (uint16_t)(h + 1);
        ASSERT_EQ(float_to_half(middle), even);
        ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0f)), h);
        ASSERT_EQ(float_to_half(std::nextafter(middle, INFINITY)), h + 1);
        ASSERT_EQ(float_to_half(-middle), even | 0x8000);
    }
}

TEST(Half, RandomFloatsAgreeWithASearch)
{
    Random random(1);
    for (int i = 0; i < 200000; i++) {
        float f = std::bit_cast<float>((uint32_t)random.next());
        if (std::isnan(f))
            continue;
        ASSERT_EQ(float_to_half(f), nearest_half(f)) << f;
    }
}

TEST(Half, SaturatesInsteadOfOverflowing)
{
    for (float f : {65504.0f, 65519.0f, 65520.0f, 1e10f, FLT_MAX, INFINITY}) {
        EXPECT_EQ(half_to_float(float_to_half(f)), 65504.0f) << f;
        EXPECT_EQ(half_to_float(float_to_half(-f)), -65504.0f) << f;
    }
}

TEST(Bfloat16, EveryPatternComesBack)
{
    for (uint32_t h = 0; h < 65536; h++) {
        float f = bf16_to_float((uint16_t)h);
        ASSERT_EQ(bits(f), h << 16);
        ASSERT_EQ(float_to_bf16(f), std::isnan(f) ? h | 0x40 : h);
    }
}

TEST(Bfloat16, RoundsToNearestEven)
{
    for (uint32_t h = 0; h < 0x7F7F; h++) {
        float middle = std::bit_cast<float>(h << 16 | 0x8000u);
        ASSERT_EQ(float_to_bf16(middle), h % 2 == 0 ? h : h + 1);
        ASSERT_EQ(float_to_bf16(std::bit_cast<float>(h << 16 | 0x7FFFu)), h);
        ASSERT_EQ(float_to_bf16(std::bit_cast<float>(h << 16 | 0x8001u)), h + 1);
        ASSERT_EQ(float_to_bf16(-middle), (h % 2 == 0 ? h : h + 1) | 0x8000);
    }
}

TEST(Bfloat16, RoundsUpToTheSmallestThatIsNotBelow)
{
    for (uint32_t h = 0; h < 0x7F7F; h++) {
        ASSERT_EQ(float_to_bf16_up(std::bit_cast<float>(h << 16)), h);
        ASSERT_EQ(float_to_bf16_up(std::bit_cast<float>(h << 16 | 1u)), h + 1);
        ASSERT_EQ(float_to_bf16_up(std::bit_cast<float>(h << 16 | 0xFFFFu)), h + 1);
    }
}

TEST(Bfloat16, SaturatesFiniteValues)
{
    EXPECT_EQ(float_to_bf16(FLT_MAX), 0x7F7F);
    EXPECT_EQ(float_to_bf16(-FLT_MAX), 0xFF7F);
    EXPECT_EQ(float_to_bf16(INFINITY), 0x7F80);
    EXPECT_EQ(float_to_bf16_up(FLT_MAX), 0x7F7F);
    EXPECT_EQ(float_to_bf16_up(INFINITY), 0x7F7F);
}

} // namespace
