// Kernels on halfs: every level against its own float kernels on the widened elements, conversions against the
// definition.
#include "core/distance.h"
#include "core/half.h"
#include "simd_levels.h"

#include <bit>
#include <cfloat>

namespace vq::simd {

namespace {

class SimdHalf : public EveryLevel
{
};
VQ_EVERY_LEVEL(SimdHalf);

uint32_t bits(float f)
{
    return std::bit_cast<uint32_t>(f);
}

// The same bits, or both NaN.
void expect_same(float got, float expected, const char *what, size_t n)
{
    if (!(std::isnan(got) && std::isnan(expected))) {
        EXPECT_EQ(bits(got), bits(expected)) << what << ", n = " << n << ": " << got << ", " << expected;
    }
}

// Which halfs: around 1; any finite one, so mostly large and small ones; subnormals; any pattern, NaN too.
enum class Kind
{
    Normal,
    Finite,
    Subnormal,
    Any
};

uint16_t random_half(Kind kind, Random &random)
{
    const uint16_t h = (uint16_t)(random.byte() | random.byte() << 8);
    switch (kind) {
    case Kind::Normal:
        return vq::float_to_half(random.real());
    case Kind::Finite:
        return (h & 0x7C00) == 0x7C00 ? (uint16_t)(h & 0xBFFF) : h;
    case Kind::Subnormal:
        return h & 0x83FF;
    case Kind::Any:
        break;
    }
    return h;
}

// The same elements as halfs and as floats. Slack 0 puts the end at the unreadable page; 1 misaligns the start.
struct Operand
{
    Operand(size_t n, Kind kind, size_t slack, Random &random) : half(n, slack), wide(n)
    {
        for (size_t i = 0; i < n; i++) {
            half.set(i, random_half(kind, random));
            wide.set(i, vq::half_to_float(half[i]));
        }
    }
    Guarded<uint16_t> half;
    Guarded<float> wide;
};

template <class Check>
void for_all_pairs(Check check)
{
    for (size_t n : lengths(0))
        for (Kind kind : {Kind::Normal, Kind::Finite, Kind::Subnormal, Kind::Any})
            for (size_t slack : {0, 1}) {
                Random random(n * 8 + (size_t)kind * 2 + slack);
                Operand a(n, kind, slack, random), b(n, kind, 0, random);
                check(a, b, n);
                EXPECT_TRUE(a.half.intact() && b.half.intact());
            }
}

TEST_P(SimdHalf, SumsAreThoseOfTheFloatsBitForBit)
{
    const Kernels &k = kernels();
    for_all_pairs([&](Operand &a, Operand &b, size_t n) {
        expect_same(k.half_dot(a.half.data(), b.half.data(), n), k.dot(a.wide.data(), b.wide.data(), n),
                    "half_dot", n);
        expect_same(k.half_l2sq(a.half.data(), b.half.data(), n), k.l2sq(a.wide.data(), b.wide.data(), n),
                    "half_l2sq", n);
        expect_same(k.half_l1(a.half.data(), b.half.data(), n), k.l1(a.wide.data(), b.wide.data(), n),
                    "half_l1", n);
        Guarded<float> out(3), expected(3);
        k.half_dot_norms(a.half.data(), b.half.data(), n, out.data());
        k.dot_norms(a.wide.data(), b.wide.data(), n, expected.data());
        for (size_t i = 0; i < 3; i++)
            expect_same(out[i], expected[i], "half_dot_norms", n);
        EXPECT_TRUE(out.intact());
    });
}

// Not only the level's own opinion of its float kernels.
TEST_P(SimdHalf, SumsAreNearTheExactOnes)
{
    for (size_t n : lengths(0)) {
        Random random(n);
        Operand a(n, Kind::Normal, 0, random), b(n, Kind::Normal, 1, random);
        Exact dot, l2sq, l1;
        for (size_t i = 0; i < n; i++) {
            const double x = a.wide[i], y = b.wide[i];
            dot.add(x * y), l2sq.add((x - y) * (x - y)), l1.add(std::fabs(x - y));
        }
        expect_within(kernels().half_dot(a.half.data(), b.half.data(), n), dot, n, "half_dot");
        expect_within(kernels().half_l2sq(a.half.data(), b.half.data(), n), l2sq, n, "half_l2sq");
        expect_within(kernels().half_l1(a.half.data(), b.half.data(), n), l1, n, "half_l1");
    }
}

TEST_P(SimdHalf, WidensEveryPatternExactly)
{
    Guarded<uint16_t> x(0x10000);
    Guarded<float> out(0x10000);
    for (size_t h = 0; h < 0x10000; h++)
        x.set(h, (uint16_t)h);
    kernels().half_to_float(x.data(), out.data(), x.size());
    for (size_t h = 0; h < 0x10000; h++)
        expect_same(out[h], vq::half_to_float((uint16_t)h), "half_to_float", h);
}

// Both neighbours of every half and the middle between them, with both signs.
TEST_P(SimdHalf, RoundsToNearestEven)
{
    std::vector<float> values;
    for (uint16_t h = 0; h < 0x7BFF; h++) {
        const float a = vq::half_to_float(h), b = vq::half_to_float((uint16_t)(h + 1)), middle = (a + b) / 2;
        for (float v : {a, std::nextafter(middle, 0.0f), middle, std::nextafter(middle, INFINITY)})
            values.push_back(v), values.push_back(-v);
    }
    std::vector<uint16_t> out(values.size());
    kernels().float_to_half(values.data(), out.data(), values.size());
    for (size_t i = 0; i < values.size(); i++)
        ASSERT_EQ(out[i], vq::float_to_half(values[i])) << values[i];
}

TEST_P(SimdHalf, SaturatesAndKeepsNaN)
{
    const std::vector<float> values = {65504,    65519,  65520,  65536,     1e10f,   FLT_MAX,
                                       INFINITY, -65504, -65520, -INFINITY, 1e-30f,  -1e-45f,
                                       NAN,      0.0f,   -0.0f,  0x1p-24f,  0x1p-25f};
    for (size_t place = 0; place < 40; place++) // in every lane and in the tail
        for (float value : values) {
            std::vector<float> x(40, 1.0f);
            x[place] = value;
            uint16_t out[40];
            kernels().float_to_half(x.data(), out, 40 - place % 3);
            if (place >= 40 - place % 3)
                continue;
            if (std::isnan(value))
                EXPECT_EQ(out[place] & 0x7E00, 0x7E00);
            else
                EXPECT_EQ(out[place], vq::float_to_half(value)) << value;
        }
}

TEST_P(SimdHalf, ConversionsStayInTheirRanges)
{
    for (size_t n : lengths(0))
        for (size_t slack : {0, 1}) {
            Random random(n + slack);
            Operand a(n, Kind::Finite, slack, random);
            Guarded<float> wide(n, slack);
            kernels().half_to_float(a.half.data(), wide.data(), n);
            Guarded<uint16_t> back(n, slack);
            kernels().float_to_half(wide.data(), back.data(), n);
            for (size_t i = 0; i < n; i++) {
                ASSERT_EQ(bits(wide[i]), bits(a.wide[i])) << n;
                ASSERT_EQ(back[i], a.half[i]) << n;
            }
            EXPECT_TRUE(a.half.intact() && wide.intact() && back.intact());
        }
}

// What SQL shows: with the level in use, a distance of halfs is that of their floats.
TEST_P(SimdHalf, DistancesAreThoseOfTheFloats)
{
    ASSERT_TRUE(select_level(kernels().name));
    for (size_t n : lengths(1)) {
        Random random(n);
        Operand a(n, Kind::Normal, 0, random), b(n, Kind::Normal, 0, random);
        std::vector<uint16_t> ha(n), hb(n);
        std::vector<float> fa(n), fb(n);
        for (size_t i = 0; i < n; i++)
            ha[i] = a.half[i], hb[i] = b.half[i], fa[i] = a.wide[i], fb[i] = b.wide[i];
        EXPECT_EQ(l2_distance(ha.data(), hb.data(), n), l2_distance(fa.data(), fb.data(), n)) << n;
        EXPECT_EQ(negative_inner_product(ha.data(), hb.data(), n),
                  negative_inner_product(fa.data(), fb.data(), n));
        EXPECT_EQ(cosine_distance(ha.data(), hb.data(), n), cosine_distance(fa.data(), fb.data(), n)) << n;
        EXPECT_EQ(l1_distance(ha.data(), hb.data(), n), l1_distance(fa.data(), fb.data(), n)) << n;
        EXPECT_EQ(l2_norm(ha.data(), n), l2_norm(fa.data(), n)) << n;
    }
    select_level("auto");
}

} // namespace

} // namespace vq::simd
