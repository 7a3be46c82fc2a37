// Float kernels of every level against sums in double.
#include "simd_levels.h"

namespace vq::simd {

namespace {

class SimdVectors : public EveryLevel
{
};
VQ_EVERY_LEVEL(SimdVectors);

// Slack 0 puts the end at the unreadable page; 1 and 2 misalign the start.
struct Pair
{
    Pair(size_t n, size_t slack_a, size_t slack_b, size_t seed) : a(n, slack_a), b(n, slack_b)
    {
        Random random(seed);
        for (size_t i = 0; i < n; i++)
            a.set(i, random.real()), b.set(i, random.real());
    }
    template <class Term>
    Exact exact(Term term) const
    {
        Exact sum;
        for (size_t i = 0; i < a.size(); i++)
            sum.add(term((double)a[i], (double)b[i]));
        return sum;
    }
    Guarded<float> a, b;
};

template <class Check>
void for_all_pairs(Check check)
{
    for (size_t n : lengths(0))
        for (size_t slack : {0, 1, 4}) {
            Pair pair(n, slack, slack == 4 ? 0 : slack * 2, n + slack);
            check(pair, n);
            EXPECT_TRUE(pair.a.intact() && pair.b.intact());
        }
}

TEST_P(SimdVectors, Dot)
{
    for_all_pairs([&](Pair &p, size_t n) {
        expect_within(kernels().dot(p.a.data(), p.b.data(), n),
                      p.exact([](double x, double y) { return x * y; }), n, "dot");
    });
}

TEST_P(SimdVectors, SquaredL2)
{
    for_all_pairs([&](Pair &p, size_t n) {
        expect_within(kernels().l2sq(p.a.data(), p.b.data(), n),
                      p.exact([](double x, double y) { return (x - y) * (x - y); }), n, "l2sq");
    });
}

TEST_P(SimdVectors, L1)
{
    for_all_pairs([&](Pair &p, size_t n) {
        expect_within(kernels().l1(p.a.data(), p.b.data(), n),
                      p.exact([](double x, double y) { return std::fabs(x - y); }), n, "l1");
    });
}

TEST_P(SimdVectors, DotNorms)
{
    for_all_pairs([&](Pair &p, size_t n) {
        Guarded<float> out(3);
        kernels().dot_norms(p.a.data(), p.b.data(), n, out.data());
        expect_within(out[0], p.exact([](double x, double y) { return x * y; }), n, "<a,b>");
        expect_within(out[1], p.exact([](double x, double) { return x * x; }), n, "<a,a>");
        expect_within(out[2], p.exact([](double, double y) { return y * y; }), n, "<b,b>");
        EXPECT_TRUE(out.intact());
    });
}

TEST_P(SimdVectors, Axpy)
{
    for_all_pairs([&](Pair &p, size_t n) {
        std::vector<float> before(n);
        for (size_t i = 0; i < n; i++)
            before[i] = p.b[i];
        kernels().axpy(-1.75f, p.a.data(), p.b.data(), n);
        for (size_t i = 0; i < n; i++) {
            Exact exact;
            exact.add(before[i]), exact.add(-1.75 * (double)p.a[i]);
            expect_within(p.b[i], exact, 1, "axpy");
        }
    });
}

TEST_P(SimdVectors, LongSumsOfOneSignStayInTheBound)
{
    const size_t n = 16000;
    std::vector<float> ones(n, 1.0f), tenths(n, 0.1f);
    Exact exact;
    for (size_t i = 0; i < n; i++)
        exact.add(0.1f);
    expect_within(kernels().dot(ones.data(), tenths.data(), n), exact, n, "dot of ones");
}

void check_block(const Kernels &k, size_t nx, size_t nc, size_t dims, size_t padding, size_t slack)
{
    Random random(nx * 1000003 + nc * 1009 + dims);
    const size_t stride = dims + padding, out_stride = nc + padding;
    // The last row ends where its elements end: no padding behind it.
    Guarded<float> x(nx ? (nx - 1) * stride + dims : 0, slack), c(nc ? (nc - 1) * stride + dims : 0, slack);
    Guarded<float> out(nx ? (nx - 1) * out_stride + nc : 0, slack);
    for (size_t i = 0; i < x.size(); i++)
        x.set(i, random.real());
    for (size_t i = 0; i < c.size(); i++)
        c.set(i, random.real());
    for (size_t i = 0; i < out.size(); i++)
        out.set(i, 777);
    k.dot_block(x.data(), nx, stride, c.data(), nc, stride, dims, out.data(), out_stride);
    for (size_t i = 0; i < nx; i++)
        for (size_t j = 0; j < nc; j++) {
            Exact exact;
            for (size_t d = 0; d < dims; d++)
                exact.add((double)x[i * stride + d] * c[j * stride + d]);
            ASSERT_LE(std::fabs(out[i * out_stride + j] - exact.sum), exact.bound(dims))
                << nx << " x " << nc << " x " << dims << " at " << i << ", " << j;
        }
    for (size_t i = 0; i + 1 < nx; i++)
        for (size_t j = nc; j < out_stride; j++)
            ASSERT_EQ(out[i * out_stride + j], 777) << "written between rows of out";
    EXPECT_TRUE(x.intact() && c.intact() && out.intact());
}

TEST_P(SimdVectors, DotBlockOfEveryShape)
{
    for (size_t nx = 0; nx <= 14; nx++)
        for (size_t nc = 0; nc <= 10; nc++)
            for (size_t dims : {0, 1, 3, 4, 7, 8, 15, 16, 17, 33})
                check_block(kernels(), nx, nc, dims, nx % 3, (nx + nc) % 2);
}

TEST_P(SimdVectors, DotBlockOfEveryDimension)
{
    for (size_t dims : lengths(1))
        check_block(kernels(), 7, 5, dims, dims % 2, 0);
}

TEST_P(SimdVectors, DotBlockOfMoreRowsThanACacheGroup)
{
    check_block(kernels(), 13, 1031, 129, 0, 0); // 16 kB rows below, so several groups in both
    check_block(kernels(), 8, 71, 4099, 1, 0);
}

} // namespace

} // namespace vq::simd
