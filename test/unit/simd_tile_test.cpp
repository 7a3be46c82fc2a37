// Integer kernels and tile bounds: every level gives the scalar table's bits, and the scalar table the
// definition's.
#include "core/tile.h"
#include "simd_levels.h"

#include <array>
#include <bit>

namespace vq::simd {

namespace {

class SimdTile : public EveryLevel
{
protected:
    using Sums = std::array<uint32_t, kTileRows>;

    Sums scan8(const Kernels &k, Guarded<uint8_t> &codes, Guarded<uint8_t> &lut, size_t rows, uint32_t start)
    {
        Guarded<uint32_t> acc(kTileRows, start % 4);
        fill(acc, start);
        k.fastscan8(codes.data(), lut.data(), rows, acc.data());
        return sums(acc);
    }
    Sums scan16(const Kernels &k, Guarded<uint8_t> &codes, Guarded<uint8_t> &low, Guarded<uint8_t> &high,
                size_t rows, uint32_t start)
    {
        Guarded<uint32_t> acc(kTileRows, start % 4);
        fill(acc, start);
        k.fastscan16(codes.data(), low.data(), high.data(), rows, acc.data());
        return sums(acc);
    }

private:
    static void fill(Guarded<uint32_t> &acc, uint32_t start)
    {
        for (size_t v = 0; v < kTileRows; v++)
            acc.set(v, start + (uint32_t)(3 * v));
    }
    static Sums sums(Guarded<uint32_t> &acc)
    {
        EXPECT_TRUE(acc.intact());
        Sums out;
        for (size_t v = 0; v < kTileRows; v++)
            out[v] = acc[v];
        return out;
    }
};
VQ_EVERY_LEVEL(SimdTile);

// Row v's sum from its row-major code, column by column.
uint32_t sum_by_definition(const uint8_t *row, const uint8_t *low, const uint8_t *high, size_t code_bytes)
{
    uint32_t sum = 0;
    for (size_t column = 0; column < 2 * code_bytes; column++) {
        size_t entry = 16 * column + (row[column / 2] >> (column % 2 ? 4 : 0) & 15);
        sum += low[entry] + (high ? 256u * high[entry] : 0u);
    }
    return sum;
}

TEST_P(SimdTile, FastScanOfPackedRowsIsTheSumOfTheirEntries)
{
    for (size_t code_bytes : lengths(0))
        if (code_bytes <= 2000) {
            Random random(code_bytes);
            std::vector<uint8_t> rows = random.bytes(32 * code_bytes);
            Guarded<uint8_t> low(random.bytes(32 * code_bytes)), high(random.bytes(32 * code_bytes));
            Guarded<uint8_t> tile(tile_code_bytes(code_bytes));
            tile_pack(rows.data(), code_bytes, 32, code_bytes, tile.data());
            Sums narrow = scan8(kernels(), tile, low, code_bytes, 5);
            Sums wide = scan16(kernels(), tile, low, high, code_bytes, 5);
            for (size_t v = 0; v < kTileRows; v++) {
                const uint8_t *row = rows.data() + v * code_bytes;
                uint32_t start = 5 + (uint32_t)(3 * v);
                ASSERT_EQ(narrow[v], start + sum_by_definition(row, low.data(), nullptr, code_bytes))
                    << code_bytes;
                ASSERT_EQ(wide[v], start + sum_by_definition(row, low.data(), high.data(), code_bytes))
                    << code_bytes;
            }
        }
}

TEST_P(SimdTile, FastScanEqualsScalarForEveryRowCount)
{
    for (size_t rows = 0; rows <= 400; rows++) {
        Random random(rows);
        const size_t slack = rows % 5; // 0: the end is exact; otherwise misaligned
        Guarded<uint8_t> codes(random.bytes(32 * rows), slack), low(random.bytes(32 * rows), slack),
            high(random.bytes(32 * rows), slack);
        uint32_t start = (uint32_t)random.below(1 << 20);
        ASSERT_EQ(scan8(kernels(), codes, low, rows, start), scan8(scalar(), codes, low, rows, start))
            << rows;
        ASSERT_EQ(scan16(kernels(), codes, low, high, rows, start),
                  scan16(scalar(), codes, low, high, rows, start))
            << rows;
    }
}

TEST_P(SimdTile, FastScanOfLargestEntriesDoesNotOverflow)
{
    for (size_t rows : {127, 128, 129, 130, 255, 256, 257, 258, 511, 513, 2000, 16001}) {
        Guarded<uint8_t> codes(Random(rows).bytes(32 * rows)), full(32 * rows);
        std::memset(full.data(), 255, 32 * rows);
        Sums narrow = scan8(kernels(), codes, full, rows, 0),
             wide = scan16(kernels(), codes, full, full, rows, 0);
        for (uint32_t v = 0; v < kTileRows; v++) {
            ASSERT_EQ(narrow[v], 3 * v + 2 * 255 * rows) << rows;
            ASSERT_EQ(wide[v], (uint32_t)(3 * v + 2 * 65535 * rows)) << rows;
        }
    }
}

TEST_P(SimdTile, BitPlanesDotByDefinition)
{
    for (size_t bytes : lengths(1))
        for (unsigned nplanes : {1u, 2u, 4u, 7u, 8u, 16u}) {
            if (bytes > 4099)
                continue;
            Random random(bytes * 17 + nplanes);
            std::vector<uint8_t> code = random.bytes(bytes), planes = random.bytes(bytes * nplanes);
            if (bytes % 3 == 0) // every bit set: the largest counts
                code.assign(bytes, 255), planes.assign(bytes * nplanes, 255);
            uint32_t expected = 0;
            for (unsigned p = 0; p < nplanes; p++)
                for (size_t i = 0; i < bytes; i++)
                    expected += (uint32_t)std::popcount((unsigned)(code[i] & planes[p * bytes + i])) << p;
            Guarded<uint8_t> guarded_code(code), guarded_planes(planes, 0);
            ASSERT_EQ(kernels().bit_planes_dot(guarded_code.data(), guarded_planes.data(), bytes, nplanes),
                      expected)
                << bytes << " bytes, " << nplanes << " planes";
        }
}

// Keys all over, close to the border and on it, for borders that are the least and the greatest numbers, too.
TEST_P(SimdTile, KeysWithinAreThose)
{
    Random random(5);
    constexpr uint64_t kMost = ~(uint64_t)0, kMiddle = (uint64_t)1 << 63;
    auto any = [&] {
        return (uint64_t)random.below(1 << 30) << 34 ^ (uint64_t)random.below(1 << 30) << 10 ^
               random.below(1024);
    };
    for (size_t n = 0; n <= kTileRows; n++)
        for (int round = 0; round < 40; round++) {
            uint64_t low = round % 5 == 0 ? 0 : round % 5 == 1 ? kMiddle - 1 : any();
            uint64_t high = round % 7 == 0 ? kMost : round % 7 == 1 ? low : any();
            if (low > high)
                std::swap(low, high);
            Guarded<uint64_t> keys(n, (size_t)round % 4);
            uint32_t expected = 0;
            for (size_t v = 0; v < n; v++) {
                const uint64_t values[] = {any(), low, high, low - 1, high + 1, 0, kMost, kMiddle};
                keys.set(v, values[random.below(std::size(values))]);
                expected |= (uint32_t)(keys[v] >= low && keys[v] <= high) << v;
            }
            ASSERT_EQ(kernels().keys_within(keys.data(), n, low, high), expected)
                << n << " keys, " << low << " to " << high;
        }
}

// Inputs of tile_bounds; arrays of exactly n entries, at the unreadable page.
struct Bounds
{
    Bounds(size_t n, size_t slack, bool of_several_lists, Random &random)
        : n(n), of_several_lists(of_several_lists), add(n, slack), scale(n, slack), err(n, slack),
          acc(kTileRows, slack), list_adds(n, slack), list_errs(n, slack)
    {
        for (size_t v = 0; v < n; v++) {
            add.set(v, random.real());
            scale.set(v, (uint16_t)(std::bit_cast<uint32_t>(random.real()) >> 16));
            err.set(v, (uint16_t)(std::bit_cast<uint32_t>(std::fabs(random.real())) >> 16));
            list_adds.set(v, random.real());
            list_errs.set(v, std::fabs(random.real()));
        }
        for (size_t v = 0; v < kTileRows; v++)
            acc.set(v, (uint32_t)random.below(v % 4 ? 200000 : 0x7FFFFFFF));
        mul = random.real() * 1e-4f, offset = random.real(), list_add = random.real();
        list_err = std::fabs(random.real()), threshold = random.real();
    }
    uint32_t run(const Kernels &k, std::vector<float> &lower)
    {
        Guarded<float> out(kTileRows);
        const TileBounds bounds = {.acc = acc.data(),
                                   .add = add.data(),
                                   .scale = scale.data(),
                                   .err = err.data(),
                                   .rows = n,
                                   .mul = mul,
                                   .offset = offset,
                                   .list_add = list_add,
                                   .error_width = list_err,
                                   .threshold = threshold,
                                   .list_adds = of_several_lists ? list_adds.data() : nullptr,
                                   .error_widths = of_several_lists ? list_errs.data() : nullptr};
        uint32_t mask = k.tile_bounds(bounds, out.data());
        lower.clear();
        for (size_t v = 0; v < n; v++)
            lower.push_back(out[v]);
        return mask;
    }
    // The formula, one rounding at a time: volatile keeps the compiler from any other order.
    float by_definition(size_t v)
    {
        volatile float product = mul * (float)acc[v];
        volatile float inner = product + offset;
        volatile float scaled = std::bit_cast<float>((uint32_t)scale[v] << 16) * inner;
        volatile float base = add[v] + (of_several_lists ? list_adds[v] : list_add);
        volatile float estimate = base + scaled;
        volatile float margin =
            (of_several_lists ? list_errs[v] : list_err) * std::bit_cast<float>((uint32_t)err[v] << 16);
        volatile float bound = estimate - margin;
        return bound;
    }
    size_t n;
    bool of_several_lists;
    Guarded<float> add;
    Guarded<uint16_t> scale, err;
    Guarded<uint32_t> acc;
    Guarded<float> list_adds, list_errs;
    float mul, offset, list_add, list_err, threshold;
};

void expect_same_bits(const std::vector<float> &a, const std::vector<float> &b)
{
    for (size_t v = 0; v < a.size(); v++)
        ASSERT_TRUE((std::isnan(a[v]) && std::isnan(b[v])) ||
                    std::bit_cast<uint32_t>(a[v]) == std::bit_cast<uint32_t>(b[v]))
            << a[v] << " is not " << b[v] << " in row " << v << " of " << a.size();
}

TEST_P(SimdTile, BoundsAreTheFormulaBitForBit)
{
    Random random(1);
    for (int round = 0; round < 40; round++)
        for (size_t n = 1; n <= kTileRows; n++) {
            Bounds bounds(n, (size_t)round % 3, round % 2 == 1, random);
            std::vector<float> lower, expected;
            uint32_t mask = bounds.run(kernels(), lower), expected_mask = 0;
            for (size_t v = 0; v < n; v++) {
                expected.push_back(bounds.by_definition(v));
                expected_mask |= (uint32_t)(expected[v] < bounds.threshold) << v;
            }
            expect_same_bits(lower, expected);
            ASSERT_EQ(mask, expected_mask) << n;
        }
}

TEST_P(SimdTile, BoundsWithNanAndInfinity)
{
    const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    Random random(2);
    for (float special : {inf, -inf, nan, 0.0f, -0.0f, 3e38f, 1e-45f})
        for (int place = 0; place < 7; place++)
            for (size_t n : {1, 7, 16, 31, 32}) {
                Bounds bounds(n, 0, place == 5, random);
                float *scalars[] = {&bounds.mul, &bounds.offset, &bounds.list_add, &bounds.list_err,
                                    &bounds.threshold};
                if (place < 5)
                    *scalars[place] = special;
                else if (place == 5)
                    bounds.add.set(n / 2, special);
                else
                    bounds.scale.set(n - 1, (uint16_t)(std::bit_cast<uint32_t>(special) >> 16));
                std::vector<float> lower, expected;
                uint32_t mask = bounds.run(kernels(), lower);
                ASSERT_EQ(mask, bounds.run(scalar(), expected)) << special << " in " << place;
                expect_same_bits(lower, expected);
                for (size_t v = 0; v < n; v++)
                    ASSERT_FALSE(std::isnan(lower[v]) && (mask >> v & 1)) << "a NaN passed";
            }
}

} // namespace

// --- the layout itself ---

TEST(Tile, PackAndUnpackRoundTripForEveryRowAndByteCount)
{
    for (size_t code_bytes = 1; code_bytes <= 70; code_bytes++)
        for (size_t n = 1; n <= kTileRows; n++) {
            const size_t stride = code_bytes + n % 3 * 8;
            Guarded<uint8_t> rows(Random(code_bytes * 64 + n).bytes((n - 1) * stride + code_bytes));
            Guarded<uint8_t> tile(tile_code_bytes(code_bytes)), row(code_bytes);
            std::memset(tile.data(), 0xAA, tile.size());
            tile_pack(rows.data(), stride, n, code_bytes, tile.data());
            for (size_t v = 0; v < kTileRows; v++) {
                tile_unpack(tile.data(), v, code_bytes, row.data());
                for (size_t b = 0; b < code_bytes; b++)
                    ASSERT_EQ(row[b], v < n ? rows[v * stride + b] : 0) << code_bytes << " bytes, row " << v;
            }
            EXPECT_TRUE(tile.intact() && row.intact());
        }
}

TEST(Tile, BytesLieAsDrawn)
{
    // Row 3 has column 0 = 0x1, column 1 = 0x2; row 19 has column 0 = 0x4, column 1 = 0x8.
    uint8_t rows[32] = {}, tile[32];
    rows[3] = 0x21, rows[19] = 0x84;
    tile_pack(rows, 1, 32, 1, tile);
    for (int j = 0; j < 32; j++)
        EXPECT_EQ(tile[j], j == 3 ? 0x41 : j == 19 ? 0x82 : 0) << j;
}

} // namespace vq::simd
