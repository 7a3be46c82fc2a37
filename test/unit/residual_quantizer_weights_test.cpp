// Residual quantizer with weights: their codes, sums of tiles, what fitting gains, and rows of which nothing is left.
#include "rq_fixture.h"

#include "core/rq_weights.h"
#include "core/tile.h"

#include <algorithm>
#include <string>

namespace vq {
namespace {

constexpr int kBits[] = {4, 8, 16}, kCodewords[] = {16, 100, 256};

CodecOptions weighted(uint32_t dims, int layers, int codewords, int bits)
{
    CodecOptions options = rq_options(dims, layers, codewords);
    options.value[RQ::kWeightBits] = bits;
    return options;
}

double weight_of(const RqFixture &f, const std::vector<uint8_t> &code, size_t layer)
{
    const auto l = rq::read_layer(f.header().codewords, f.header().weight_bits, code.data(), layer);
    return rq::kWeightUnit * (float)rq::fixed_weight(f.header().weight_bits, l.weight);
}

// Codeword k of a layer, dims floats.
Floats codeword(const RqFixture &f, size_t layer, size_t k)
{
    Floats c(f.options.dims, 0);
    rq::add_codeword(f.header(), layer, k, 1, c.data());
    return c;
}

// --- stored weights ---

TEST(ResidualQuantizerWeights, HalvesOfAnyBitsStayInRange)
{
    for (uint32_t bits = 0; bits < 65536; bits++) {
        const float value = half_to_float((uint16_t)bits);
        const uint32_t fixed = rq::fixed_weight(16, bits);
        ASSERT_LE(fixed, rq::kMostFixed);
        if (bits < 0x8000 && value < 4) {
            ASSERT_EQ(fixed, (uint32_t)(value * 4096 + .5f)) << value;
        }
    }
}

TEST(ResidualQuantizerWeights, LogarithmsAreEquidistant)
{
    for (uint32_t bits : {4u, 8u}) {
        const uint16_t *w = rq::fixed_weights(bits);
        EXPECT_EQ(w[0], 0);
        const double ratio = (double)w[(1 << bits) - 1] / w[(1 << bits) - 2];
        EXPECT_GT(ratio, 1.005);
        for (uint32_t i = 2; i < 1u << bits; i++)
            EXPECT_NEAR(w[i], w[i - 1] * ratio, 2 + .01 * w[i]) << i;
        EXPECT_LT(w[1], 4096);
        EXPECT_GT(w[(1 << bits) - 1], 4096);
    }
}

TEST(ResidualQuantizerWeights, CodesHoldWhatWasWritten)
{
    for (int bits : kBits)
        for (int codewords : kCodewords)
            for (uint32_t layers : {2u, 3u, 63u, 64u}) {
                Random random(layers);
                rq::RqImage h = {};
                h.layers = layers, h.codewords = (uint32_t)codewords, h.weight_bits = (uint32_t)bits;
                ASSERT_EQ(rq::code_bytes(h) % rq::row_group(h.codewords, h.weight_bits).bytes, 0u);
                uint8_t codes[64];
                uint16_t weights[64];
                for (size_t m = 0; m < layers; m++) {
                    codes[m] = (uint8_t)random.below((size_t)codewords);
                    weights[m] = (uint16_t)random.below((size_t)1 << bits);
                }
                Memory code(rq::code_bytes(h));
                rq::write_layers(h, codes, weights, code.data());
                for (size_t m = 0; m < layers; m++) {
                    const auto l = rq::read_layer(h.codewords, h.weight_bits, code.data(), m);
                    ASSERT_EQ(l.codeword, codes[m]);
                    ASSERT_EQ(l.weight, weights[m]);
                }
            }
}

TEST(ResidualQuantizerWeights, ImagesSayWhatTheirWeightsAre)
{
    for (int bits : kBits) {
        const RqFixture f(weighted(20, 5, 20, bits), Floats());
        char text[200];
        RQ::describe(f.image.data(), text, sizeof text);
        EXPECT_NE(std::string(text).find("weights of " + std::to_string(bits) + " bits"), std::string::npos);
        rq::RqImage &h = *(rq::RqImage *)f.image.data();
        for (uint32_t bad : {1u, 2u, 5u, 15u, 32u, 1u << 31}) {
            h.weight_bits = bad;
            EXPECT_FALSE(RQ::valid(f.image.data(), f.image.size(), 20)) << bad;
        }
        h.weight_bits = (uint32_t)bits;
        for (float bad : {NAN, -1.f, INFINITY, 41.f}) {
            h.weights_norm = bad;
            EXPECT_FALSE(RQ::valid(f.image.data(), f.image.size(), 20)) << bad;
        }
    }
}

// --- tables and tiles ---

void expect_sums_of_rows(const RqFixture &f, const RqQuery &query, const Memory &tile, size_t cut)
{
    const size_t bytes = f.shape.code_bytes, group = f.shape.row_group, after = cut + group;
    uint32_t acc[simd::kTileRows] = {};
    Memory part(32 * group), code(bytes); // by themselves, so that a byte too far shows
    std::memcpy(part.data(), tile.data() + 32 * cut, 32 * group);
    RQ::scan_tile(query.state.data(), tile.data(), 0, cut, acc);
    RQ::scan_tile(query.state.data(), part.data(), cut, group, acc);
    RQ::scan_tile(query.state.data(), tile.data() + 32 * after, after, bytes - after, acc);
    for (size_t v = 0; v < simd::kTileRows; v++) {
        tile_unpack(tile.data(), v, bytes, code.data());
        ASSERT_EQ(acc[v], RQ::scan_row(query.state.data(), code.data())) << "row " << v << ", cut at " << cut;
        ASSERT_LT(acc[v], 1u << 31);
    }
}

// Any bytes are a code: sums stay inside the tables, in groups of code rows as in whole rows, on every level.
TEST(ResidualQuantizerWeights, TilesCutBetweenGroupsSumAsRowsDo)
{
    for (int bits : kBits)
        for (int codewords : kCodewords)
            for (int layers : {2, 5, 64}) {
                Random random((uint64_t)layers);
                const RqFixture f(weighted(5, layers, codewords, bits), Floats());
                const RqQuery query(f, gaussian(random, 5));
                const size_t bytes = f.shape.code_bytes, group = f.shape.row_group;
                Memory tile(tile_code_bytes(bytes));
                for (size_t i = 0; i < tile.size(); i++)
                    tile.data()[i] = (uint8_t)random.below(256);
                for (size_t level = 0; level < simd::level_count(); level++) {
                    if (!simd::select_level(simd::level(level).table->name))
                        continue;
                    for (size_t cut : {(size_t)0, bytes / group / 2 * group, bytes - group})
                        expect_sums_of_rows(f, query, tile, std::min(cut, bytes - group));
                }
                EXPECT_TRUE(simd::select_level("auto"));
            }
}

TEST(ResidualQuantizerWeights, DamagedCodesDecodeToSomething)
{
    for (int bits : kBits)
        for (int codewords : kCodewords) {
            Random random((uint64_t)bits);
            const RqFixture f(weighted(10, 7, codewords, bits), Floats());
            std::vector<uint8_t> code(f.shape.code_bytes);
            for (int i = 0; i < 100; i++) {
                for (uint8_t &b : code)
                    b = i == 0 ? 255 : (uint8_t)random.below(256);
                const Floats decoded = f.decode(code);
                EXPECT_TRUE(std::isfinite(dot(decoded, decoded)));
            }
        }
}

TEST(ResidualQuantizerWeights, EstimatesAreProductsWithWhatIsDecoded)
{
    for (int bits : kBits)
        for (int codewords : kCodewords)
            for (uint32_t dims : {7u, 100u, 385u})
                for (float spike : {0.f, 100.f}) {
                    Random random(dims);
                    const RqFixture f(weighted(dims, 9, codewords, bits), Floats());
                    Floats q = gaussian(random, dims);
                    q[dims / 2] += spike;
                    const RqQuery query(f, q);
                    const double step = query.head().mul / rq::kWeightUnit;
                    double sum_sq = 0;
                    for (size_t i = 0; i < 100; i++) {
                        const PqRow row = f.encode(gaussian(random, dims));
                        double weights = 0;
                        for (size_t m = 0; m < 9; m++)
                            weights += weight_of(f, row.code, m);
                        const double e = query.dot(row.code) - dot(q, f.decode(row.code));
                        EXPECT_LT(std::fabs(e), weights * step * .501 + 2e-4 * std::sqrt(dot(q, q)));
                        sum_sq += e * e;
                    }
                    EXPECT_LT(std::sqrt(sum_sq / 100), 1.5 * query.head().table_error) << dims;
                    EXPECT_GT(std::sqrt(sum_sq / 100), 0.2 * query.head().table_error) << dims;
                }
}

// All of a layer's codewords on one side: its table is far from zero, and with weights that is no constant.
TEST(ResidualQuantizerWeights, TablesFarFromZeroKeepTheirWeights)
{
    for (int bits : kBits) {
        Random random(3);
        Floats data = gaussian(random, 800 * 24, .02);
        for (size_t i = 0; i < data.size(); i++)
            data[i] += 1;
        const RqFixture f(weighted(24, 6, 32, bits), data);
        const RqQuery query(f, Floats(24, 5));
        for (size_t i = 0; i < 50; i++) {
            const PqRow row = f.encode(row_of(data, i, 24));
            const double truth = dot(Floats(24, 5), f.decode(row.code));
            EXPECT_NEAR(query.dot(row.code), truth, 5 * query.head().table_error);
            EXPECT_LT(query.head().table_error, .03 * truth);
        }
    }
}

// --- fitting ---

TEST(ResidualQuantizerWeights, FittedWeightsLeaveLessThanFixedOnes)
{
    Random random(7);
    const Floats data = correlated(random, 3000, 64, .7), others = correlated(random, 200, 64, .7);
    for (int codewords : {16, 64})
        for (int layers : {8, 16})
            for (bool trained : {false, true}) {
                const auto error = [&](int bits) {
                    return RqFixture(weighted(64, layers, codewords, bits), trained ? data : Floats())
                        .mean_error(others);
                };
                const double fixed = error(0), four = error(4), eight = error(8), half = error(16);
                EXPECT_LT(half, .97 * fixed) << layers << " of " << codewords;
                EXPECT_LT(eight, 1.003 * half) << layers << " of " << codewords;
                EXPECT_LT(four, 1.03 * half) << layers << " of " << codewords;
            }
}

TEST(ResidualQuantizerWeights, NoOtherWeightOfALayerLeavesLess)
{
    Random random(8);
    for (int bits : kBits) {
        const RqFixture f(weighted(40, 8, 40, bits), Floats());
        for (int i = 0; i < 20; i++) {
            const Floats u = gaussian(random, 40);
            const PqRow row = f.encode(u);
            const double norm = std::sqrt(dot(u, u));
            Floats left = f.decode(row.code);
            for (size_t d = 0; d < 40; d++)
                left[d] = (float)(u[d] / norm) - left[d];
            for (size_t m = 0; m < 8; m++) {
                const auto l = rq::read_layer(40, (size_t)bits, row.code.data(), m);
                const Floats c = codeword(f, m, l.codeword);
                for (int other : {-1, 1}) {
                    const uint32_t stored = l.weight + (uint32_t)other;
                    if (stored >= 1u << bits)
                        continue;
                    const double step = rq::kWeightUnit * ((double)rq::fixed_weight((uint32_t)bits, stored) -
                                                           rq::fixed_weight((uint32_t)bits, l.weight));
                    // ||left - step c||^2 - ||left||^2
                    EXPECT_GT(step * step * dot(c, c) - 2 * step * dot(left, c), -1e-6);
                }
            }
        }
    }
}

TEST(ResidualQuantizerWeights, EveryLevelGivesTheSameCodes)
{
    Random random(4);
    const Floats data = correlated(random, 700, 37);
    expect_same_codes_on_every_level(RqFixture(weighted(37, 19, 40, 16), data), data, 100);
}

TEST(ResidualQuantizerWeights, ErrorsAreAsStated)
{
    for (int bits : kBits)
        for (Metric metric : {Metric::L2, Metric::InnerProduct}) {
            Random random((uint64_t)bits);
            const RqFixture f(weighted(64, 12, 40, bits), gaussian(random, 2000 * 64));
            const RqScores scores(f, metric, gaussian(random, 64, .5), gaussian(random, 64));
            double sum = 0, sum_sq = 0;
            for (int i = 0; i < 1000; i++) {
                Floats x = gaussian(random, 64, .3), q = gaussian(random, 64, .4);
                for (size_t d = 0; d < 64; d++)
                    x[d] += scores.mean[d] + scores.centre[d], q[d] += scores.mean[d] + scores.centre[d];
                const PqRow row = scores.encode(x);
                const auto e = scores.estimate(q, row, scores.factors(x, row));
                const double z = (e.score - exact_score(metric, q, x)) / e.error;
                sum += z, sum_sq += z * z;
            }
            EXPECT_NEAR(sum / 1000, 0, .15);
            EXPECT_LT(std::sqrt(sum_sq / 1000), 1.1);
            EXPECT_GT(std::sqrt(sum_sq / 1000), .4);
        }
}

// --- bad input ---

void expect_sound(const RqFixture &f, const PqRow &row)
{
    EXPECT_TRUE(std::isfinite(row.found.scale) && std::isfinite(row.found.centre_dot) &&
                std::isfinite(row.found.sigma));
    EXPECT_GE(row.found.sigma, 0);
    for (size_t m = 0; m < f.header().layers; m++)
        EXPECT_LE(weight_of(f, row.code, m), 4);
}

// A few rows many times: the first layer says all, and what follows weighs nothing.
TEST(ResidualQuantizerWeights, RowsEqualToACodewordNeedNoOther)
{
    for (int bits : kBits)
        for (size_t distinct : {1, 3, 16}) {
            Random random(distinct);
            const Floats few = gaussian(random, distinct * 22);
            Floats data;
            for (size_t i = 0; i < 640; i++) {
                const Floats row = row_of(few, i % distinct, 22);
                data.insert(data.end(), row.begin(), row.end());
            }
            const RqFixture f(weighted(22, 6, 32, bits), data);
            for (size_t i = 0; i < distinct; i++) {
                const Floats x = row_of(few, i, 22);
                const PqRow row = f.encode(x);
                expect_sound(f, row);
                EXPECT_LT(f.error(x), bits == 4 ? 5e-3 : 1e-3);
                const uint32_t k = rq::read_layer(32, (size_t)bits, row.code.data(), 0).codeword;
                const PqRow same = f.encode(codeword(f, 0, k)); // without the rounding of codewords
                EXPECT_GT(weight_of(f, same.code, 0), .9);
                for (size_t m = 1; m < 6; m++)
                    EXPECT_EQ(weight_of(f, same.code, m), 0) << "layer " << m;
            }
        }
}

TEST(ResidualQuantizerWeights, SumsOfCodewordsLeaveNothing)
{
    for (int bits : kBits)
        for (int codewords : kCodewords)
            for (size_t summed : {1, 2, 5}) {
                Random random(summed);
                const RqFixture f(weighted(30, 6, codewords, bits), Floats());
                double error = 0;
                for (int i = 0; i < 20; i++) {
                    Floats x(30, 0);
                    for (size_t m = 0; m < summed; m++)
                        rq::add_codeword(f.header(), m, random.below((size_t)codewords - 1), 1, x.data());
                    const PqRow row = f.encode(x);
                    expect_sound(f, row);
                    error += f.error(x) / 20;
                    expect_sound(f, f.encode(Floats(30, 0)));
                }
                EXPECT_LT(error, summed == 1 ? .5 : .9) << bits << " bits, " << codewords;
            }
}

// Codewords repeat each other in one dimension, and no more can be said than in two layers.
TEST(ResidualQuantizerWeights, MoreLayersThanDimensions)
{
    for (int bits : kBits)
        for (uint32_t dims : {1u, 2u, 3u, 7u})
            for (size_t rows : {0, 600}) {
                Random random(dims);
                const RqFixture f(weighted(dims, 64, 16, bits), gaussian(random, rows * dims));
                double error = 0;
                for (int i = 0; i < 50; i++) {
                    const Floats x = gaussian(random, dims);
                    expect_sound(f, f.encode(x));
                    error += f.error(x) / 50;
                }
                EXPECT_LT(error, bits == 4 ? .02 : .005) << dims << " dimensions, " << rows << " rows";
            }
}

TEST(ResidualQuantizerWeights, RowsOfEveryMagnitudeGetTheSameWeights)
{
    for (int bits : kBits) {
        Random random(9);
        const RqFixture f(weighted(48, 6, 32, bits), correlated(random, 800, 48));
        for (int i = 0; i < 20; i++) {
            const Floats r = gaussian(random, 48);
            const PqRow usual = f.encode(r);
            for (float size : {0x1p-66f, 0x1p-20f, 0x1p60f}) {
                Floats x = r;
                for (float &v : x)
                    v *= size;
                const PqRow row = f.encode(x);
                expect_sound(f, row);
                EXPECT_EQ(row.code, usual.code) << size;
                EXPECT_NEAR(row.found.scale / usual.found.scale / size, 1, 1e-5);
            }
        }
    }
}

TEST(ResidualQuantizerWeights, QueriesOfEveryMagnitudeLoseNoRow)
{
    for (int bits : kBits) {
        Random random(10);
        const RqFixture f(weighted(20, 6, 16, bits), gaussian(random, 400 * 20));
        const Floats zero(20, 0);
        for (Metric metric : {Metric::L2, Metric::InnerProduct}) {
            const RqScores scores(f, metric, zero, zero);
            for (double size : {1e-45, 1e-38, 1e-20, 1.0, 1e10, 1e18, 1e30, 2e37})
                for (double length : {0.0, 1e-20, 1.0, 1e18}) {
                    const Floats q = gaussian(random, 20, size), x = gaussian(random, 20, length);
                    const PqRow row = scores.encode(x);
                    expect_sound(f, row);
                    if (dot(q, q) * dot(x, x) > 1e74)
                        continue; // even the score does not fit float
                    EXPECT_TRUE(scores.estimate(q, row, scores.factors(x, row)).found)
                        << size << " " << length;
                }
        }
    }
}

} // namespace
} // namespace vq
