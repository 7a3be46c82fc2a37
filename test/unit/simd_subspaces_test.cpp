// Kernels of product quantization: every level gives the scalar table's bits, and the scalar table the definition's.
#include "simd_levels.h"

#include <bit>

namespace vq::simd {

namespace {

constexpr size_t kCentroids = 16;

class SimdSubspaces : public EveryLevel
{
};
VQ_EVERY_LEVEL(SimdSubspaces);

size_t columns(size_t dims, size_t sub_dims)
{
    return (dims + sub_dims - 1) / sub_dims;
}

// A vector and its codebook, each ending at an unreadable page (slack 0) or misaligned.
struct Subspaces
{
    Subspaces(size_t dims, size_t sub_dims, size_t slack, std::vector<float> values, std::vector<float> book)
        : dims(dims), sub_dims(sub_dims), slack(slack), x(values, slack), codebook(book, slack)
    {
    }
    Subspaces(size_t dims, size_t sub_dims, size_t slack, Random random)
        : Subspaces(dims, sub_dims, slack, random.reals(dims), random_codebook(dims, sub_dims, random))
    {
    }
    // Coordinates at random, half norms of their own.
    static std::vector<float> random_codebook(size_t dims, size_t sub_dims, Random &random)
    {
        std::vector<float> book;
        for (size_t at = 0; at < dims; at += sub_dims) {
            const size_t width = std::min(sub_dims, dims - at), block = book.size();
            book.resize(block + kCentroids * (1 + width));
            for (size_t d = 0; d < width; d++)
                for (size_t k = 0; k < kCentroids; k++) {
                    const float v = random.real();
                    book[block + kCentroids * (1 + d) + k] = v;
                    book[block + k] += v * v / 2;
                }
        }
        return book;
    }
    std::vector<uint8_t> codes(const Kernels &k)
    {
        Guarded<uint8_t> out(columns(dims, sub_dims));
        std::memset(out.data(), 0xEE, out.size());
        k.nearest_codes(x.data(), codebook.data(), dims, sub_dims, out.data());
        EXPECT_TRUE(out.intact() && x.intact() && codebook.intact());
        return std::vector<uint8_t>(out.data(), out.data() + out.size());
    }
    std::vector<uint32_t> dots(const Kernels &k)
    {
        Guarded<float> out(kCentroids * columns(dims, sub_dims), slack);
        k.subspace_dots(x.data(), codebook.data(), dims, sub_dims, out.data());
        EXPECT_TRUE(out.intact());
        std::vector<uint32_t> bits;
        for (size_t i = 0; i < out.size(); i++)
            bits.push_back(std::bit_cast<uint32_t>(out[i]));
        return bits;
    }
    // <x, centroid k> in column j, one rounding at a time: volatile keeps the compiler from any other order.
    float dot_by_definition(size_t j, size_t k) const { return sum(j, k, 0, 1); }
    float score_by_definition(size_t j, size_t k) const { return sum(j, k, codebook[block(j) + k], -1); }

