#include "core/radix_sort.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace vq {
namespace {

TEST(RadixSort, FloatsInOrder)
{
    constexpr float inf = std::numeric_limits<float>::infinity();
    const std::vector<float> ascending = {-inf, -3e38f, -1.5f,  -1.0f, -1e-38f, -1e-45f, -0.0f,
                                          0.0f, 1e-45f, 1e-38f, 1.0f,  1.5f,    3e38f,   inf};
    for (size_t i = 1; i < ascending.size(); i++)
        EXPECT_LT(ordered_bits(ascending[i - 1]), ordered_bits(ascending[i])) << ascending[i];
    EXPECT_GT(ordered_bits(std::nanf("")), ordered_bits(inf));
}

// By some bits alone, whatever the number of digits and keys: the same as a stable sort by comparisons.
template <class Key>
void expect_sorted(size_t n, unsigned low, unsigned bits, Key most)
{
    std::mt19937_64 random(n * 100 + low);
    std::vector<Key> keys(n), scratch(n);
    for (Key &key : keys)
        key = (Key)(random() % most);
    std::vector<Key> expected = keys;
    auto digit = [&](Key key) { return (uint64_t)key >> low & (bits == 64 ? ~0ull : (1ull << bits) - 1); };
    std::stable_sort(expected.begin(), expected.end(), [&](Key a, Key b) { return digit(a) < digit(b); });
    radix_sort(keys.data(), scratch.data(), n, low, bits);
    EXPECT_EQ(keys, expected) << n << " keys, " << bits << " bits from " << low;
}

TEST(RadixSort, LikeAStableSort)
{
    for (size_t n : {0, 1, 2, 3, 7, 48, 49, 64, 1000}) {
        expect_sorted<uint32_t>(n, 0, 16, 65536);
        expect_sorted<uint32_t>(n, 0, 32, 4000000000u);
        expect_sorted<uint32_t>(n, 0, 16, 3); // many alike
        expect_sorted<uint32_t>(n, 4, 9, 65536);
        expect_sorted<uint64_t>(n, 32, 32, ~0ull);
        expect_sorted<uint64_t>(n, 0, 64, ~0ull);
        expect_sorted<uint64_t>(n, 32, 32, 1ull << 40);
    }
}

} // namespace
} // namespace vq
