// Sums over floats and bfloat16 numbers of every level against sums in double.
#include "simd_levels.h"

#include <bit>

namespace vq::simd {

namespace {

class SimdMixed : public EveryLevel
{
};
VQ_EVERY_LEVEL(SimdMixed);

// A vector of floats and one of bfloat16 numbers, which are the upper halves of floats; elements one by one in double.
struct Operands
{
    Operands(size_t n, float magnitude, Random random) : a(random.reals(n)), code(2 * n)
    {
        for (float &x : a)
            x *= magnitude;
        for (size_t i = 0; i < n; i++) {
            const uint32_t bits = std::bit_cast<uint32_t>(random.real()) & 0xFFFF0000;
            code[2 * i] = (uint8_t)(bits >> 16), code[2 * i + 1] = (uint8_t)(bits >> 24);
            b.push_back((double)std::bit_cast<float>(bits));
        }
    }
    std::vector<float> a;
    std::vector<uint8_t> code;
    std::vector<double> b;
};

template <class Term>
void check(float (*kernel)(const float *, const uint8_t *, size_t) noexcept, float magnitude, size_t steps,
           Term term, const char *what)
{
    for (size_t n : lengths(0)) {
        const Operands o(n, magnitude, Random(n));
        Exact exact;
        for (size_t i = 0; i < n; i++)
            exact.add(term((double)o.a[i], o.b[i]));
        for (size_t slack : {0, 1}) {
            Guarded<float> a(o.a, slack);
            Guarded<uint8_t> code(o.code, slack);
            expect_within(kernel(a.data(), code.data(), n), exact, n + steps, what);
            EXPECT_TRUE(a.intact() && code.intact());
        }
    }
}

TEST_P(SimdMixed, SquaredL2)
{
    check(
        kernels().bf16_l2sq, 10, 2, [](double a, double b) { return (a - b) * (a - b); }, "bf16_l2sq");
}

TEST_P(SimdMixed, Dot)
{
    check(
        kernels().bf16_dot, 1, 0, [](double a, double b) { return a * b; }, "bf16_dot");
}

// One element at a time in every lane, every finite value: a widened value is exact, so its product with 1 is.
TEST_P(SimdMixed, EveryValueWidensExactly)
{
    std::vector<uint8_t> code(2 * 16);
    for (unsigned h = 0; h < 0x10000; h++) {
        const float value = std::bit_cast<float>(h << 16);
        if (!std::isfinite(value))
            continue;
        const size_t lane = h % 16;
        float w[16] = {};
        w[lane] = 1;
        std::memset(code.data(), 0, code.size());
        code[2 * lane] = (uint8_t)h, code[2 * lane + 1] = (uint8_t)(h >> 8);
        ASSERT_EQ(kernels().bf16_dot(w, code.data(), 16), value) << h;
    }
}

} // namespace

} // namespace vq::simd
