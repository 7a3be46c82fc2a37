// A matrix of words: how exact it is, at every level the same, and what it does with vectors of any size.
#include "core/word_matrix.h"

#include "core/random.h"
#include "simd_levels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

namespace vq {

namespace {

using Vector = std::vector<float>;

Vector normal(size_t n, uint64_t seed)
{
    vq::Random random(seed);
    Vector v(n);
    for (float &x : v)
        x = (float)random.normal();
    return v;
}

double norm(const Vector &v)
{
    double sum = 0;
    for (float x : v)
        sum += (double)x * x;
    return std::sqrt(sum);
}

struct Matrix
{
    size_t rows, columns;
    Vector exact;
    Guarded<uint8_t> image;

    Matrix(size_t r, size_t c, Vector values)
        : rows(r), columns(c), exact(std::move(values)), image(word_matrix_bytes(r, c))
    {
        std::vector<int16_t> words(columns);
        for (size_t i = 0; i < rows; i++) {
            const float scale = round_to_words(exact.data() + i * columns, columns, words.data());
            word_matrix_put(image.data(), rows, columns, i, words.data(), scale);
        }
        EXPECT_TRUE(word_matrix_valid(image.data(), rows));
    }
    std::vector<Vector> times(const std::vector<Vector> &x)
    {
        std::vector<Vector> y(x.size(), Vector(rows));
        std::vector<const float *> from;
        std::vector<float *> to;
        for (size_t v = 0; v < x.size(); v++)
            from.push_back(x[v].data()), to.push_back(y[v].data());
        word_matrix_times(image.data(), rows, columns, from.data(), x.size(), to.data());
        return y;
    }
    Vector times(const Vector &x) { return times(std::vector<Vector>{x}).front(); }
    double exact_times(size_t i, const Vector &x) const
    {
        double sum = 0;
        for (size_t j = 0; j < columns; j++)
            sum += (double)exact[i * columns + j] * x[j];
        return sum;
    }
};

Matrix random_matrix(size_t rows, size_t columns)
{
    return {rows, columns, normal(rows * columns, rows + columns)};
}

const std::pair<size_t, size_t> kShapes[] = {{1, 1},   {1, 2},     {3, 1},     {15, 7},    {16, 16},
                                             {17, 33}, {384, 384}, {100, 785}, {784, 784}, {30, 1448}};

// Rounding of the words and of x, each uniform within half a unit; six standard errors.
TEST(WordMatrix, IsAsExactAsItsWordsAreLong)
{
    for (auto [rows, columns] : kShapes) {
        Matrix m = random_matrix(rows, columns);
        const Vector x = normal(columns, 5), y = m.times(x);
        const double length = norm(x);
        for (size_t i = 0; i < rows; i++) {
            const Vector row(m.exact.begin() + (long)(i * columns),
                             m.exact.begin() + (long)((i + 1) * columns));
            double sum = 0, most = 0;
            for (float v : row)
                sum += std::fabs((double)v), most = std::max(most, std::fabs((double)v));
            const double word = std::max(most / 32767, sum / 2.0e6), unit = length * 0x1p-21;
            EXPECT_NEAR(y[i], m.exact_times(i, x), 6 * (word * length + unit * norm(row)) / std::sqrt(12.0))
                << rows << " x " << columns << ", row " << i;
        }
    }
}

// The row that was rounded has the length of the row before.
TEST(WordMatrix, RowsKeepTheirLength)
{
    for (auto [rows, columns] : kShapes) {
        const Vector row = normal(columns, columns);
        std::vector<int16_t> words(columns);
        const float scale = round_to_words(row.data(), columns, words.data());
        Vector rounded;
        double sum = 0;
        for (int16_t w : words)
            rounded.push_back((float)w * scale), sum += std::abs(w);
        EXPECT_NEAR(norm(rounded), norm(row), 1e-6 * norm(row));
        EXPECT_LE(sum * 1024, std::numeric_limits<int32_t>::max()); // what a sum of products may reach
    }
}

TEST(WordMatrix, TheLargestRowsDoNotOverflow)
{
    for (size_t columns : {1, 2, 783, 1448})
        for (float sign : {1.0f, -1.0f}) {
            Matrix m(1, columns, Vector(columns, sign));
            EXPECT_NEAR(m.times(Vector(columns, 3.0f))[0], 3.0f * sign * (float)columns, 1e-3f * columns);
        }
}

TEST(WordMatrix, TogetherAsOneByOne)
{
    Matrix m = random_matrix(35, 51);
    std::vector<Vector> x;
    for (size_t n = 0; n <= kTimesTogether; n++) {
        const std::vector<Vector> y = m.times(x);
        for (size_t v = 0; v < n; v++)
            ASSERT_EQ(y[v], m.times(x[v])) << v << " of " << n;
        x.push_back(normal(51, n));
        x.back()[0] *= 1000.0f * (float)n; // units differ
    }
}

TEST(WordMatrix, VectorsOfEverySize)
{
    Matrix m = random_matrix(20, 40);
    const Vector x = normal(40, 1), y = m.times(x);
    for (int power : {-90, -20, 20, 100}) {
        Vector scaled = x;
        for (float &v : scaled)
            v = std::ldexp(v, power);
        scaled = m.times(scaled);
        for (size_t i = 0; i < 20; i++)
            EXPECT_EQ(scaled[i], std::ldexp(y[i], power)) << power;
    }
    const Vector largest(40, std::numeric_limits<float>::max() / 1000);
    for (float v : m.times(largest))
        EXPECT_TRUE(std::isfinite(v));
    for (float tiny : {0.0f, 1e-31f, 1e-45f})
        EXPECT_EQ(m.times(Vector(40, tiny)), Vector(20, 0.0f));
}

TEST(WordMatrix, OfAVectorThatIsNotFiniteNothingIs)
{
    Matrix m(3, 5, {0, 0, 0, 0, 0, 1, 2, 3, 4, 5, -1, 0, 0, 0, 1}); // a row of zeros is one, too
    for (float bad : {INFINITY, -INFINITY, NAN}) {
        const Vector y = m.times({1, 2, bad, 4, 5});
        EXPECT_TRUE(std::none_of(y.begin(), y.end(), [](float v) { return std::isfinite(v); }));
    }
    EXPECT_EQ(m.times({1, 2, 3, 4, 5})[0], 0.0f);
}

} // namespace

namespace simd {

namespace {

class WordMatrixLevels : public EveryLevel
{
protected:
    void TearDown() override { select_level("auto"); }
};
VQ_EVERY_LEVEL(WordMatrixLevels);

TEST_P(WordMatrixLevels, GiveTheSameBits)
{
    for (auto [rows, columns] : kShapes) {
        Matrix m = random_matrix(rows, columns);
        const std::vector<Vector> x = {normal(columns, 1), normal(columns, 2), normal(columns, 3)};
        ASSERT_TRUE(select_level(kernels().name));
        const std::vector<Vector> got = m.times(x);
        ASSERT_TRUE(select_level("scalar"));
        EXPECT_EQ(got, m.times(x)) << rows << " x " << columns;
    }
}

} // namespace

} // namespace simd

} // namespace vq
