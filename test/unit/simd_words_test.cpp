// Products with a matrix of 16-bit words: every level gives their sums.
#include "simd_levels.h"

#include <limits>

namespace vq::simd {

namespace {

class SimdWords : public EveryLevel
{
protected:
    struct Shape
    {
        size_t nx, stride, blocks, pairs, out_stride;
    };
    static std::vector<int16_t> words(Random &random, size_t n, int most)
    {
        std::vector<int16_t> v(n);
        for (int16_t &w : v)
            w = (int16_t)((int)random.below(2 * (size_t)most + 1) - most);
        return v;
    }
    static std::vector<uint8_t> bytes_of(const std::vector<int16_t> &words)
    {
        std::vector<uint8_t> bytes(2 * words.size());
        std::memcpy(bytes.data(), words.data(), bytes.size());
        return bytes;
    }
    // Against sums of the definition; book: bytes of `m`.
    void check(const Shape &s, const std::vector<int16_t> &x, const std::vector<int16_t> &m, size_t slack)
    {
        Guarded<int16_t> from(x, slack);
        Guarded<uint8_t> book(bytes_of(m), slack);
        Guarded<int32_t> out((s.nx - 1) * s.out_stride + 16 * s.blocks, slack);
        kernels().word_dots(from.data(), s.nx, s.stride, book.data(), s.blocks, s.pairs, out.data(),
                            s.out_stride);
        ASSERT_TRUE(out.intact());
        for (size_t i = 0; i < s.nx; i++)
            for (size_t k = 0; k < 16 * s.blocks; k++) {
                int64_t sum = 0;
                for (size_t d = 0; d < 2 * s.pairs; d++)
                    sum += (int64_t)x[i * s.stride + d] *
                           m[k / 16 * 32 * s.pairs + d / 2 * 32 + k % 16 * 2 + d % 2];
                ASSERT_EQ(out[i * s.out_stride + k], (int32_t)(uint32_t)sum)
                    << s.nx << " rows, " << s.blocks << " blocks, " << s.pairs << " pairs: row " << i << ", "
                    << k;
            }
    }
};
VQ_EVERY_LEVEL(SimdWords);

TEST_P(SimdWords, AreTheProductsOfWords)
{
    for (size_t nx : {1, 2, 3, 4, 5, 6, 9, 10, 13, 80, 83})
        for (size_t blocks : {1, 2, 3, 4, 5, 7, 16, 33})
            for (size_t pairs : {1, 2, 3, 4, 7, 15, 16, 17, 96, 97}) {
                if (nx * blocks * pairs > 20000)
                    continue;
                Random random(nx * 1000 + blocks * 100 + pairs);
                const Shape s = {nx, 2 * pairs + nx % 3, blocks, pairs, 16 * blocks + nx % 2};
                const auto x = words(random, (nx - 1) * s.stride + 2 * pairs, 1024),
                           m = words(random, 32 * blocks * pairs, 2000);
                ASSERT_NO_FATAL_FAILURE(check(s, x, m, pairs % 4));
            }
}

// A damaged image may hold any words: sums wrap at every level alike.
TEST_P(SimdWords, SumsWrap)
{
    constexpr int16_t least = std::numeric_limits<int16_t>::min(), most = std::numeric_limits<int16_t>::max();
    for (int16_t a : {least, most})
        for (int16_t b : {least, most})
            for (size_t pairs : {1, 2, 3, 700}) {
                const Shape s = {2, 2 * pairs, 1, pairs, 16};
                ASSERT_NO_FATAL_FAILURE(
                    check(s, std::vector<int16_t>(4 * pairs, a), std::vector<int16_t>(32 * pairs, b), 0));
            }
}

} // namespace

} // namespace vq::simd
