// IEEE half, and bfloat16 to float, one value at a time. For files built for every CPU only: the level files have their own.
#pragma once

#include <bit>
#include <cstdint>

namespace vq {

inline float bf16_to_float(uint16_t h) noexcept
{
    return std::bit_cast<float>((uint32_t)h << 16);
}

inline float half_to_float(uint16_t h) noexcept
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 0x1Fu, fraction = h & 0x3FFu;
    if (exponent == 0x1F) // infinity or NaN; the payload stays, quiet
        return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13 | (fraction ? 0x00400000u : 0u));
    if (exponent == 0) // zero or subnormal: fraction * 2^-24, exact in float
        return std::bit_cast<float>(std::bit_cast<uint32_t>((float)fraction * 0x1p-24f) | sign);
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

// Round to nearest even; values beyond +-65504 saturate to it (they never become infinite).
inline uint16_t float_to_half(float f) noexcept
{
    uint32_t bits = std::bit_cast<uint32_t>(f), sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u) // NaN: quiet, upper payload kept
        return (uint16_t)(sign | 0x7E00u | (magnitude >> 13 & 0x3FFu));
    if (magnitude >= 0x477FE000u) // 65504 and beyond, infinity included
        return (uint16_t)(sign | 0x7BFFu);
    if (magnitude < 0x38800000u) // below 2^-14: a subnormal half
    {
        // A float between 1/2 and 1 has units of 2^-24, as a subnormal half has: so adding 1/2 rounds to nearest even.
        float sum = std::bit_cast<float>(magnitude) + 0.5f;
        return (uint16_t)(sign | (std::bit_cast<uint32_t>(sum) - 0x3F000000u));
    }
    uint32_t rounded = magnitude + 0xFFFu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign |
                      ((rounded - 0x38000000u) >> 13)); // at most 0x7BFF: the limit above is the largest half
}

} // namespace vq
