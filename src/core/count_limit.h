// Where to cut an array of numbers so that about so many are below: by counting how many a limit leaves, for limits closer and closer. Counting
// takes vector instructions and no branch that depends on the numbers, so that is several times as fast as a selection that moves them.
#pragma once

#include <cstddef>

namespace vq {

constexpr size_t kCountedTogether = 16; // by Kernels::count_at_most

// Numbers that an array of n has to have room for: those behind the n are overwritten.
constexpr size_t count_limit_room(size_t n)
{
    return (n + kCountedTogether - 1) / kCountedTogether * kCountedTogether;
}

// x: n >= 1 numbers, none of which is NaN or infinity. 1 <= least <= most <= n. Finds a *limit that at least `least` and at most `most` of them
// do not exceed. False where equal numbers leave none.
[[nodiscard]] bool count_limit(float *x, size_t n, size_t least, size_t most, float *limit) noexcept;

} // namespace vq
