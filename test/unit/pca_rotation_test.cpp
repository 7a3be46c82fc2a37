#include "core/pca_rotation.h"

#include "core/random.h"
#include "core/word_matrix.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

using namespace vq;

namespace {

using Vector = std::vector<float>;

// Exactly `bytes` bytes, 64-byte aligned, so that the sanitizer sees every byte too far.
class Memory
{
public:
    explicit Memory(size_t bytes) : bytes_(bytes), at_((uint8_t *)operator new(bytes, kAlign))
    {
        std::memset(at_, 0xA5, bytes);
    }
    ~Memory() { operator delete(at_, kAlign); }
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;

    uint8_t *data() const { return at_; }
    size_t size() const { return bytes_; }
    bool operator==(const Memory &other) const
    {
        return bytes_ == other.bytes_ && std::memcmp(at_, other.at_, bytes_) == 0;
    }

private:
    static constexpr std::align_val_t kAlign{64};
    size_t bytes_;
    uint8_t *at_;
};

struct Rotation
{
    size_t dims;
    Memory image;

    Rotation(const Vector &rows, size_t width, size_t sub_dims)
        : dims(width), image(pca_rotation_bytes(width))
    {
        Memory scratch(pca_rotation_scratch_bytes(dims));
        EXPECT_TRUE(pca_rotation_train(rows.data(), rows.size() / dims, dims, sub_dims, image.data(),
                                       scratch.data(), {}));
        EXPECT_TRUE(pca_rotation_valid(image.data(), image.size(), dims));
    }
    Vector operator()(const float *x) const { return together({x}).front(); }
    std::vector<Vector> together(const std::vector<const float *> &x) const
    {
        std::vector<Vector> y(x.size(), Vector(dims));
        std::vector<float *> to;
        for (Vector &v : y)
            to.push_back(v.data());
        pca_rotation_apply(image.data(), dims, x.data(), x.size(), to.data());
        return y;
    }
};

double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

Vector normal_rows(size_t n, size_t dims, uint64_t seed)
{
    Random random(seed);
    Vector rows(n * dims);
    for (float &v : rows)
        v = (float)random.normal();
    return rows;
}

// Variances fall as i^-1.5 along axes that are no coordinates: neighbours are mixed twice.
Vector correlated_rows(size_t n, size_t dims, uint64_t seed)
{
    Vector rows = normal_rows(n, dims, seed);
    for (size_t r = 0; r < n; r++) {
        float *x = rows.data() + r * dims;
        for (size_t i = 0; i < dims; i++)
            x[i] *= std::pow((float)(i + 1), -0.75f);
        for (size_t step : {(size_t)1, dims / 2, dims / 3})
            for (size_t i = 0; step && i + step < dims; i++) {
                float a = x[i], b = x[i + step];
                x[i] = 0.8f * a - 0.6f * b;
                x[i + step] = 0.6f * a + 0.8f * b;
            }
    }
    return rows;
}

void check_isometry(const Rotation &rotation, uint64_t seed = 77)
{
    const size_t dims = rotation.dims;
    for (uint64_t trial = 0; trial < 10; trial++) {
        Vector a = normal_rows(1, dims, seed + trial), b = normal_rows(1, dims, seed + trial + 100);
        Vector ra = rotation(a.data()), rb = rotation(b.data());
        double aa = dot(a.data(), a.data(), dims), bb = dot(b.data(), b.data(), dims);
        EXPECT_NEAR(std::sqrt(dot(ra.data(), ra.data(), dims) / aa), 1.0, 0x1p-11);
        EXPECT_NEAR(dot(ra.data(), rb.data(), dims), dot(a.data(), b.data(), dims),
                    0x1p-10 * std::sqrt(aa * bb));
    }
    for (size_t hot : {(size_t)0, dims / 2, dims - 1}) {
        Vector x(dims);
        x[hot] = 1;
        Vector y = rotation(x.data());
        EXPECT_NEAR(dot(y.data(), y.data(), dims), 1.0, 0x1p-10) << "coordinate " << hot;
    }
}

// Second moments of the outputs over the rows.
std::vector<double> output_moments(const Rotation &rotation, const Vector &rows)
{
    const size_t dims = rotation.dims, n = rows.size() / dims;
    std::vector<double> moments(dims);
    for (size_t r = 0; r < n; r++) {
        Vector y = rotation(rows.data() + r * dims);
        for (size_t i = 0; i < dims; i++)
            moments[i] += (double)y[i] * y[i] / (double)n;
    }
    return moments;
}

// Sum of the logarithms of the moments in each whole subspace; the spread from the smallest to the largest.
double spread(const std::vector<double> &moments, size_t sub_dims)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t first = 0; first + sub_dims <= moments.size(); first += sub_dims) {
        double sum = 0;
        for (size_t i = first; i < first + sub_dims; i++)
            sum += std::log(moments[i]);
        least = std::min(least, sum);
        most = std::max(most, sum);
    }
    return most - least;
}

