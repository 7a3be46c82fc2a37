// Tables of codewords' products: what they hold, and that codes chosen with them are as good as without, on every level the same.
#include "rq_fixture.h"

#include "core/rq_products.h"

namespace vq {
namespace {

// The fixture's image with its tables.
struct WithTables : RqFixture
{
    Memory tables;

    WithTables(const CodecOptions &o, const Floats &data)
        : RqFixture(o, data), tables(RQ::encoder_bytes(image.data()) + 1)
    {
        RQ::make_encoder(image.data(), tables.data());
    }
    Floats codeword(size_t layer, size_t k) const
    {
        Floats e(options.dims + 3, 0);
        rq::take_off(header(), layer, k, e.data(), e.data());
        e.resize(options.dims);
        return e;
    }
    // ||what the codes leave||^2 of rows that become it.
    double choose(const void *with, const Floats &data, std::vector<uint8_t> *codes,
                  size_t wanted = rq::kBeam) const
    {
        const size_t D = options.dims, n = data.size() / D, width = 4 * rq::quads(D);
        double sum = 0;
        codes->assign(n * header().layers, 0);
        for (size_t i = 0; i < n; i++) {
            Floats unit(width);
            rq::to_unit(&data[i * D], D, residual_norm(&data[i * D], D), unit.data());
            rq::choose_codes(header(), with, 1, unit.data(), wanted, codes->data() + i * header().layers);
            sum += dot(unit, unit);
        }
        return sum / (double)n;
    }
};

struct Shape
{
    uint32_t dims;
    int layers, codewords;
    size_t rows;
};
constexpr Shape kShapes[] = {
    {64, 6, 16, 1500}, {67, 64, 16, 600}, {96, 5, 40, 1500}, {130, 3, 256, 0}, {64, 2, 16, 0}};

WithTables made(const Shape &s, Floats *data)
{
    Random random(s.dims);
    *data = gaussian(random, std::max<size_t>(s.rows, 300) * s.dims);
    return WithTables(rq_options(s.dims, s.layers, s.codewords), s.rows > 0 ? *data : Floats());
}

TEST(RqProducts, AreTwiceTheDotProducts)
{
    for (const Shape &s : kShapes) {
        Floats data;
        const WithTables f = made(s, &data);
        const rq::ProductPlaces p(f.header());
        const uint16_t *products = reinterpret_cast<const uint16_t *>(f.tables.data());
        for (size_t j = 0; j < p.layers; j++)
            for (size_t k = 0; k < (size_t)s.codewords; k += 7)
                for (size_t m = j + 1; m < p.layers; m += 1 + p.layers / 4)
                    for (size_t i = 0; i < (size_t)s.codewords; i += 5) {
                        const Floats a = f.codeword(j, k), b = f.codeword(m, i);
                        ASSERT_NEAR(half_to_float(products[p.of(j, k) + p.of_layer(m) + i]), 2 * dot(a, b),
                                    1e-3 * std::sqrt(dot(a, a) * dot(b, b)) + 1e-7)
                            << j << ", " << k << " with " << m << ", " << i;
                    }
    }
}

TEST(RqProducts, HoldEachCodewordSideBySide)
{
    for (const Shape &s : kShapes) {
        Floats data;
        const WithTables f = made(s, &data);
        const rq::ProductPlaces p(f.header());
        for (size_t m = 0; m < p.layers; m++)
            for (size_t k = 0; k < (size_t)s.codewords; k++) {
                const Floats e = f.codeword(m, k);
                for (size_t d = 0; d < s.dims; d++)
                    ASSERT_EQ(-rq::scales(f.header(), m)[k] * (float)p.bytes(f.tables.data(), m, k)[d], e[d]);
            }
    }
}

TEST(RqProducts, CodesLeaveAsLittleAsWithout)
{
    for (const Shape &s : kShapes)
        for (size_t wanted : {1, 5}) {
            Floats data;
            const WithTables f = made(s, &data);
            std::vector<uint8_t> with, without;
            const double left = f.choose(f.tables.data(), data, &with, wanted),
                         before = f.choose(nullptr, data, &without, wanted);
            EXPECT_LT(left, 1.004 * before + 1e-9) << s.dims << " dimensions";
            size_t same = 0;
            for (size_t i = 0; i < with.size(); i++)
                same += with[i] == without[i];
            EXPECT_GT((double)same, .5 * (double)with.size()) << s.dims << " dimensions";
        }
}

// What is left of a row is the row less its codewords, in the order of layers: bit for bit what take_off gives.
TEST(RqProducts, WhatIsLeftIsOfTheCodesAlone)
{
    for (const Shape &s : kShapes) {
        Floats data;
        const WithTables f = made(s, &data);
        const size_t D = s.dims, width = 4 * rq::quads(D);
        for (size_t i = 0; i < 20; i++) {
            Floats unit(width), left(width);
            rq::to_unit(&data[i * D], D, residual_norm(&data[i * D], D), unit.data());
            left = unit;
            std::vector<uint8_t> codes(f.header().layers);
            rq::choose_codes(f.header(), f.tables.data(), 1, left.data(), rq::kBeam, codes.data());
            for (size_t m = 0; m < codes.size(); m++)
                rq::take_off(f.header(), m, codes[m], unit.data(), unit.data());
            EXPECT_EQ(left, unit) << D;
        }
    }
}

TEST(RqProducts, EveryLevelGivesTheSameTablesAndCodes)
{
    for (const Shape &s : kShapes) {
        Floats data;
        WithTables f = made(s, &data);
        const std::vector<uint8_t> tables(f.tables.data(), f.tables.data() + f.tables.size() - 1);
        std::vector<uint8_t> expected, codes;
        const double left = f.choose(f.tables.data(), data, &expected);
        for (size_t l = 0; l < simd::level_count(); l++) {
            if (!simd::select_level(simd::level(l).table->name))
                continue;
            RQ::make_encoder(f.image.data(), f.tables.data());
            EXPECT_TRUE(std::equal(tables.begin(), tables.end(), f.tables.data())) << simd::kernels().name;
            EXPECT_EQ(f.choose(f.tables.data(), data, &codes), left) << simd::kernels().name;
            EXPECT_EQ(codes, expected) << simd::kernels().name << ", " << s.dims << " dimensions";
        }
        simd::select_level("auto");
    }
}

// Too large to stay in the cache, too long in the making, or too coarse.
TEST(RqProducts, AreForFewCodewordsOfManyDimensions)
{
    EXPECT_GT(rq::product_table_bytes(384, 64, 16), 1u << 20);
    EXPECT_GT(rq::product_table_bytes(2000, 64, 16), 0u);
    EXPECT_GT(rq::product_table_bytes(384, 8, 128), 0u);
    EXPECT_EQ(rq::product_table_bytes(16000, 64, 16), 0u);
    EXPECT_EQ(rq::product_table_bytes(384, 24, 256), 0u);
    EXPECT_EQ(rq::product_table_bytes(384, 64, 64), 0u);
    EXPECT_EQ(rq::product_table_bytes(63, 64, 16), 0u);
}

// A damaged image may hold any numbers: codes are then of no use, but nothing is read or written elsewhere.
TEST(RqProducts, SurviveDamagedScales)
{
    for (float damage : {NAN, INFINITY, -1e30f, 1e30f}) {
        Floats data;
        WithTables f = made(kShapes[2], &data);
        rq::RqImage &h = const_cast<rq::RqImage &>(f.header());
        for (size_t k = 0; k < 48; k++) {
            const_cast<float *>(rq::scales(h, 1))[k] = damage;
            const_cast<float *>(rq::norms_sq(h, 2))[k] = damage;
        }
        std::fill_n(const_cast<uint8_t *>(rq::book(h, 0)), 64, (uint8_t)0);
        RQ::make_encoder(f.image.data(), f.tables.data());
        std::vector<uint8_t> codes;
        (void)f.choose(f.tables.data(), data, &codes);
        for (uint8_t code : codes)
            ASSERT_LT(code, 40);
    }
}

} // namespace
} // namespace vq
