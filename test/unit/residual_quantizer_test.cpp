// Residual quantizer: its image, codes that obey their definition, tables and tiles.
#include "rq_fixture.h"

#include "core/tile.h"

#include <algorithm>

namespace vq {
namespace {

// --- image ---

TEST(ResidualQuantizer, ImagesOfEveryShapeHaveTheStatedSize)
{
    for (uint32_t dims : {1u, 2u, 3u, 7u, 33u, 64u})
        for (int layers : {2, 3, 24, 64})
            for (int codewords : {16, 17, 100, 256}) {
                const RqFixture f(rq_options(dims, layers, codewords), Floats());
                EXPECT_EQ(f.shape.space_dims, dims);
                EXPECT_EQ(f.shape.code_bytes, codewords > 16 ? layers : (layers + 1) / 2);
                EXPECT_EQ(f.shape.fine_bytes, 0u);
                EXPECT_EQ(f.header().trained_layers, 0u);
                EXPECT_FALSE(RQ::valid(f.image.data(), f.image.size() - 1, dims));
                EXPECT_FALSE(RQ::valid(f.image.data(), f.image.size() + 1, dims));
                EXPECT_FALSE(RQ::valid(f.image.data(), f.image.size(), dims + 1));
            }
}

TEST(ResidualQuantizer, RefusesForeignImages)
{
    Random random(1);
    const RqFixture f(rq_options(20, 5, 20), gaussian(random, 400 * 20));
    for (size_t bytes : {0, 3, 63})
        EXPECT_FALSE(RQ::valid(f.image.data(), bytes, 20));
    EXPECT_FALSE(RQ::valid(f.image.data(), f.image.size(), 0));
    for (size_t i = 0; i < 20; i++) { // magic, dims, layers, codewords, trained layers
        Memory image = f.image;
        image.data()[i] ^= 0x40;
        EXPECT_FALSE(RQ::valid(image.data(), image.size(), 20)) << "byte " << i;
    }
    for (float bad : {NAN, -1.f, INFINITY}) {
        Memory image = f.image;
        rq::RqImage &h = *(rq::RqImage *)image.data();
        const auto refused = [&](float &v) {
            const float was = v;
            v = bad;
            EXPECT_FALSE(RQ::valid(image.data(), image.size(), 20)) << bad;
            v = was;
        };
        refused(h.scale_per_error);
        refused(const_cast<float *>(rq::scales(h, 4))[19]);
        refused(const_cast<float *>(rq::norms_sq(h, 0))[0]);
        EXPECT_TRUE(RQ::valid(image.data(), image.size(), 20));
    }
}

// Whatever bytes a code has, it is looked up inside the tables.
TEST(ResidualQuantizer, DamagedCodesStayInside)
{
    for (int codewords : {16, 17, 200}) {
        Random random((uint64_t)codewords);
        const RqFixture f(rq_options(10, 5, codewords), Floats());
        const RqQuery query(f, gaussian(random, 10));
        Memory code(f.shape.code_bytes), tile(tile_code_bytes(f.shape.code_bytes));
        std::memset(code.data(), 255, code.size());
        std::memset(tile.data(), 255, tile.size());
        uint32_t acc[simd::kTileRows] = {};
        RQ::scan_tile(query.state.data(), tile.data(), 0, f.shape.code_bytes, acc);
        for (uint32_t sum : acc)
            EXPECT_EQ(sum, RQ::scan_row(query.state.data(), code.data()));
        Floats decoded(10);
        RQ::decode(f.image.data(), code.data(), decoded.data());
        EXPECT_TRUE(std::isfinite(dot(decoded, decoded)));
    }
}

TEST(ResidualQuantizer, FewRowsGiveGaussianLayers)
{
    Random random(2);
    const Floats data = gaussian(random, 16 * 32 * 24, 1e3);
    const RqFixture none(rq_options(24, 6, 32), Floats());
    for (size_t rows : {1, 5, 32, 511}) {
        const RqFixture few(rq_options(24, 6, 32),
                            Floats(data.begin(), data.begin() + (ptrdiff_t)(rows * 24)));
        EXPECT_EQ(few.header().trained_layers, 0u) << rows;
        EXPECT_TRUE(few.image == none.image) << rows;
    }
    EXPECT_EQ(RqFixture(rq_options(24, 6, 32), data).header().trained_layers, 6u);
}

TEST(ResidualQuantizer, TheSameSeedGivesTheSameImage)
{
    Random random(3);
    const Floats data = correlated(random, 700, 40);
    CodecOptions options = rq_options(40, 4, 40);
    const RqFixture a(options, data), b(options, data);
    EXPECT_TRUE(a.image == b.image);
    options.seed++;
    EXPECT_FALSE(RqFixture(options, data).image == a.image);
    EXPECT_FALSE(RqFixture(options, Floats()).image == RqFixture(rq_options(40, 4, 40), Floats()).image);
}

TEST(ResidualQuantizer, EveryLevelGivesTheSameCodes)
{
    Random random(4);
    const Floats data = correlated(random, 700, 37);
    expect_same_codes_on_every_level(RqFixture(rq_options(37, 7, 40), data), data, 200);
}

TEST(ResidualQuantizer, TrainsOnResidualsOfTheRowsThatItIsGiven)
{
    Random random(5);
    const size_t dims = 24, n = 600;
    const Floats residuals = correlated(random, n, dims), centroids = gaussian(random, 3 * dims, 64);
    Floats vectors(2 * n * dims, 1e9f); // every other row is not of the sample
    std::vector<uint32_t> which, lists;
    for (size_t i = 0; i < n; i++) {
        which.push_back((uint32_t)(2 * i + 1));
        lists.push_back((uint32_t)(i % 3));
        for (size_t d = 0; d < dims; d++)
            vectors[which[i] * dims + d] = residuals[i * dims + d] + centroids[lists[i] * dims + d];
    }
    TrainingSet set;
    set.rows = n, set.vectors = vectors.data(), set.which = which.data();
    set.lists = lists.data(), set.centroids = centroids.data();
    const RqFixture got(rq_options(dims, 4, 32), set), expected(rq_options(dims, 4, 32), residuals);
    EXPECT_NEAR(got.mean_error(residuals), expected.mean_error(residuals), 0.01);
}

struct Stop
{
    int calls = 0, last = 1 << 30;
    bool in_range = true;
    static bool call(void *arg, double done)
    {
        Stop &s = *static_cast<Stop *>(arg);
        s.in_range &= done >= 0 && done <= 1;
        return ++s.calls < s.last;
    }
};

TEST(ResidualQuantizer, TrainingStopsWhenAsked)
{
    for (size_t rows : {0, 400}) {
        Random random(6);
        const Floats data = gaussian(random, rows * 20), zero(20, 0);
        const std::vector<uint32_t> lists(rows, 0);
        TrainingSet set;
        set.rows = rows, set.vectors = data.data(), set.lists = lists.data(), set.centroids = zero.data();
        const CodecOptions options = rq_options(20, 3, 20);
        Memory image(RQ::image_bytes(options, rows)), scratch(RQ::training_bytes(options, rows));
        Stop whole;
        EXPECT_TRUE(RQ::train(options, set, image.data(), scratch.data(), {Stop::call, &whole}));
        EXPECT_GT(whole.calls, 5);
        EXPECT_TRUE(whole.in_range);
        for (int last = 1; last <= whole.calls; last++) {
            Stop stop;
            stop.last = last;
            EXPECT_FALSE(RQ::train(options, set, image.data(), scratch.data(), {Stop::call, &stop})) << last;
            EXPECT_EQ(stop.calls, last);
        }
    }
}

// --- codes ---

// What a code of the best codeword, layer by layer, leaves of a unit vector.
double greedy_error(const RqFixture &f, const Floats &unit)
{
    Floats padded(4 * rq::quads(f.options.dims), 0), left(padded.size());
    std::copy(unit.begin(), unit.end(), padded.begin());
    uint8_t codes[rq::kMostLayers];
    left = padded;
    rq::choose_codes(f.header(), nullptr, 1, left.data(), 1, codes);
    for (size_t m = 0; m < f.header().layers;
         m++) { // each is the nearest but for the rounding of what is left
        double least = INFINITY, taken = 0;
        for (size_t k = 0; k < f.header().codewords; k++) {
            const double e = rq::take_off(f.header(), m, k, padded.data(), left.data());
            least = std::min(least, e);
            taken = k == codes[m] ? e : taken;
        }
        EXPECT_LE(taken, least * 1.02 + 1e-9) << "layer " << m;
        rq::take_off(f.header(), m, codes[m], padded.data(), padded.data());
    }
    return dot(padded, padded);
}

Floats unit_of(Floats x)
{
    const double norm = std::sqrt(dot(x, x));
    for (float &v : x)
        v = (float)(v / norm);
    return x;
}

TEST(ResidualQuantizer, TheBeamLeavesLessThanTheNearestLayerByLayer)
{
    for (size_t rows : {0, 4000})
        for (int codewords : {16, 40, 90}) {
            Random random((uint64_t)codewords);
            const Floats data = correlated(random, rows, 48, 0.6), others = correlated(random, 100, 48, 0.6);
            const RqFixture f(rq_options(48, 8, codewords), data);
            double greedy = 0, beam = 0;
            for (size_t i = 0; i < 100; i++) {
                const Floats x = row_of(others, i, 48);
                greedy += greedy_error(f, unit_of(x));
                beam += f.error(x);
            }
            EXPECT_LT(beam, 0.98 * greedy) << rows << " rows, " << codewords << " codewords";
        }
}

TEST(ResidualQuantizer, DecodedCodesAreWhatEncodingLeft)
{
    for (int codewords : {16, 31})
        for (int layers : {2, 5, 8}) {
            Random random((uint64_t)layers);
            const Floats data = gaussian(random, 600 * 19);
            const RqFixture f(rq_options(19, layers, codewords), data);
            for (size_t i = 0; i < 20; i++) {
                const Floats u = unit_of(row_of(data, i, 19)), decoded = f.decode(f.encode(u).code);
                Floats left(20, 0);
                std::copy(u.begin(), u.end(), left.begin());
                uint8_t codes[rq::kMostLayers];
                rq::choose_codes(f.header(), nullptr, 1, left.data(), rq::kBeam, codes);
                for (size_t d = 0; d < 19; d++)
                    EXPECT_NEAR(u[d] - left[d], decoded[d], 1e-5);
                EXPECT_EQ(left[19], 0);
            }
        }
}

TEST(ResidualQuantizer, MoreLayersLeaveLess)
{
    Random random(7);
    const Floats data = correlated(random, 3000, 64, .7), others = correlated(random, 200, 64, .7);
    for (int codewords : {16, 64})
        for (bool trained : {false, true}) {
            double last = 1;
            for (int layers : {2, 4, 8, 16, 32}) {
                const double now = RqFixture(rq_options(64, layers, codewords), trained ? data : Floats())
                                       .mean_error(others);
                EXPECT_LT(now, last * .96) << layers << " of " << codewords;
                last = now;
            }
            EXPECT_LT(last, trained ? .2 : .4) << codewords;
        }
}

TEST(ResidualQuantizer, TrainedLayersBeatGaussianOnes)
{
    Random random(8);
    const Floats data = correlated(random, 4000, 64), others = correlated(random, 200, 64);
    EXPECT_LT(RqFixture(rq_options(64, 8, 64), data).mean_error(others),
              0.6 * RqFixture(rq_options(64, 8, 64), Floats()).mean_error(others));
}

TEST(ResidualQuantizer, RowsOfAnyLengthGetTheSameCode)
{
    Random random(9);
    const Floats data = correlated(random, 800, 48);
    for (size_t rows : {0, 800}) {
        const RqFixture f(rq_options(48, 6, 32), rows ? data : Floats());
        for (size_t i = 0; i < 20; i++) {
            Floats r = row_of(data, i, 48), large = r, small = r;
            for (size_t d = 0; d < r.size(); d++)
                large[d] *= 0x1p60f, small[d] *= 0x1p-60f;
            const PqRow a = f.encode(large), b = f.encode(small);
            EXPECT_EQ(a.code, b.code);
            EXPECT_NEAR(a.found.scale / b.found.scale, 0x1p120, 0x1p120 * 1e-5);
            EXPECT_NEAR(a.found.sigma / b.found.sigma, 0x1p120, 0x1p120 * 1e-5);
        }
    }
}

// --- tables and tiles ---

std::vector<uint8_t> random_codes(const RqFixture &f, size_t n, Random &random)
{
    const rq::RqImage &h = f.header();
    std::vector<uint8_t> codes;
    for (size_t i = 0; i < n; i++)
        for (size_t m = 0; m < h.layers; m += f.has_bytes() ? 1 : 2) {
            const uint8_t first = (uint8_t)random.below(h.codewords), second = (uint8_t)random.below(16);
            codes.push_back(f.has_bytes() ? first : (uint8_t)(first | (m + 1 < h.layers ? second << 4 : 0)));
        }
    return codes;
}

TEST(ResidualQuantizer, TilesCutAnywhereSumAsRowsDo)
{
    for (int codewords : {16, 20, 256})
        for (int layers : {2, 3, 24, 63, 64}) {
            Random random((uint64_t)layers);
            const RqFixture f(rq_options(12, layers, codewords), Floats());
            const RqQuery query(f, gaussian(random, 12));
            const size_t bytes = f.shape.code_bytes;
            const std::vector<uint8_t> codes = random_codes(f, simd::kTileRows, random);
            ASSERT_EQ(codes.size(), simd::kTileRows * bytes);
            Memory tile(tile_code_bytes(bytes));
            tile_pack(codes.data(), bytes, simd::kTileRows, bytes, tile.data());
            for (size_t cut = 0; cut <= bytes; cut++) {
                uint32_t acc[simd::kTileRows] = {};
                RQ::scan_tile(query.state.data(), tile.data(), 0, cut, acc);
                RQ::scan_tile(query.state.data(), tile.data() + 32 * cut, cut, bytes - cut, acc);
                for (size_t v = 0; v < simd::kTileRows; v++)
                    ASSERT_EQ(acc[v], RQ::scan_row(query.state.data(), codes.data() + v * bytes))
                        << "cut at " << cut << " of " << bytes << ", row " << v;
            }
        }
}

TEST(ResidualQuantizer, TablesHoldTheQueryWithinTheStatedError)
{
    for (uint32_t dims : {1u, 2u, 7u, 100u, 385u})
        for (int codewords : {16, 50, 256})
            for (float spike : {0.f, 100.f}) {
                Random random(dims);
                const RqFixture f(rq_options(dims, 9, codewords), Floats());
                Floats q = gaussian(random, dims);
                q[dims / 2] += spike;
                const RqQuery query(f, q);
                const std::vector<uint8_t> codes = random_codes(f, 200, random);
                double sum_sq = 0;
                for (size_t i = 0; i < 200; i++) {
                    const auto first = codes.begin() + (ptrdiff_t)(i * f.shape.code_bytes);
                    const std::vector<uint8_t> code(first, first + f.shape.code_bytes);
                    const double e = query.dot(code) - dot(q, f.decode(code));
                    EXPECT_LT(std::fabs(e), 9 * query.head().mul * .5 + 2e-4 * std::sqrt(dot(q, q)));
                    sum_sq += e * e;
                }
                EXPECT_LT(std::sqrt(sum_sq / 200), 2 * query.head().table_error) << dims;
                EXPECT_GT(std::sqrt(sum_sq / 200), 0.3 * query.head().table_error) << dims;
            }
}

TEST(ResidualQuantizer, TheFillingLayerAddsNothing)
{
    Random random(10);
    const RqFixture f(rq_options(20, 5, 16), Floats());
    const RqQuery query(f, gaussian(random, 20));
    std::vector<uint8_t> code = random_codes(f, 1, random), filled = code;
    filled.back() |= 0xF0;
    EXPECT_EQ(query.sum(code), query.sum(filled));
}

} // namespace
} // namespace vq
