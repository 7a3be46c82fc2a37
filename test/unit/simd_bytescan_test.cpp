// Kernels of codes and codewords of bytes: every level gives the scalar table's sums, and the scalar table the
// definition's.
#include "core/tile.h"
#include "simd_levels.h"

#include <array>

namespace vq::simd {

namespace {

class SimdByteScan : public EveryLevel
{
protected:
    using Sums = std::array<uint32_t, kTileRows>;

    Sums scan(const Kernels &k, Guarded<uint8_t> &codes, Guarded<uint8_t> &lut, size_t rows, uint32_t start)
    {
        Guarded<uint32_t> acc(kTileRows, start % 4);
        for (size_t v = 0; v < kTileRows; v++)
            acc.set(v, start + (uint32_t)(3 * v));
        k.bytescan8(codes.data(), lut.data(), rows, acc.data());
        EXPECT_TRUE(acc.intact());
        Sums out;
        for (size_t v = 0; v < kTileRows; v++)
            out[v] = acc[v];
        return out;
    }
};
VQ_EVERY_LEVEL(SimdByteScan);

TEST_P(SimdByteScan, PackedRowsSumTheirEntries)
{
    for (size_t code_bytes : lengths(0))
        if (code_bytes <= 400) {
            Random random(code_bytes);
            const std::vector<uint8_t> rows = random.bytes(32 * code_bytes);
            Guarded<uint8_t> lut(random.bytes(256 * code_bytes)), tile(tile_code_bytes(code_bytes));
            tile_pack(rows.data(), code_bytes, 32, code_bytes, tile.data());
            const Sums sums = scan(kernels(), tile, lut, code_bytes, 5);
            for (size_t v = 0; v < kTileRows; v++) {
                uint32_t expected = 5 + (uint32_t)(3 * v);
                for (size_t b = 0; b < code_bytes; b++)
                    expected += lut[256 * b + rows[v * code_bytes + b]];
                ASSERT_EQ(sums[v], expected) << code_bytes << " bytes, row " << v;
            }
        }
}

// Every code in every row: each entry of the table, by every lane.
TEST_P(SimdByteScan, EveryCodeFindsItsEntry)
{
    Random random(1);
    Guarded<uint8_t> lut(random.bytes(256)), tile(tile_code_bytes(1));
    for (size_t first = 0; first < 256; first++) {
        std::vector<uint8_t> rows;
        for (size_t v = 0; v < kTileRows; v++)
            rows.push_back((uint8_t)(first + 8 * v));
        tile_pack(rows.data(), 1, 32, 1, tile.data());
        const Sums sums = scan(kernels(), tile, lut, 1, 0);
        for (uint32_t v = 0; v < kTileRows; v++)
            ASSERT_EQ(sums[v], 3 * v + lut[rows[v]]) << "code " << (int)rows[v] << ", row " << v;
    }
}

TEST_P(SimdByteScan, EqualsScalarForEveryRowCount)
{
    for (size_t rows = 0; rows <= 600; rows += rows < 300 ? 1 : 7) {
        Random random(rows);
        const size_t slack = rows % 5; // 0: the end is exact; otherwise misaligned
        Guarded<uint8_t> codes(random.bytes(32 * rows), slack), lut(random.bytes(256 * rows), slack);
        const uint32_t start = (uint32_t)random.below(1 << 20);
        ASSERT_EQ(scan(kernels(), codes, lut, rows, start), scan(scalar(), codes, lut, rows, start)) << rows;
    }
}

TEST_P(SimdByteScan, LargestEntriesDoNotOverflow)
{
    for (size_t rows : {255, 256, 257, 258, 259, 511, 512, 513, 770, 4000}) {
        Guarded<uint8_t> codes(Random(rows).bytes(32 * rows)), full(256 * rows);
        std::memset(full.data(), 255, 256 * rows);
        const Sums sums = scan(kernels(), codes, full, rows, 0);
        for (uint32_t v = 0; v < kTileRows; v++)
            ASSERT_EQ(sums[v], 3 * v + 255 * rows) << rows;
    }
}

class SimdByteDots : public EveryLevel
{
protected:
    struct Shape
    {
        size_t rows, stride, blocks, block_stride, quads, out_stride;
    };
    std::vector<int32_t> dots(const Kernels &k, const Shape &s, Guarded<int8_t> &x, Guarded<uint8_t> &book,
                              size_t slack)
    {
        Guarded<int32_t> out((s.rows - 1) * s.out_stride + 16 * s.blocks, slack);
        k.byte_dots(x.data(), s.rows, s.stride, book.data(), s.blocks, s.block_stride, s.quads, out.data(),
                    s.out_stride);
        EXPECT_TRUE(out.intact());
        std::vector<int32_t> all;
        for (size_t i = 0; i < out.size(); i++)
            all.push_back(out[i]);
        return all;
    }
    static std::vector<int8_t> signed_bytes(Random &random, size_t n)
    {
        std::vector<int8_t> v(n);
        for (int8_t &b : v)
            b = (int8_t)((int)random.below(255) - 127);
        return v;
    }
};
VQ_EVERY_LEVEL(SimdByteDots);

TEST_P(SimdByteDots, AreTheProductsOfBytes)
{
    for (size_t rows : {1, 2, 3, 4, 5, 6, 9, 10, 13, 80, 83})
        for (size_t blocks : {1, 2, 3, 4, 5, 7, 16, 33})
            for (size_t quads : {1, 2, 3, 4, 7, 15, 16, 17, 96, 97}) {
                if (rows * blocks * quads > 20000)
                    continue;
                Random random(rows * 1000 + blocks * 100 + quads);
                const Shape s = {rows,  4 * quads + rows % 3,  blocks, 64 * quads + blocks * 5 % 128,
                                 quads, 16 * blocks + rows % 2};
                Guarded<int8_t> x(signed_bytes(random, (rows - 1) * s.stride + 4 * quads), quads % 4);
                Guarded<uint8_t> book(random.bytes((blocks - 1) * s.block_stride + 64 * quads), blocks % 4);
                const std::vector<int32_t> got = dots(kernels(), s, x, book, quads % 4);
                for (size_t i = 0; i < rows; i++)
                    for (size_t k = 0; k < 16 * blocks; k++) {
                        int32_t expected = 0;
                        for (size_t d = 0; d < 4 * quads; d++)
                            expected +=
                                x[i * s.stride + d] *
                                (book[s.block_stride * (k / 16) + 64 * (d / 4) + 4 * (k % 16) + d % 4] - 128);
                        ASSERT_EQ(got[i * s.out_stride + k], expected)
                            << rows << " rows, " << blocks << " blocks, " << quads << " quads: row " << i
                            << ", codeword " << k;
                    }
            }
}

TEST_P(SimdByteDots, LargestValuesDoNotOverflow)
{
    const size_t quads = 4096;
    for (int8_t value : {127, -127})
        for (uint8_t byte : {0, 255}) {
            Guarded<int8_t> x(2 * 4 * quads);
            Guarded<uint8_t> book(64 * quads);
            std::memset(x.data(), value, x.size());
            std::memset(book.data(), byte, book.size());
            for (int32_t dot : dots(kernels(), {2, 4 * quads, 1, 0, quads, 16}, x, book, 0))
                ASSERT_EQ(dot, 4 * (int32_t)quads * value * (byte - 128));
        }
}

} // namespace

} // namespace vq::simd
