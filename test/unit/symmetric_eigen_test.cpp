#include "core/symmetric_eigen.h"

#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

using namespace vq;

namespace {

using Vector = std::vector<float>;

struct Eigen
{
    size_t n;
    Vector vectors, values;

    explicit Eigen(const Vector &a)
        : n((size_t)std::lround(std::sqrt((double)a.size()))), vectors(a), values(n)
    {
        Vector scratch(symmetric_eigen_scratch_floats(n));
        EXPECT_TRUE(symmetric_eigen(vectors.data(), n, values.data(), scratch.data(), {}));
    }
    const float *row(size_t i) const { return vectors.data() + i * n; }
};

double dot(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

double largest(const Vector &a)
{
    double most = 0;
    for (float v : a)
        most = std::max(most, (double)std::fabs(v));
    return most;
}

// Orthonormal rows, descending values, A v = lambda v: all to float precision of the whole matrix.
void check(const Vector &a, const Eigen &e)
{
    const size_t n = e.n;
    const double unit = std::ldexp((double)n + 3, -23), norm = std::max(largest(e.values), 1e-300);
    double orthonormal = 0, residual = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double product = dot(e.row(i), e.row(j), n), image = dot(a.data() + j * n, e.row(i), n);
            orthonormal = std::max(orthonormal, std::fabs(product - (i == j)));
            residual = std::max(residual, std::fabs(image - (double)e.values[i] * e.row(i)[j]));
        }
    EXPECT_LE(orthonormal, unit);
    EXPECT_LE(residual, unit * norm);
    EXPECT_TRUE(std::is_sorted(e.values.rbegin(), e.values.rend()));
}

// Q^T diag(spectrum) Q for a random orthogonal Q, made of reflections in double.
Vector matrix_with(const std::vector<double> &spectrum, uint64_t seed)
{
    const size_t n = spectrum.size();
    Random random(seed);
    std::vector<double> a(n * n), v(n);
    for (size_t i = 0; i < n; i++)
        a[i * n + i] = spectrum[i];
    auto reflect = [&](size_t from, size_t step) {
        double along = 0;
        for (size_t i = 0; i < n; i++)
            along += 2 * v[i] * a[from + i * step];
        for (size_t i = 0; i < n; i++)
            a[from + i * step] -= along * v[i];
    };
    for (int round = 0; round < 3; round++) {
        double sum = 0;
        for (double &x : v) {
            x = random.normal();
            sum += x * x;
        }
        for (double &x : v)
            x /= std::sqrt(sum);
        for (size_t i = 0; i < n; i++)
            reflect(i * n, 1);
        for (size_t i = 0; i < n; i++)
            reflect(i, n);
    }
    Vector out(n * n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            out[i * n + j] = (float)((a[i * n + j] + a[j * n + i]) / 2);
    return out;
}

void check_spectrum(std::vector<double> spectrum, uint64_t seed)
{
    Vector a = matrix_with(spectrum, seed);
    Eigen e(a);
    check(a, e);
    std::sort(spectrum.rbegin(), spectrum.rend());
    double norm = std::max(std::fabs(spectrum.front()), std::fabs(spectrum.back()));
    for (size_t i = 0; i < spectrum.size(); i++)
        EXPECT_NEAR(e.values[i], spectrum[i], norm * std::ldexp((double)spectrum.size() + 3, -23)) << i;
}

Vector random_matrix(size_t n, uint64_t seed)
{
    Random random(seed);
    Vector a(n * n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            a[i * n + j] = a[j * n + i] = (float)random.normal();
    return a;
}

// Spectrum of n eigenvalues by a function of the number.
std::vector<double> spectrum(size_t n, const std::function<double(size_t)> &f)
{
    std::vector<double> s(n);
    for (size_t i = 0; i < n; i++)
        s[i] = f(i);
    return s;
}

class EverySize : public testing::TestWithParam<size_t>
{
};

TEST_P(EverySize, RandomEntries)
{
    Vector a = random_matrix(GetParam(), 1);
    check(a, Eigen(a));
}

TEST_P(EverySize, KnownSpectra)
{
    const size_t n = GetParam();
    check_spectrum(spectrum(n, [](size_t i) { return 1.0 + (double)i; }), 2);
    check_spectrum(spectrum(n, [](size_t i) { return (i % 2 ? -1.0 : 1.0) * (double)(i + 1); }), 3);
    check_spectrum(spectrum(n, [](size_t i) { return std::pow(0.5, (double)i); }), 4);
}

TEST_P(EverySize, RepeatedEigenvalues)
{
    const size_t n = GetParam();
    check_spectrum(spectrum(n, [](size_t i) { return (double)(i % 3); }), 5);
    check_spectrum(spectrum(n, [](size_t) { return 2.5; }), 6);
    check_spectrum(spectrum(n, [](size_t i) { return i ? 0.0 : 7.0; }), 7);
}

TEST_P(EverySize, FewRows)
{
    const size_t n = GetParam();
    Random random(8);
    Vector a(n * n), x(n);
    for (size_t row = 0; row < std::max<size_t>(n / 4, 1); row++) {
        for (float &v : x)
            v = (float)random.normal();
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                a[i * n + j] += x[i] * x[j];
    }
    Eigen e(a);
    check(a, e);
    for (size_t i = n / 4 + 1; i < n; i++)
        EXPECT_LE(std::fabs(e.values[i]), e.values[0] * std::ldexp((double)n, -23)) << i;
}

TEST_P(EverySize, Diagonal)
{
    const size_t n = GetParam();
    Vector a(n * n);
    for (size_t i = 0; i < n; i++)
        a[i * n + i] = (float)((i * 7 + 3) % n);
    Eigen e(a);
    check(a, e);
    for (size_t i = 0; i < n; i++)
        EXPECT_EQ(std::count(e.row(i), e.row(i) + n, 0.0f), (long)n - 1) << "an axis";
}

TEST_P(EverySize, ZeroGivesTheUnitVectors)
{
    const size_t n = GetParam();
    Eigen e(Vector(n * n, 0.0f));
    for (size_t i = 0; i < n; i++) {
        EXPECT_EQ(e.values[i], 0.0f);
        for (size_t j = 0; j < n; j++)
            EXPECT_EQ(e.row(i)[j], i == j ? 1.0f : 0.0f);
    }
}

INSTANTIATE_TEST_SUITE_P(SymmetricEigen, EverySize,
                         testing::Values(1, 2, 3, 4, 15, 16, 17, 18, 33, 63, 64, 65, 130));

TEST(SymmetricEigen, TwoByTwoExactly)
{
    Eigen e(Vector{2, 1, 1, 2});
    EXPECT_NEAR(e.values[0], 3.0f, 1e-6f);
    EXPECT_NEAR(e.values[1], 1.0f, 1e-6f);
    EXPECT_NEAR(std::fabs(e.row(0)[0] + e.row(0)[1]), std::sqrt(2.0), 1e-6);
    EXPECT_NEAR(std::fabs(e.row(1)[0] - e.row(1)[1]), std::sqrt(2.0), 1e-6);
}

TEST(SymmetricEigen, SecondDifferences)
{
    // Already tridiagonal; eigenvalues 2 - 2 cos(k pi / (n + 1)).
    const size_t n = 100;
    Vector a(n * n);
    for (size_t i = 0; i < n; i++) {
        a[i * n + i] = 2;
        if (i)
            a[i * n + i - 1] = a[(i - 1) * n + i] = -1;
    }
    Eigen e(a);
    check(a, e);
    for (size_t i = 0; i < n; i++)
        EXPECT_NEAR(e.values[i], 2 - 2 * std::cos((double)(n - i) * M_PI / (double)(n + 1)), 1e-5);
}

TEST(SymmetricEigen, AlmostUncoupledRows)
{
    // Wilkinson's matrix |i - n/2| with ones beside: nearly all rotations are by small angles and round alike.
    const size_t n = 501;
    Vector a(n * n);
    for (size_t i = 0; i < n; i++) {
        a[i * n + i] = std::fabs((float)i - 250.0f);
        if (i)
            a[i * n + i - 1] = a[(i - 1) * n + i] = 1;
    }
    Eigen e(a);
    check(a, e);
    EXPECT_NEAR(e.values[0], 250.746194, 1e-3);
    for (size_t i = 0; i < n; i++)
        EXPECT_NEAR(dot(e.row(i), e.row(i), n), 1.0, 1e-6);
}

TEST(SymmetricEigen, AnyMagnitude)
{
    const size_t n = 40;
    const Vector plain = random_matrix(n, 9);
    const Eigen expected(plain);
    for (int power : {-140, -120, -60, 60, 120}) {
        Vector a = plain;
        for (float &v : a)
            v = std::ldexp(v, power);
        Eigen e(a);
        for (float v : e.values)
            EXPECT_TRUE(std::isfinite(v));
        if (power < -120) { // subnormal entries: only few bits of them are left
            EXPECT_NEAR(dot(e.row(0), e.row(0), n), 1.0, 1e-5);
            continue;
        }
        EXPECT_EQ(e.vectors, expected.vectors) << "power " << power;
        EXPECT_EQ(e.values[0], std::ldexp(expected.values[0], power));
    }
}

TEST(SymmetricEigen, ValuesSaturate)
{
    Eigen e(Vector(9, 3e38f));
    EXPECT_EQ(e.values[0], std::numeric_limits<float>::max());
    for (float v : e.vectors)
        EXPECT_TRUE(std::isfinite(v));
}

TEST(SymmetricEigen, BlocksOfUnlikeMagnitude)
{
    // 1, 1e-12 and 1e-25 side by side: what is small must neither spoil the axes nor make them less than orthonormal.
    const size_t n = 60;
    Vector a = random_matrix(n, 10);
    auto factor = [](size_t i) { return i < 20 ? 1.0f : i < 40 ? 1e-6f : 3e-13f; };
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            a[i * n + j] *= factor(i) * factor(j);
    check(a, Eigen(a));
    std::reverse(a.begin(), a.end());
    check(a, Eigen(a));
}

TEST(SymmetricEigen, IsDeterministicWhereverScratchLies)
{
    const size_t n = 50;
    const Vector a = random_matrix(n, 11);
    const Eigen expected(a);
    Vector scratch(symmetric_eigen_scratch_floats(n) + 1, NAN), vectors = a, values(n);
    ASSERT_TRUE(symmetric_eigen(vectors.data(), n, values.data(), scratch.data() + 1, {}));
    EXPECT_EQ(vectors, expected.vectors);
    EXPECT_EQ(values, expected.values);
}

TEST(SymmetricEigen, StopsWhenAsked)
{
    struct Calls
    {
        int made, allowed;
        double last;
    };
    const size_t n = 400;
    const Vector a = random_matrix(n, 12);
    Vector scratch(symmetric_eigen_scratch_floats(n)), values(n);
    auto call = [](void *arg, double done) {
        Calls &calls = *static_cast<Calls *>(arg);
        EXPECT_GE(done, calls.last);
        EXPECT_LE(done, 1.0);
        calls.last = done;
        return ++calls.made <= calls.allowed;
    };
    Calls all{0, 1 << 30, 0};
    Vector vectors = a;
    ASSERT_TRUE(symmetric_eigen(vectors.data(), n, values.data(), scratch.data(), {call, &all}));
    ASSERT_GE(all.made, 5);
    for (int allowed = 0; allowed < all.made; allowed++) {
        Calls some{0, allowed, 0};
        vectors = a;
        EXPECT_FALSE(symmetric_eigen(vectors.data(), n, values.data(), scratch.data(), {call, &some}));
        EXPECT_EQ(some.made, allowed + 1);
    }
}

} // namespace