struct Case
{
    size_t dims, rows, sub_dims;
};

class EveryCase : public testing::TestWithParam<Case>
{
};

TEST_P(EveryCase, IsAnIsometry)
{
    auto [dims, n, sub_dims] = GetParam();
    check_isometry(Rotation(correlated_rows(n, dims, 1), dims, sub_dims));
}

TEST_P(EveryCase, IsDeterministic)
{
    auto [dims, n, sub_dims] = GetParam();
    Vector rows = correlated_rows(n, dims, 2);
    EXPECT_TRUE(Rotation(rows, dims, sub_dims).image == Rotation(rows, dims, sub_dims).image);
}

TEST_P(EveryCase, SubspacesComeWidestFirst)
{
    auto [dims, n, sub_dims] = GetParam();
    Vector rows = correlated_rows(n, dims, 3);
    std::vector<double> moments = output_moments(Rotation(rows, dims, sub_dims), rows);
    double last = INFINITY, most = *std::max_element(moments.begin(), moments.end());
    for (size_t first = 0; first + sub_dims <= dims; first += sub_dims) {
        double widest = *std::max_element(moments.begin() + first, moments.begin() + first + sub_dims);
        EXPECT_LE(widest, last * 1.01 + 1e-5 * most) << "output " << first;
        EXPECT_GE(moments[first], widest * 0.99 - 1e-5 * most) << "widest axis first in its subspace";
        last = widest;
    }
    EXPECT_GE(moments[0], 0.99 * most);
}

INSTANTIATE_TEST_SUITE_P(PcaRotation, EveryCase,
                         testing::Values(Case{1, 5, 1}, Case{2, 1, 8}, Case{3, 50, 2}, Case{8, 100, 3},
                                         Case{64, 1000, 2}, Case{65, 700, 2}, Case{100, 2000, 8},
                                         Case{129, 513, 4}, Case{200, 40, 2}, Case{200, 300, 1},
                                         Case{203, 300, 7}));

TEST(PcaRotation, OutputsAreUncorrelated)
{
    const size_t dims = 48, n = 3000;
    Vector rows = correlated_rows(n, dims, 4);
    Rotation rotation(rows, dims, 2);
    std::vector<double> moments(dims * dims);
    for (size_t r = 0; r < n; r++) {
        Vector y = rotation(rows.data() + r * dims);
        for (size_t i = 0; i < dims; i++)
            for (size_t j = 0; j < dims; j++)
                moments[i * dims + j] += (double)y[i] * y[j];
    }
    for (size_t i = 0; i < dims; i++)
        for (size_t j = 0; j < i; j++) {
            double both = std::sqrt(moments[i * dims + i] * moments[j * dims + j]);
            EXPECT_NEAR(moments[i * dims + j] / both, 0.0, 0.01) << i << " " << j;
        }
}

