// Residual quantizer: the best continuations of the beginnings of a row's code, by their scores.
#pragma once

#include "core/rq_image.h"

namespace vq::rq {

struct Candidate // a beginning of a code, one layer longer
{
    uint16_t parent;
    uint16_t codeword;
};

constexpr size_t kSorted = 16; // floats that simd::Kernels::order16 sorts

// The best continuations of one row's beginnings, the nearest first; of equals, those in order of beginning and codeword.
struct Best
{
    size_t count;
    Candidate found[kBeam];
};

// The `wanted` best of `count` beginnings with all codewords of a layer. least: for j = 0..15, the smallest score of the codewords
// k with k % 16 = j, of all beginnings.
Best best_of_scores(const RqImage &h, const float *score, const float least[kSorted], size_t count,
                    size_t wanted) noexcept;

} // namespace vq::rq
