// Kernels of the beam search: every level gives the scalar table's bits, and the scalar table the definition's.
#include "simd/half.h"
#include "simd_levels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <deque>
#include <limits>

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
            const float got =
                kernels().take_off(x.data(), codeword.data(), scale, quads, left.data(), nullptr, nullptr);
            EXPECT_EQ(got, scalar().take_off(x.data(), codeword.data(), scale, quads, other.data(), nullptr,
                                             nullptr));
            EXPECT_EQ(bits(left), bits(other)) << quads;
            Guarded<int8_t> bytes(4 * quads, slack), other_bytes(4 * quads);
            float unit;
            EXPECT_EQ(got, kernels().take_off(in_place.data(), codeword.data(), scale, quads, in_place.data(),
                                              bytes.data(), &unit));
            EXPECT_EQ(bits(in_place), bits(left)) << quads;
            EXPECT_EQ(unit, scalar().round_to_bytes(left.data(), 4 * quads, other_bytes.data())) << quads;
            for (size_t d = 0; d < 4 * quads; d++)
                ASSERT_EQ(bytes[d], other_bytes[d]) << quads << ", " << d;
            Exact norm_sq;
            for (size_t d = 0; d < 4 * quads; d++) {
                volatile float product = scale * (float)(codeword[64 * (d / 4) + d % 4] - 128);
                ASSERT_EQ(left[d], x[d] - product) << quads;
                norm_sq.add((double)left[d] * left[d]);
            }
            expect_within(got, norm_sq, 4 * quads, "squared norm");
            EXPECT_TRUE(x.intact() && left.intact() && in_place.intact() && codeword.intact() &&
                        bytes.intact());
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
    for (size_t blocks : {1, 2, 3, 4, 5, 7, 15, 16, 17, 33})
        for (size_t rows = 1; rows <= 12; rows++) {
            Random random(16 * blocks + rows);
            const size_t n = 16 * blocks, quads = 1 + rows * blocks % 37, slack = rows % 4;
            std::vector<int8_t> elements;
            for (size_t d = 0; d < rows * 4 * quads; d++)
                elements.push_back((int8_t)((int)random.below(255) - 127));
            Guarded<int8_t> x(elements, slack);
            Guarded<uint8_t> bytes(random.bytes(4 * quads * n), slack);
            Guarded<float> scale(random.reals(n), slack), norm_sq(random.reals(n), slack),
                unit(random.reals(rows), slack), error(random.reals(rows), slack), score(rows * n, slack),
                least(16 * rows, slack), other(rows * n), other_least(16 * rows);
            const Codebook book = {bytes.data(), scale.data(), norm_sq.data(), blocks, quads};
            kernels().codeword_scores(x.data(), rows, book, unit.data(), error.data(), score.data(),
                                      least.data());
            scalar().codeword_scores(x.data(), rows, book, unit.data(), error.data(), other.data(),
                                     other_least.data());
            EXPECT_EQ(bits(score), bits(other)) << rows << " rows, " << blocks;
            EXPECT_EQ(bits(least), bits(other_least)) << rows << " rows, " << blocks;
            std::vector<int32_t> dots(rows * n);
            scalar().byte_dots(x.data(), rows, 4 * quads, bytes.data(), blocks, 64 * quads, quads,
                               dots.data(), n);
            std::vector<float> expected(16 * rows, INFINITY);
            for (size_t i = 0; i < rows * n; i++) {
                const size_t row = i / n, k = i % n;
                volatile float factor = 2 * unit[row] * scale[k], product = factor * (float)dots[i],
                               less = norm_sq[k] - product;
                ASSERT_EQ(score[i], error[row] + less) << row << ", " << k;
                float &low = expected[16 * row + k % 16];
                low = std::min(low, score[i]);
            }
            for (size_t i = 0; i < 16 * rows; i++)
                EXPECT_EQ(least[i], expected[i]);
            EXPECT_TRUE(score.intact() && least.intact());
        }
}

