#include "core/scalar_quantizer.h"

#include "core/random.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <vector>

using namespace vq;

namespace {

using Vector = std::vector<float>;

const Element kAll[] = {Element::SQ6, Element::SQ8, Element::FP16, Element::BF16, Element::FP32};
const Element kScalar[] = {Element::SQ6, Element::SQ8};

int levels(Element e)
{
    return e == Element::SQ6 ? 63 : 255;
}

// A trained quantizer that owns its memory, exactly as much as the header says.
class Quantizer
{
public:
    Quantizer(Element e, size_t dims, const Vector &sample)
        : element_(e), dims_(dims), image_(sq_image_bytes(e, dims) / sizeof(float))
    {
        sq_train(e, dims, sample.data(), sample.size() / dims, image_.data());
    }

    std::vector<uint8_t> encode(const Vector &x, float *error = nullptr) const
    {
        std::vector<uint8_t> code(sq_code_bytes(element_, dims_));
        float e = sq_encode(element_, dims_, image_.data(), x.data(), code.data());
        if (error)
            *error = e;
        return code;
    }

    Vector decode(const std::vector<uint8_t> &code) const
    {
        Vector x(dims_);
        sq_decode(element_, dims_, image_.data(), code.data(), x.data());
        return x;
    }

    Vector round_trip(const Vector &x, float *error = nullptr) const { return decode(encode(x, error)); }

