// Cuts vectors into two halves, so that near ones are in the same half mostly: 2-means whose clusters must be of a given size.
// Done over and over it brings vectors into an order in which neighbours are near each other.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vq {

// A vector and how far it lies along the direction of the cut.
struct AlongCut
{
    float key;
    uint32_t row;
};

// Floats of scratch that cut_in_halves needs.
constexpr size_t halves_scratch_floats(size_t dims) noexcept
{
    return 3 * dims;
}

// Brings those `left` of the n vectors that lie on one side to the front. which[i].row: their rows in `rows` (dims floats each,
// finite); keys are overwritten. n >= 2, 0 < left < n. The caller owns all memory. Deterministic.
void cut_in_halves(const float *rows, size_t dims, AlongCut *which, size_t n, size_t left,
                   float *scratch) noexcept;

} // namespace vq