TEST(PcaRotation, FindsTheDirectionThatCarriesAllRows)
{
    const size_t dims = 30;
    Vector direction = normal_rows(1, dims, 5), rows;
    for (int r = 1; r <= 20; r++)
        for (float v : direction)
            rows.push_back(v * (float)r);
    Vector y = Rotation(rows, dims, 4)(direction.data());
    double whole = std::sqrt(dot(direction.data(), direction.data(), dims));
    EXPECT_NEAR(std::fabs(y[0]), whole, whole * 0x1p-10);
    EXPECT_LT(std::sqrt(dot(y.data() + 1, y.data() + 1, dims - 1)), whole * 0x1p-10);
}

TEST(PcaRotation, BalancesTheSubspaces)
{
    const size_t dims = 96, n = 2000;
    Vector rows = correlated_rows(n, dims, 6);
    for (size_t sub_dims : {2, 4, 8}) {
        std::vector<double> dealt = output_moments(Rotation(rows, dims, sub_dims), rows), sorted = dealt;
        std::sort(sorted.rbegin(), sorted.rend());
        EXPECT_LT(spread(dealt, sub_dims), 0.4 * spread(sorted, sub_dims)) << sub_dims;
    }
}

TEST(PcaRotation, TheShorterSubspaceIsTheLast)
{
    // Eleven known axes for subspaces of four: the last one has room for three.
    const size_t dims = 11;
    Vector rows(dims * dims);
    for (size_t i = 0; i < dims; i++)
        rows[i * dims + i] = std::ldexp(1.0f, -(int)i);
    std::vector<double> moments = output_moments(Rotation(rows, dims, 4), rows);
    EXPECT_GT(moments[0], moments[4]);
    EXPECT_GT(moments[4], moments[8]);
    EXPECT_GT(moments[8], 0.0);
    EXPECT_NEAR(std::log2(moments[0] / moments[4]), 2.0, 0.01); // the three largest lead their subspaces
    EXPECT_NEAR(std::log2(moments[4] / moments[8]), 2.0, 0.01);
}

TEST(PcaRotation, SurvivesRowsWithoutInformation)
{
    const size_t dims = 37;
    for (size_t n : {1, 2, 100}) {
        check_isometry(Rotation(Vector(n * dims, 0.0f), dims, 2));
        check_isometry(Rotation(Vector(n * dims, -3.5f), dims, 4));
        Vector rows = correlated_rows(n, dims, 7);
        for (size_t r = 0; r < n; r++)
            for (size_t i = 0; i < dims; i += 3)
                rows[r * dims + i] = i % 2 ? 0.0f : 12.0f;
        check_isometry(Rotation(rows, dims, 2));
    }
}

TEST(PcaRotation, AnyMagnitude)
{
    const size_t dims = 50, n = 300;
    const Vector plain = correlated_rows(n, dims, 8);
    const Rotation expected(plain, dims, 2);
    for (int power : {-90, -60, 60, 120}) {
        Vector rows = plain;
        for (float &v : rows)
            v = std::ldexp(v, power);
        EXPECT_TRUE(Rotation(rows, dims, 2).image == expected.image) << "power " << power;
    }
    for (float factor : {1e-44f, 1e-20f, 1e18f, 1e37f}) {
        Vector rows = plain;
        for (float &v : rows)
            v *= factor;
        check_isometry(Rotation(rows, dims, 2));
    }
    Vector mixed = plain;
    for (size_t i = 0; i < mixed.size(); i++)
        mixed[i] *= i / dims % 3 == 0 ? 1e18f : i / dims % 3 == 1 ? 1e-20f : 1.0f;
    check_isometry(Rotation(mixed, dims, 2));
    check_isometry(Rotation(Vector(4 * dims, std::numeric_limits<float>::max()), dims, 2));
}

TEST(PcaRotation, LargeOutputsStayFinite)
{
    const size_t dims = 50;
    Rotation rotation(correlated_rows(300, dims, 9), dims, 2);
    for (float factor : {1e-20f, 1e18f, 1e36f}) {
        Vector x = normal_rows(1, dims, 10), y = rotation(x.data()), z = x;
        for (float &v : z)
            v *= factor;
        z = rotation(z.data());
        for (size_t i = 0; i < dims; i++)
            EXPECT_NEAR(z[i] / factor, y[i], 1e-4);
    }
}

