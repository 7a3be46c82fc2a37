// Encoded vectors of every format and level against sums in double over elements decoded one by one.
#include "simd_levels.h"

#include <bit>

namespace vq::simd {

namespace {

class SimdElement : public EveryLevel
{
};
VQ_EVERY_LEVEL(SimdElement);

size_t code_bytes(Element e, size_t n)
{
    const size_t bits[] = {6, 8, 16, 16, 32};
    return (n * bits[(size_t)e] + 7) / 8;
}

double half_by_definition(unsigned h)
{
    int exponent = h >> 10 & 31, fraction = h & 1023;
    double magnitude = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
    return h & 0x8000 ? -magnitude : magnitude;
}

double decode(Element e, const std::vector<uint8_t> &code, size_t i)
{
    auto word = [&] { return code[2 * i] | (unsigned)code[2 * i + 1] << 8; };
    switch (e) {
    case Element::SQ6: {
        unsigned value = 0;
        for (size_t b = 0; b < 6; b++)
            value |= (code[(6 * i + b) / 8] >> ((6 * i + b) % 8) & 1u) << b;
        return value;
    }
    case Element::SQ8:
        return code[i];
    case Element::FP16:
        return half_by_definition(word());
    case Element::BF16:
        return std::bit_cast<float>((uint32_t)word() << 16);
    case Element::FP32:
        break;
    }
    float f;
    std::memcpy(&f, code.data() + 4 * i, 4);
    return f;
}

// Random bytes are any integer code, but could be any NaN as floats: those formats get finite numbers.
std::vector<uint8_t> random_code(Element e, size_t n, Random &random)
{
    std::vector<uint8_t> code = random.bytes(code_bytes(e, n));
    for (size_t i = 0; i < n; i++)
        if (e == Element::FP16)
            code[2 * i + 1] &= 0xBF; // below 2; subnormals stay
        else if (e == Element::BF16 || e == Element::FP32) {
            float f = random.real();
            size_t width = e == Element::BF16 ? 2 : 4;
            std::memcpy(code.data() + width * i, reinterpret_cast<const char *>(&f) + 4 - width, width);
        }
    return code;
}

template <class Check>
void for_all_codes(Check check)
{
    for (size_t e = 0; e < kElementCount; e++)
        for (size_t n : lengths(0)) {
            Random random(n * 8 + e);
            check((Element)e, n, random_code((Element)e, n, random), random);
        }
}

TEST_P(SimdElement, SquaredL2)
{
    for_all_codes([&](Element e, size_t n, const std::vector<uint8_t> &code, Random &random) {
        std::vector<float> a = random.reals(n), s = random.reals(n);
        for (float &x : a)
            x *= 10;
        Exact plain, scaled;
        for (size_t i = 0; i < n; i++) {
            double v = decode(e, code, i);
            plain.add((a[i] - v) * (a[i] - v));
            // s v is rounded once before or never, so the terms are those of |a| + |s v|.
            double d = (double)a[i] - (double)s[i] * v, size = std::fabs(a[i]) + std::fabs(s[i] * v);
            scaled.sum += d * d, scaled.absolute += size * size;
        }
        for (size_t slack : {0, 1}) {
            Guarded<float> ga(a, slack), gs(s, slack);
            Guarded<uint8_t> gc(code, slack);
            expect_within(kernels().element_l2[(size_t)e](ga.data(), nullptr, gc.data(), n), plain, n + 2,
                          "element_l2");
            expect_within(kernels().element_l2[(size_t)e](ga.data(), gs.data(), gc.data(), n), scaled, n + 2,
                          "element_l2 with scales");
        }
    });
}

TEST_P(SimdElement, Dot)
{
    for_all_codes([&](Element e, size_t n, const std::vector<uint8_t> &code, Random &random) {
        std::vector<float> w = random.reals(n);
        Exact exact;
        for (size_t i = 0; i < n; i++)
            exact.add(w[i] * decode(e, code, i));
        for (size_t slack : {0, 1}) {
            Guarded<float> gw(w, slack);
            Guarded<uint8_t> gc(code, slack);
            expect_within(kernels().element_dot[(size_t)e](gw.data(), gc.data(), n), exact, n, "element_dot");
        }
    });
}

// One element at a time in every lane, every value of the 16-bit formats: a decoded value is exact, so the
// product with 1 is.
TEST_P(SimdElement, EveryHalfDecodesExactly)
{
    std::vector<uint8_t> code(2 * 16);
    for (unsigned h = 0; h < 0x10000; h++)
        for (Element e : {Element::FP16, Element::BF16}) {
            float value = e == Element::BF16 ? std::bit_cast<float>(h << 16) : (float)half_by_definition(h);
            if (!std::isfinite(value) || (e == Element::FP16 && (h & 0x7C00) == 0x7C00))
                continue;
            const size_t lane = h % 16;
            float w[16] = {};
            w[lane] = 1;
            std::memset(code.data(), 0, code.size());
            code[2 * lane] = (uint8_t)h, code[2 * lane + 1] = (uint8_t)(h >> 8);
            ASSERT_EQ(kernels().element_dot[(size_t)e](w, code.data(), 16), value) << h;
        }
}

TEST_P(SimdElement, EverySixBitCodeInEveryPlace)
{
    const size_t n = 37;
    for (size_t i = 0; i < n; i++)
        for (unsigned value = 0; value < 64; value++) {
            std::vector<float> w(n, 0);
            w[i] = 1;
            std::vector<uint8_t> code(code_bytes(Element::SQ6, n), 0xFF); // neighbours all ones
            for (size_t b = 0; b < 6; b++)
                if (!(value >> b & 1))
                    code[(6 * i + b) / 8] &= (uint8_t) ~(1u << ((6 * i + b) % 8));
            Guarded<uint8_t> guarded(code);
            ASSERT_EQ(kernels().element_dot[0](w.data(), guarded.data(), n), (float)value) << "element " << i;
        }
}

} // namespace

} // namespace vq::simd
