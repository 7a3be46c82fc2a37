#include "core/refine_bound.h"

#include "core/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

using namespace vq;

namespace {

using Vector = std::vector<float>;
// What row i of a set has in dimension d, given a number that is normally distributed.
using Shape = std::function<double(size_t i, size_t d, double normal)>;

constexpr size_t kDims = 64, kRows = 2000;

double normal(Random &random)
{
    const double u = (double)(random.next() >> 11) * 0x1p-53 + 0x1p-54,
                 v = (double)(random.next() >> 11) * 0x1p-53;
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * M_PI * v);
}

double dot(const Vector &a, const Vector &b)
{
    double sum = 0;
    for (size_t d = 0; d < kDims; d++)
        sum += (double)a[d] * b[d];
    return sum;
}

Vector minus(const Vector &a, const Vector &b)
{
    Vector out(kDims);
    for (size_t d = 0; d < kDims; d++)
        out[d] = a[d] - b[d];
    return out;
}

// Rows of a set, and queries drawn as rows are.
struct Set
{
    std::vector<Vector> rows, queries;

    explicit Set(const Shape &shape)
    {
        Random random(7);
        for (size_t i = 0; i < kRows + 50; i++) {
            Vector x(kDims);
            for (size_t d = 0; d < kDims; d++)
                x[d] = (float)shape(i, d, normal(random));
            (i < kRows ? rows : queries).push_back(x);
        }
    }
};

// Shares of queries and rows for which the error lies along q, or along q - row, further than the bound says; and how long the bound is
// beside four standard deviations of an error in any direction.
struct Misses
{
    double product = 0, distance = 0, width = 0;
};

Misses misses(Element e, const Set &set)
{
    Vector flat, image(sq_image_bytes(e, kDims) / sizeof(float)), half(kDims), scratch(kDims), x(kDims);
    for (const Vector &r : set.rows)
        flat.insert(flat.end(), r.begin(), r.end());
    sq_train(e, kDims, flat.data(), kRows, image.data());
    RefineCell cell = refine_cell(e, kDims, image.data(), half.data());
    std::vector<uint8_t> code(sq_code_bytes(e, kDims));
    Misses out;
    for (const Vector &r : set.rows) {
        const double error = sq_encode(e, kDims, image.data(), r.data(), code.data());
        sq_decode(e, kDims, image.data(), code.data(), x.data());
        refine_cell_of(e, kDims, x.data(), &cell);
        const Vector left = minus(r, x);
        for (const Vector &q : set.queries) {
            const double norm = std::sqrt(dot(q, q));
            const double along = error_along(cell, q.data(), norm, error, kDims, scratch.data());
            EXPECT_LE(along, error);
            out.product += dot(q, left) / norm > along * 1.0001;
            out.width += along / (4 * error / std::sqrt((double)kDims));
            const Vector to_code = minus(q, x), to_row = minus(q, r);
            const double far = std::sqrt(dot(to_row, to_row));
            const double shift = error_along(cell, to_code.data(), std::sqrt(dot(to_code, to_code)), error,
                                             kDims, scratch.data());
            out.distance += dot(to_row, left) / far > shift * 1.0001;
        }
    }
    const double pairs = (double)(kRows * set.queries.size());
    return {out.product / pairs, out.distance / pairs, out.width / pairs};
}

constexpr double kFew = 1e-4; // four standard deviations: 3e-5 on one side
const Element kLossy[] = {Element::SQ6, Element::SQ8, Element::FP16, Element::BF16};

// Numbers of one size, where an error may point anywhere: no wider than for an error that does.
TEST(RefineBound, ErrorInAnyDirection)
{
    const Set set([](size_t, size_t, double n) { return n; });
    for (const Element e : kLossy) {
        const Misses m = misses(e, set);
        EXPECT_LE(m.product, kFew) << (int)e;
        EXPECT_LE(m.distance, kFew) << (int)e;
        EXPECT_LE(m.width, 1.25) << (int)e;
    }
}

// The error lies where the large numbers are, and so does the query.
TEST(RefineBound, OneDimensionOfLargeNumbers)
{
    const Set set([](size_t, size_t d, double n) { return d == 5 ? 1000 * n : n; });
    for (const Element e : kLossy) {
        const Misses m = misses(e, set);
        EXPECT_LE(m.product, kFew) << (int)e;
        EXPECT_LE(m.distance, kFew) << (int)e;
    }
}

// Codes of which little or nothing is left: the error is the row, and the query looks the same way.
TEST(RefineBound, RowsShorterThanTheirCells)
{
    const Set set([](size_t i, size_t d, double n) {
        return 1e-7 * (0.05 * std::cos((double)(d * d)) + 0.01 * n) * (i < kRows ? 1 : 2);
    });
    EXPECT_LE(misses(Element::FP16, set).product, kFew);
    EXPECT_LE(misses(Element::FP16, set).distance, kFew);
    const Set mixed([](size_t i, size_t d, double n) {
        return i % 100 == 0 ? n : 1e-5 * (std::cos((double)(d * d)) + 0.1 * n);
    });
    for (const Element e : {Element::SQ6, Element::SQ8})
        EXPECT_LE(misses(e, mixed).product, kFew) << (int)e;
}

// Numbers of any size neither vanish nor overflow on the way.
TEST(RefineBound, AnyMagnitude)
{
    for (const double scale : {1e-30, 1e-18, 1e15, 1e30}) {
        const Set set([scale](size_t, size_t, double n) { return scale * n; });
        for (const Element e : {Element::SQ6, Element::SQ8, Element::BF16}) {
            const Misses m = misses(e, set);
            EXPECT_LE(m.product, kFew) << (int)e << " " << scale;
            EXPECT_LE(m.width, 1.25) << (int)e << " " << scale;
        }
    }
}

// A value outside the trained range is clamped: the error may point anywhere.
TEST(RefineBound, ClampedRows)
{
    Vector image = {0, 0, 1, 1}, half(2), scratch(2), q = {1, 0};
    const RefineCell cell = refine_cell(Element::SQ8, 2, image.data(), half.data());
    EXPECT_EQ(error_along(cell, q.data(), 1, 50, 2, scratch.data()), 50);
    EXPECT_LT(error_along(cell, q.data(), 1, 0.7, 2, scratch.data()), 0.71);
}

} // namespace
