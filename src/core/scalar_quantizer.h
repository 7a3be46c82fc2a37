// Refine codes: SQ6, SQ8 (per-dimension range, trained on the build sample), FP16, BF16, FP32. A view over a flat image.
// Formulas: docs/formulas.md, Scalar quantizers.
//
// SQ decoding: x~_i = low_i + step_i * code_i. Training chooses low and step so that integer data with a range of at most 255
// (SQ8; 63 for SQ6) decodes without any loss: where every sampled value of every dimension is an integer, step is a
// whole number >= 1 and low is an integer. (A half-step offset would lose those: recall then stops below 1.)
// x~_i is the float low_i + (step_i * code_i), each operation rounded, no fused multiply-add.
#pragma once

#include "simd/kernels.h"

#include <cstddef>
#include <cstdint>

namespace vq {

using simd::Element;

// Image: for SQ6 and SQ8 low[dims] then step[dims] (floats); empty for the float formats.
constexpr size_t sq_image_bytes(Element e, size_t dims) noexcept
{
    return e == Element::SQ6 || e == Element::SQ8 ? 2 * dims * sizeof(float) : 0;
}

// Bytes of one code.
constexpr size_t sq_code_bytes(Element e, size_t dims) noexcept
{
    switch (e) {
    case Element::SQ6:
        return (6 * dims + 7) / 8;
    case Element::SQ8:
        return dims;
    case Element::FP16:
    case Element::BF16:
        return 2 * dims;
    case Element::FP32:
        break;
    }
    return 4 * dims;
}

// Trains the image on rows x dims floats (row-major, finite). rows == 0 gives low = -1, step = 2 / levels.
// The range is the sample's min..max widened by 1/64 of it on both sides, unless the data are integers (above): those get
// one range for all dimensions where the codes cover it, 0..levels if nothing is negative. A constant dimension has step 0.
void sq_train(Element e, size_t dims, const float *sample, size_t rows, float *image) noexcept;

// Whether an image (sq_image_bytes) can be decoded with: finite, and no step negative.
bool sq_valid(Element e, size_t dims, const float *image) noexcept;

// Encodes x (dims floats). Values outside the trained range clamp. Returns ||x - x~||_2, rounded up; 0 means lossless
// (x~ == x; only the sign of a zero may differ). Saturates at FLT_MAX. Writes exactly sq_code_bytes.
float sq_encode(Element e, size_t dims, const float *image, const float *x, uint8_t *code) noexcept;

void sq_decode(Element e, size_t dims, const float *image, const uint8_t *code, float *x) noexcept;

} // namespace vq