// All orders of the few values that sixteen numbers can take, with many equals.
TEST_P(SimdBeam, OrdersSixteen)
{
    for (size_t values : {1, 2, 3, 16, 1000})
        for (size_t seed = 0; seed < 200; seed++) {
            Random random(seed);
            std::vector<float> numbers;
            for (size_t i = 0; i < 16; i++)
                numbers.push_back(i >= 16 - seed % 14 ? INFINITY : (float)random.below(values) - 3);
            Guarded<float> x(numbers, seed % 4);
            Guarded<uint8_t> place(16, seed % 4);
            const size_t n = seed % 3 == 0 ? 16 - seed % 14 : 16;
            kernels().order16(x.data(), n, place.data());
            std::vector<uint8_t> expected;
            for (size_t i = 0; i < n; i++)
                expected.push_back((uint8_t)i);
            std::stable_sort(expected.begin(), expected.end(),
                             [&](uint8_t a, uint8_t b) { return numbers[a] < numbers[b]; });
            for (size_t i = 0; i < n; i++)
                ASSERT_EQ(place[i], expected[i]) << seed << ", " << i;
            EXPECT_TRUE(place.intact());
        }
}

// What is damaged may give NaN; places must stay places.
TEST_P(SimdBeam, OrdersNanSomehow)
{
    for (uint32_t which = 1; which < 1u << 16; which = 3 * which + 1) {
        std::vector<float> numbers;
        for (size_t i = 0; i < 16; i++)
            numbers.push_back(which >> i & 1 ? NAN : (float)(i * 7 % 5));
        Guarded<float> x(numbers);
        Guarded<uint8_t> place(16);
        kernels().order16(x.data(), 16, place.data());
        for (size_t i = 0; i < 16; i++)
            ASSERT_LT(place[i], 16) << which;
        EXPECT_TRUE(place.intact());
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

TEST_P(SimdBeam, MakesSumsFinite)
{
    constexpr float most = std::numeric_limits<float>::max();
    for (size_t n = 16; n <= 320; n += 16)
        for (float add : {0.0f, 1.5f, -most, INFINITY, NAN}) {
            Random random(n);
            std::vector<float> values = random.reals(n), expected;
            const float special[] = {NAN, -NAN, INFINITY, -INFINITY, most, -most, -0.0f};
            for (size_t i = 0; i < n; i += 1 + random.below(4))
                values[i] = special[random.below(std::size(special))];
            for (float v : values) {
                const float sum = v + add;
                expected.push_back(std::isnan(sum)   ? -most
                                   : std::isinf(sum) ? std::copysign(most, sum)
                                                     : sum);
            }
            Guarded<float> x(values, n / 16 % 4), wanted(expected);
            kernels().finite_sums(x.data(), n, add);
            EXPECT_EQ(bits(x), bits(wanted)) << n << ", " << add;
            EXPECT_TRUE(x.intact());
        }
}

TEST_P(SimdBeam, MakesTermsFinite)
{
    for (size_t n = 16; n <= 320; n += 16)
        for (float add : {0.0f, 1.5f, INFINITY, NAN}) {
            Random random(n);
            std::vector<int32_t> products;
            for (size_t i = 0; i < n; i++)
                products.push_back((int32_t)random.below(1 << 24) - (1 << 23));
            std::vector<float> norms = random.reals(n);
            norms[random.below(n)] = NAN, norms[random.below(n)] = INFINITY;
            const size_t slack = n / 16 % 4;
            Guarded<int32_t> dots(products, slack);
            Guarded<float> scale(random.reals(n), slack), norm_sq(norms, slack), x(n, slack), wanted(n);
            kernels().finite_terms(dots.data(), scale.data(), norm_sq.data(), 0.3f, n, add, x.data());
            scalar().terms_of_dots(dots.data(), scale.data(), norm_sq.data(), 0.3f, n, wanted.data());
            scalar().finite_sums(wanted.data(), n, add);
            EXPECT_EQ(bits(x), bits(wanted)) << n << ", " << add;
            EXPECT_TRUE(x.intact());
        }
}

TEST_P(SimdBeam, LeavesMinima)
{
    for (size_t n = 16; n <= 1280; n += n < 300 ? 16 : 112) {
        Random random(n);
        std::vector<float> values = random.reals(n), expected(kMinima, INFINITY);
        values[random.below(n)] = INFINITY;
        for (size_t i = 0; i < n; i++)
            expected[i % kMinima] = std::min(expected[i % kMinima], values[i]);
        Guarded<float> x(values, n / 16 % 4), least(kMinima, n / 16 % 4), wanted(expected);
        kernels().minima(x.data(), n, least.data());
        EXPECT_EQ(bits(least), bits(wanted)) << n;
        EXPECT_TRUE(least.intact());
    }
}

TEST_P(SimdBeam, CountsUpToTheLimit)
{
    for (size_t n = 16; n <= 1280; n += n < 300 ? 16 : 112)
        for (float limit : {-1.0f, 0.0f, 3.0f, 50.0f, 99.0f, 100.0f, INFINITY}) {
            Random random(n);
            std::vector<float> values;
            for (size_t i = 0; i < n; i++)
                values.push_back(random.below(50) == 0 ? INFINITY : (float)random.below(101));
            Guarded<float> x(values, n / 16 % 4);
            EXPECT_EQ(
                kernels().count_at_most(x.data(), n, limit),
                (size_t)std::count_if(values.begin(), values.end(), [=](float v) { return v <= limit; }))
                << n << ", " << limit;
        }
}

TEST_P(SimdBeam, MultipliesNumbersOfFewBits)
{
    for (unsigned bits : {1u, 2u, 4u})
        for (size_t quads : {1, 2, 7, 8, 9, 50})
            for (size_t blocks : {1, 3, 4, 9})
                for (size_t nx : {1, 2, 3}) {
                    Random random(bits + quads);
                    const size_t slack = quads % 4, stride = 64 * ((quads * bits + 7) / 8) + blocks % 3;
                    const size_t x_stride = 4 * quads + nx % 3, out_stride = 16 * blocks + nx % 2;
                    std::vector<uint8_t> book((blocks - 1) * stride + 64 * ((quads * bits + 7) / 8));
                    for (uint8_t &byte : book)
                        byte = (uint8_t)random.below(256);
                    std::vector<int8_t> x((nx - 1) * x_stride + 4 * quads);
                    for (int8_t &byte : x)
                        byte = (int8_t)((int)random.below(255) - 127);
                    Guarded<uint8_t> guarded_book(book, slack);
                    Guarded<int8_t> guarded_x(x, slack);
                    Guarded<int32_t> out((nx - 1) * out_stride + 16 * blocks, slack);
                    kernels().few_bit_dots(guarded_x.data(), nx, x_stride, guarded_book.data(), blocks,
                                           stride, bits, quads, out.data(), out_stride);
                    for (size_t i = 0; i < nx; i++)
                        for (size_t k = 0; k < 16 * blocks; k++) {
                            int sum = 0;
                            for (size_t d = 0; d < 4 * quads; d++) {
                                const size_t group = d / 4, each = 8 / bits;
                                const uint8_t byte =
                                    book[k / 16 * stride + group / each * 64 + k % 16 * 4 + d % 4];
                                sum +=
                                    x[i * x_stride + d] * (byte / (1 << group % each * bits) % (1 << bits));
                            }
                            int32_t found;
                            std::memcpy(&found, out.data() + i * out_stride + k, sizeof found);
                            ASSERT_EQ(found, sum) << bits << " bits, " << quads << " groups, " << blocks
                                                  << " blocks, row " << i << ", codeword " << k;
                        }
                }
}

// Halfs that are finite: of every exponent but the last.
std::vector<uint16_t> halfs(Random &random, size_t n)
{
    std::vector<uint16_t> out;
    for (size_t i = 0; i < n; i++)
        out.push_back((uint16_t)((random.below(2) << 15) | random.below(31 << 10)));
    return out;
}

TEST_P(SimdBeam, ScoresBySumsOfProducts)
{
    for (size_t n : {16, 32, 48, 256})
        for (size_t nx = 1; nx <= 5; nx++)
            for (size_t chosen : {0, 1, 2, 7, 63}) {
                Random random(n + nx + chosen);
                const size_t slack = nx % 4, stride = chosen + n % 3, table = 1000;
                Guarded<float> terms(random.reals(n), slack), error(random.reals(nx), slack),
                    score(nx * n, slack), least(16, slack);
                Guarded<uint16_t> products(halfs(random, table + n), slack);
                std::vector<uint32_t> rows;
                for (size_t i = 0; i < nx * stride + chosen; i++)
                    rows.push_back((uint32_t)random.below(table + 1));
                kernels().product_scores(terms.data(), products.data(), rows.data(), nx, stride, chosen, n,
                                         error.data(), score.data(), least.data());
                std::vector<float> low(16, INFINITY);
                for (size_t i = 0; i < nx * n; i++) {
                    volatile float sum = terms[i % n];
                    for (size_t m = 0; m < chosen; m++)
                        sum = sum + half_to_float(products[rows[i / n * stride + m] + i % n]);
                    ASSERT_EQ(score[i], error[i / n] + sum) << n << ", " << nx << ", " << chosen;
                    low[i % n % 16] = std::min(low[i % n % 16], score[i]);
                }
                for (size_t j = 0; j < 16; j++)
                    EXPECT_EQ(least[j], low[j]);
                EXPECT_TRUE(score.intact() && least.intact());
            }
}

TEST_P(SimdBeam, AddsHalfs)
{
    for (size_t n = 16; n <= 1008; n += n < 200 ? 16 : 208) {
        Random random(n);
        const std::vector<float> before = random.reals(n);
        Guarded<uint16_t> x(halfs(random, n), n / 16 % 4);
        Guarded<float> y(before, n / 16 % 4);
        kernels().add_halves(x.data(), y.data(), n);
        for (size_t i = 0; i < n; i++)
            ASSERT_EQ(y[i], before[i] + half_to_float(x[i])) << n << ", " << i;
        EXPECT_TRUE(y.intact());
    }
}

TEST_P(SimdBeam, TermsAreTheDefinitionBitForBit)
{
    for (size_t n = 16; n <= 256; n += 16) {
        Random random(n);
        const size_t slack = n / 16 % 4;
        std::vector<int32_t> integers;
        for (size_t i = 0; i < n; i++)
            integers.push_back((int32_t)random.below(1 << 30) - (1 << 29));
        Guarded<int32_t> dots(integers, slack);
        const std::vector<float> squares = random.reals(n);
        Guarded<float> scale(random.reals(n), slack), norm_sq(squares, slack), terms(n, slack);
        const float twice = random.real();
        kernels().terms_of_dots(dots.data(), scale.data(), norm_sq.data(), twice, n, terms.data());
        for (size_t i = 0; i < n; i++) {
            volatile float factor = twice * scale[i], product = factor * (float)dots[i];
            ASSERT_EQ(terms[i], norm_sq[i] - product) << n << ", " << i;
        }
        EXPECT_TRUE(terms.intact());
        Guarded<float> in_place(squares, slack);
        kernels().terms_of_dots(dots.data(), scale.data(), in_place.data(), twice, n, in_place.data());
        EXPECT_EQ(bits(in_place), bits(terms));
    }
}

TEST_P(SimdBeam, TakesRowsOff)
{
    for (size_t n : lengths(1))
        for (size_t rows : {0, 1, 2, 64}) {
            if (n * rows > 100'000)
                continue;
            Random random(n + rows);
            const std::vector<float> before = random.reals(n);
            Guarded<float> x(before, n % 4), scale(random.reals(rows), n % 4);
            std::deque<Guarded<int8_t>> bytes;
            std::vector<const int8_t *> row;
            for (size_t j = 0; j < rows; j++) {
                std::vector<int8_t> values;
                for (size_t d = 0; d < n; d++)
                    values.push_back((int8_t)random.byte());
                bytes.emplace_back(values, j % 4);
                row.push_back(bytes.back().data());
            }
            kernels().take_rows_off(row.data(), scale.data(), rows, n, x.data());
            for (size_t d = 0; d < n; d++) {
                volatile float v = before[d];
                for (size_t j = 0; j < rows; j++) {
                    volatile float product = scale[j] * (float)row[j][d];
                    v = v - product;
                }
                ASSERT_EQ(x[d], v) << n << ", " << rows << ", " << d;
            }
            EXPECT_TRUE(x.intact());
        }
}

} // namespace

} // namespace vq::simd
