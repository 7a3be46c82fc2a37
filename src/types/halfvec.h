// The halfvec type: a vector of IEEE halfs.
#pragma once

#include "core/half.h"
#include "types/vector.h"

namespace vq {

struct HalfElement
{
    using Stored = uint16;
    static constexpr const char *kType = "halfvec";
    static constexpr float kTooLarge = 65520; // from here on the nearest half would be 65536

    static float value(uint16 stored) { return half_to_float(stored); }
    static uint16 nearest(float value)
    {
        if (std::fabs(value) >= kTooLarge)
            return std::signbit(value) ? 0xFC00 : 0x7C00;
        return float_to_half(value);
    }
};

using HalfVector = DenseVector<HalfElement>;
static_assert(offsetof(HalfVector, dim) == 4 && offsetof(HalfVector, x) == 8 && sizeof(HalfVector) == 8);
static_assert(std::is_trivially_copyable_v<HalfVector>);

} // namespace vq
