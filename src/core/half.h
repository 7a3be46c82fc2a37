// Conversions of bfloat16 and IEEE half, one value at a time (some in simd/half.h); the kernels have their own wide ones.
#pragma once

#include "simd/half.h"

#include <bit>
#include <cstdint>

namespace vq {

// Round to nearest even; a finite value too large for bfloat16 becomes the largest finite one, never infinity.
inline uint16_t float_to_bf16(float f) noexcept
{
    uint32_t u = std::bit_cast<uint32_t>(f);
    if ((u & 0x7F800000u) == 0x7F800000u)
        return (uint16_t)((u >> 16) | ((u & 0x007FFFFFu) ? 0x40u : 0u)); // infinity stays, NaN stays quiet
    uint32_t r = (u + 0x7FFFu + ((u >> 16) & 1u)) >> 16;
    return (uint16_t)((r & 0x7F80u) == 0x7F80u ? (r & 0x8000u) | 0x7F7Fu : r);
}

// Smallest bfloat16 >= f, for f >= 0 (error bounds must not shrink). Saturates at the largest finite value.
inline uint16_t float_to_bf16_up(float f) noexcept
{
    uint32_t u = std::bit_cast<uint32_t>(f);
    uint32_t r = (u + 0xFFFFu) >> 16;
    return (uint16_t)(r >= 0x7F80u ? 0x7F7Fu : r);
}

} // namespace vq