TEST(PcaRotation, CountsEveryRow)
{
    // Rows at the edges of the chunks that are transposed together; each is the only one along its axis.
    const size_t dims = 9, n = 1100, edges[dims] = {0, 1, 510, 511, 512, 513, 1023, 1024, 1099};
    Vector rows(n * dims);
    for (size_t i = 0; i < dims; i++)
        rows[edges[i] * dims + i] = (float)(i + 1);
    Rotation rotation(rows, dims, 1);
    for (size_t i = 0; i < dims; i++) {
        Vector y = rotation(rows.data() + edges[i] * dims);
        EXPECT_NEAR(std::fabs(y[dims - 1 - i]), (float)(i + 1), 1e-5f) << "row " << edges[i];
    }
}

TEST(PcaRotation, TakesEvenlySpacedRowsOfMany)
{
    // The second half of many rows lies along another axis: both must be seen.
    const size_t dims = 4, n = 100'000;
    Vector rows(n * dims);
    for (size_t r = 0; r < n; r++)
        rows[r * dims + (r < n / 2 ? 1 : 3)] = r < n / 2 ? 1.0f : 2.0f;
    Vector y = Rotation(rows, dims, 2)(Vector{0, 5, 0, 7}.data());
    EXPECT_NEAR(std::fabs(y[0]), 7.0f, 1e-3f);
    EXPECT_NEAR(std::fabs(y[2]), 5.0f, 1e-3f);
}

TEST(PcaBlocks, AreTheFewestThatFit)
{
    for (size_t dims = 1; dims <= 16000; dims++) {
        size_t block = pca_block_dims(dims), blocks = (dims + block - 1) / block;
        ASSERT_LE(dims * block, kPcaMaxEntries);
        ASSERT_LE(block, dims);
        ASSERT_LE(block, kMostSide);
        // Rows are padded to a multiple of sixteen, of each block.
        ASSERT_LE(pca_rotation_bytes(dims), (dims + 15 * blocks) * (2 * block + 8) + 64);
        if (blocks > 1) {
            ASSERT_GT(dims * ((dims + blocks - 2) / (blocks - 1)), kPcaMaxEntries) << dims;
        }
    }
    EXPECT_EQ(pca_block_dims(1448), 1448u);
    EXPECT_EQ(pca_block_dims(1449), 725u);
}

TEST(PcaBlocks, AboveTheLimitAxesAreFoundInsideBlocks)
{
    const size_t dims = 1501, n = 60; // blocks of 751 and 750
    Vector rows = correlated_rows(n, dims, 11);
    Rotation rotation(rows, dims, 2);
    check_isometry(rotation);
    // What lies in one block comes out in the outputs of that block's axes only, whose numbers come first.
    Vector x(dims);
    std::fill(x.begin() + 751, x.end(), 1.0f);
    Vector y = rotation(x.data());
    for (size_t i = 0; i < 751; i++) {
        uint16_t number;
        std::memcpy(&number, rotation.image.data() + 2 * i, 2);
        ASSERT_EQ(y[number], 0.0f);
    }
    EXPECT_GT(std::count_if(y.begin(), y.end(), [](float v) { return v != 0; }), 700);
}

// Zeros but for the outputs' numbers, which are as they are where there is one block.
void blank_image(const Memory &image, size_t dims)
{
    std::memset(image.data(), 0, image.size());
    for (size_t i = 0; pca_block_dims(dims) < dims && i < dims; i++) {
        const uint16_t number = (uint16_t)(dims - 1 - i);
        std::memcpy(image.data() + 2 * i, &number, 2);
    }
}