    float low(size_t d) const { return image_[d]; }
    float step(size_t d) const { return image_[dims_ + d]; }

private:
    Element element_;
    size_t dims_;
    Vector image_;
};

Vector normal_sample(size_t n, uint64_t seed, float scale = 1)
{
    Random random(seed);
    Vector x(n);
    for (float &v : x)
        v = scale * (float)random.normal();
    return x;
}

Vector whole_sample(size_t n, int lowest, int count, uint64_t seed)
{
    Random random(seed);
    Vector x(n);
    for (float &v : x)
        v = (float)(lowest + (int)random.below((uint64_t)count));
    return x;
}

double distance(const Vector &a, const Vector &b)
{
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return std::sqrt(sum);
}

TEST(ScalarQuantizer, ErrorOfAnElementIsAtMostHalfAStep)
{
    for (Element e : kScalar)
        for (size_t dims : {1, 2, 3, 5, 7, 17, 384}) {
            Vector sample = normal_sample(dims * 50, dims);
            Quantizer quantizer(e, dims, sample);
            for (size_t r = 0; r < 50; r++) {
                Vector x(sample.begin() + (ptrdiff_t)(r * dims),
                         sample.begin() + (ptrdiff_t)((r + 1) * dims));
                Vector y = quantizer.round_trip(x);
                for (size_t d = 0; d < dims; d++)
                    ASSERT_LE(std::fabs(x[d] - y[d]), quantizer.step(d) * 0.5001f) << dims << " dims, " << d;
            }
        }
}

TEST(ScalarQuantizer, WholeNumbersInRangeAreLossless)
{
    struct Case
    {
        Element e;
        int lowest, count;
    } cases[] = {{Element::SQ8, 0, 256}, {Element::SQ8, -128, 256}, {Element::SQ8, 1000, 200},
                 {Element::SQ8, 3, 2},   {Element::SQ6, 0, 64},     {Element::SQ6, -32, 64},
                 {Element::SQ6, -5, 11}, {Element::SQ8, 7, 1},      {Element::SQ8, -4000000, 256}};
    for (auto [e, lowest, count] : cases) {
        Quantizer quantizer(e, 33, whole_sample(33 * 40, lowest, count, 1));
        Vector fresh = whole_sample(33, lowest, count, 2);
        float error;
        EXPECT_EQ(quantizer.round_trip(fresh, &error), fresh) << lowest << ".." << lowest + count - 1;
        EXPECT_EQ(error, 0.0f);
    }
}

TEST(ScalarQuantizer, BytesOfAPixelStayLosslessWhereTheSampleSawOnlyDarkOnes)
{
    Vector sample = whole_sample(20 * 8, 0, 40, 1), bright(8, 255.0f);
    EXPECT_EQ(Quantizer(Element::SQ8, 8, sample).round_trip(bright), bright);
}

TEST(ScalarQuantizer, WiderWholeNumbersTakeWholeSteps)
{
    Quantizer quantizer(Element::SQ8, 2, {0, 0, 1000, 100});
    EXPECT_EQ(quantizer.step(0), 4.0f);
    EXPECT_EQ(quantizer.step(1), 1.0f);
    EXPECT_EQ(quantizer.low(0), std::floor(quantizer.low(0)));
}

TEST(ScalarQuantizer, AConstantDimensionIsExact)
{
    for (Element e : kScalar) {
        Vector sample = {0.1f, 1.5f, 0.0f, 0.1f, 2.5f, 0.0f, 0.1f, 3.25f, 0.0f};
        Vector y = Quantizer(e, 3, sample).round_trip({0.1f, 2.0f, 0.0f});
        EXPECT_EQ(y[0], 0.1f);
        EXPECT_EQ(y[2], 0.0f);
    }
}

TEST(ScalarQuantizer, ValuesOutsideTheRangeClampToItsEnds)
{
    for (Element e : kScalar) {
        Quantizer quantizer(e, 2, {-1.0f, 0.0f, 0.5f, 1.0f});
        float error;
        Vector y = quantizer.round_trip({-50.0f, 1e30f}, &error);
        EXPECT_EQ(y[0], quantizer.low(0));
        EXPECT_EQ(y[1], quantizer.low(1) + quantizer.step(1) * (float)levels(e));
        EXPECT_GE(error, 1e30f * 0.999f);
        EXPECT_LT(quantizer.low(0), -1.0f) << "room for values a little outside the sample";
        EXPECT_GT(y[1], 1.0f);
    }
}

TEST(ScalarQuantizer, WithoutASampleTheRangeIsMinusOneToOne)
{
    for (Element e : kScalar) {
        Quantizer quantizer(e, 3, {});
        EXPECT_EQ(quantizer.low(2), -1.0f);
        EXPECT_EQ(quantizer.step(2), 2.0f / (float)levels(e));
    }
}

TEST(ScalarQuantizer, ErrorNormIsAnUpperBoundAndTight)
{
    for (Element e : kAll)
        for (size_t dims : {1, 3, 33, 384, 16000}) {
            Quantizer quantizer(e, dims, normal_sample(dims * 4, dims));
            for (float scale : {1.0f, 100.0f, 1e-6f}) // inside the range, clamped, and below a step
            {
                Vector x = normal_sample(dims, dims + 7, scale);
                float error;
                Vector y = quantizer.round_trip(x, &error);
                double truth = distance(x, y);
                ASSERT_GE(error, truth) << dims;
                ASSERT_LE(error, truth * 1.01) << dims;
                ASSERT_EQ(error == 0.0f, x == y) << dims;
            }
        }
}

TEST(ScalarQuantizer, ErrorNormStaysFinite)
{
    for (Element e : kAll) {
        Quantizer quantizer(e, 4, {-FLT_MAX, 0, 1, 1e-45f, FLT_MAX, 0, 2, 2e-45f});
        float error;
        Vector y = quantizer.round_trip({FLT_MAX, FLT_MAX, -FLT_MAX, 1e-45f}, &error);
        EXPECT_TRUE(std::isfinite(error));
        for (float v : y)
            EXPECT_TRUE(std::isfinite(v)) << (int)e;
    }
}

TEST(ScalarQuantizer, Fp32IsLossless)
{
    Vector x = normal_sample(17, 3, 1e20f);
    float error;
    EXPECT_EQ(Quantizer(Element::FP32, 17, x).round_trip(x, &error), x);
    EXPECT_EQ(error, 0.0f);
}

TEST(ScalarQuantizer, SixBitCodesFormALittleEndianStream)
{
    Quantizer quantizer(Element::SQ6, 5, {0, 0, 0, 0, 0, 63, 63, 63, 63, 63});
    std::vector<uint8_t> code = quantizer.encode({1, 2, 3, 4, 5});
    uint64_t stream = 1 | 2 << 6 | 3 << 12 | 4 << 18 | 5ull << 24;
    ASSERT_EQ(code.size(), 4u);
    for (size_t b = 0; b < 4; b++)
        EXPECT_EQ(code[b], (uint8_t)(stream >> (8 * b)));
}

} // namespace