    size_t dims, sub_dims, slack;
    Guarded<float> x, codebook;

private:
    size_t block(size_t j) const { return kCentroids * j * (1 + sub_dims); }
    float sum(size_t j, size_t k, float start, float sign) const
    {
        volatile float sum = start;
        for (size_t d = 0; d < std::min(sub_dims, dims - j * sub_dims); d++) {
            volatile float product = x[j * sub_dims + d] * codebook[block(j) + kCentroids * (1 + d) + k];
            sum = sum + sign * product;
        }
        return sum;
    }
};

// Every dimension up to 40 and every subspace, so every short last subspace; then what indexes have.
template <class Check>
void for_all_shapes(Check check)
{
    for (size_t sub_dims = 1; sub_dims <= 8; sub_dims++) {
        for (size_t dims = 1; dims <= 40; dims++)
            for (size_t slack : {0, 1, 4})
                check(dims, sub_dims, slack);
        for (size_t dims : {384, 1000, 1537})
            check(dims, sub_dims, 0);
    }
    for (size_t sub_dims : {1, 7, 8})
        check(16000, sub_dims, 2);
}

TEST_P(SimdSubspaces, DotsAreTheDefinitionBitForBit)
{
    for_all_shapes([&](size_t dims, size_t sub_dims, size_t slack) {
        Subspaces s(dims, sub_dims, slack, Random(dims * 8 + sub_dims));
        const std::vector<uint32_t> got = s.dots(kernels());
        ASSERT_EQ(got, s.dots(scalar())) << dims << " dimensions by " << sub_dims;
        for (size_t j = 0; j < columns(dims, sub_dims); j++)
            for (size_t k = 0; k < kCentroids; k++)
                ASSERT_EQ(std::bit_cast<float>(got[kCentroids * j + k]), s.dot_by_definition(j, k))
                    << dims << " dimensions by " << sub_dims << ", column " << j << ", centroid " << k;
    });
}

TEST_P(SimdSubspaces, CodesAreTheNearestCentroids)
{
    for_all_shapes([&](size_t dims, size_t sub_dims, size_t slack) {
        Subspaces s(dims, sub_dims, slack, Random(dims * 8 + sub_dims + 1));
        const std::vector<uint8_t> got = s.codes(kernels());
        ASSERT_EQ(got, s.codes(scalar())) << dims << " dimensions by " << sub_dims;
        for (size_t j = 0; j < got.size(); j++) {
            ASSERT_LT(got[j], kCentroids);
            for (size_t k = 0; k < kCentroids; k++)
                ASSERT_TRUE(k < got[j] ? s.score_by_definition(j, got[j]) < s.score_by_definition(j, k)
                                       : s.score_by_definition(j, got[j]) <= s.score_by_definition(j, k))
                    << dims << " dimensions by " << sub_dims << ", column " << j << ", centroid " << k;
        }
    });
}

// Whole numbers and few centroids: many scores are equal, and zeros come with both signs.
TEST_P(SimdSubspaces, TheFirstOfEqualCentroidsIsTaken)
{
    Random random(3);
    std::vector<size_t> taken(kCentroids);
    for (int round = 0; round < 2000; round++) {
        const size_t dims = 1 + random.below(6);
        std::vector<float> x(dims), book(kCentroids * (1 + dims));
        for (float &v : x)
            v = (float)random.below(3) - 1;
        for (size_t k = 0; k < kCentroids; k++)
            for (size_t d = 0; d < dims; d++) {
                const float v = (float)random.below(3) - 1;
                book[kCentroids * (1 + d) + k] = v;
                book[k] += v * v / 2;
            }
        Subspaces s(dims, dims, 0, x, book);
        uint8_t first = 0;
        for (uint8_t k = 1; k < kCentroids; k++)
            if (s.score_by_definition(0, k) < s.score_by_definition(0, first))
                first = k;
        ASSERT_EQ(s.codes(kernels())[0], first);
        taken[first]++;
    }
    for (size_t k = 0; k < kCentroids; k++) // the test reaches every lane
        EXPECT_GT(taken[k], 0u) << k;
}

TEST_P(SimdSubspaces, OneCentroidNearerIsFoundInEveryPlace)
{
    for (size_t place = 0; place < kCentroids; place++)
        for (size_t width = 1; width <= 8; width++) {
            std::vector<float> x(width, 1), book(kCentroids * (1 + width), -1);
            for (size_t k = 0; k < kCentroids; k++)
                book[k] = (float)width / 2;
            book[kCentroids * width + place] = 0.5f; // the last dimension tells
            Subspaces s(width, width, place % 2, x, book);
            ASSERT_EQ(s.codes(kernels())[0], place) << width;
        }
}

// Values of every magnitude stay equal to the scalar table, as far as they are finite.
TEST_P(SimdSubspaces, ValuesOfEveryMagnitude)
{
    for (float scale : {1e-38f, 1e-20f, 1e-6f, 1e6f, 1e15f, 3e18f})
        for (size_t sub_dims = 1; sub_dims <= 8; sub_dims++) {
            Random random(sub_dims);
            std::vector<float> x = random.reals(29), book = Subspaces::random_codebook(29, sub_dims, random);
            for (float &v : x)
                v *= scale;
            for (float &v : book)
                v *= random.below(2) ? scale : 1;
            Subspaces s(29, sub_dims, 0, x, book);
            ASSERT_EQ(s.codes(kernels()), s.codes(scalar())) << scale;
            ASSERT_EQ(s.dots(kernels()), s.dots(scalar())) << scale;
        }
}

} // namespace

} // namespace vq::simd