TEST(PcaBlocks, ImagesOfAnotherSizeAreRefused)
{
    for (size_t dims : {(size_t)10, (size_t)1500, (size_t)16000}) {
        Memory image(pca_rotation_bytes(dims));
        blank_image(image, dims);
        EXPECT_TRUE(pca_rotation_valid(image.data(), image.size(), dims));
        EXPECT_FALSE(pca_rotation_valid(image.data(), image.size() - 1, dims));
        EXPECT_FALSE(pca_rotation_valid(image.data(), image.size(), dims + 16));
    }
    EXPECT_FALSE(pca_rotation_valid(nullptr, 0, 0));
}

TEST(PcaBlocks, AnOutputWithoutANumberIsRefused)
{
    for (size_t dims : {(size_t)1500, (size_t)16000}) {
        Memory image(pca_rotation_bytes(dims));
        blank_image(image, dims);
        for (size_t at : {(size_t)0, dims / 2, dims - 1}) {
            const uint16_t right = (uint16_t)(dims - 1 - at);
            for (uint16_t number : {(uint16_t)(right == 7 ? 8 : 7), (uint16_t)dims, (uint16_t)0xFFFF}) {
                std::memcpy(image.data() + 2 * at, &number, 2);
                EXPECT_FALSE(pca_rotation_valid(image.data(), image.size(), dims)) << at << ": " << number;
            }
            std::memcpy(image.data() + 2 * at, &right, 2);
            EXPECT_TRUE(pca_rotation_valid(image.data(), image.size(), dims));
        }
    }
}

TEST(PcaBlocks, AScaleThatIsNoNumberIsRefused)
{
    for (size_t dims : {(size_t)10, (size_t)1448, (size_t)1500, (size_t)16000}) {
        Memory image(pca_rotation_bytes(dims));
        blank_image(image, dims);
        const size_t block = pca_block_dims(dims), numbers = block < dims ? (2 * dims + 63) / 64 * 64 : 0;
        for (size_t at : {numbers, numbers + 4 * (block - 1)})
            for (float scale : {INFINITY, NAN}) {
                float old;
                std::memcpy(&old, image.data() + at, 4);
                std::memcpy(image.data() + at, &scale, 4);
                EXPECT_FALSE(pca_rotation_valid(image.data(), image.size(), dims)) << dims << " at " << at;
                std::memcpy(image.data() + at, &old, 4);
            }
    }
}

TEST(PcaRotation, TogetherAsOneByOne)
{
    for (size_t dims : {(size_t)33, (size_t)1501}) {
        const size_t most = 2 * kTimesTogether + 2;
        Rotation rotation(correlated_rows(60, dims, 13), dims, 2);
        const Vector rows = normal_rows(most, dims, 14);
        for (size_t n = 0; n <= most; n++) {
            std::vector<const float *> x;
            for (size_t i = 0; i < n; i++)
                x.push_back(rows.data() + i * dims);
            const std::vector<Vector> y = rotation.together(x);
            for (size_t i = 0; i < n; i++)
                ASSERT_EQ(y[i], rotation(x[i])) << dims << " dimensions, row " << i << " of " << n;
        }
    }
}

TEST(PcaRotation, StopsWhenAsked)
{
    struct Calls
    {
        int made, allowed;
        double last;
    };
    const size_t dims = 300, n = 1500;
    Vector rows = correlated_rows(n, dims, 12);
    Memory image(pca_rotation_bytes(dims)), scratch(pca_rotation_scratch_bytes(dims));
    auto call = [](void *arg, double done) {
        Calls &calls = *static_cast<Calls *>(arg);
        EXPECT_GE(done, calls.last);
        EXPECT_LE(done, 1.0);
        calls.last = done;
        return ++calls.made <= calls.allowed;
    };
    Calls all{0, 1 << 30, 0};
    ASSERT_TRUE(pca_rotation_train(rows.data(), n, dims, 2, image.data(), scratch.data(), {call, &all}));
    ASSERT_GE(all.made, 10);
    for (int allowed = 0; allowed < all.made; allowed++) {
        Calls some{0, allowed, 0};
        EXPECT_FALSE(
            pca_rotation_train(rows.data(), n, dims, 2, image.data(), scratch.data(), {call, &some}));
        EXPECT_EQ(some.made, allowed + 1);
    }
}

} // namespace
