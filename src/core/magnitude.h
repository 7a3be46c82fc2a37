// Scaling by powers of two, which rounds nothing: so squares and their sums neither overflow nor vanish, however large or
// small numbers are.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace vq {

constexpr uint32_t kInfinityBits = 0x7F800000;

// The largest of n floats' bits without their signs, and of `bits`. They order as magnitudes do, NaN above infinity.
inline uint32_t largest_bits(const float *x, size_t n, uint32_t bits = 0) noexcept
{
    for (size_t i = 0; i < n; i++)
        bits = std::max(bits, std::bit_cast<uint32_t>(x[i]) & 0x7FFFFFFFu);
    return bits;
}

inline bool all_finite(const float *x, size_t n) noexcept
{
    return largest_bits(x, n) < kInfinityBits;
}

// The power of two, 2^-126 to 2^126, that brings a magnitude into 1..2, or as near as it can. 1 for zero and what is not
// finite.
inline float scale_to_one(uint32_t bits) noexcept
{
    if (bits == 0 || bits >= kInfinityBits)
        return 1.0f;
    return std::ldexp(1.0f, std::clamp(-std::ilogb(std::bit_cast<float>(bits)), -126, 126));
}

} // namespace vq
