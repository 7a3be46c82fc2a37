// Weights of a residual quantizer's layers: how they are stored, and how they are fitted.
//
// A row is near w_0 e_0 + w_1 e_1 + ... with the layers' fixed ratios already in the codewords, so weights lie about 1
// whatever the row's length: no half can overflow. Stored is each layer's own weight. The paper stores the quotient to
// the layer before and multiplies down the layers, whose rounding errors then grow from layer to layer; fitted together,
// weights have no order, and a layer of weight 0 must not end the row.
//
// Bytes of a code: groups of one or two layers, whole ones also where the layers are odd, so that a tile's codes and
// weights of a layer stand together.
//
//   K > 16   16 bits  code | weight, low byte first           one layer
//             8 bits  code | weight                           one layer
//             4 bits  code | code | weights by nibbles        two layers
//   K <= 16  16 bits  codes by nibbles | weight | weight      two layers
//             8 bits  codes by nibbles | weight | weight      two layers
//             4 bits  codes by nibbles | weights by nibbles   two layers
#pragma once

#include "core/rq_image.h"

#include <bit>

namespace vq::rq {

// Wherever a weight is used it is a fixed-point number, so that the sums of a tile, of a row and decoding agree.
constexpr unsigned kWeightPoint = 12;                     // bits behind the point
constexpr float kWeightUnit = 1.0f / (1 << kWeightPoint); // of a fixed-point weight
constexpr uint32_t kMostFixed = (4 << kWeightPoint) - 1;  // a weight of nearly 4

struct RowGroup // of a code with weights
{
    size_t layers;
    size_t codes; // bytes of them; weights follow
    size_t bytes;
};

constexpr RowGroup row_group(size_t codewords, size_t weight_bits) noexcept
{
    const size_t layers = codewords > 16 && weight_bits > 4 ? 1 : 2, codes = codewords > 16 ? layers : 1;
    return {layers, codes, codes + layers * weight_bits / 8};
}
static_assert(row_group(16, 16).bytes <= kMostRowGroup);

// A layer's codeword and stored weight in a code.
struct WeightedLayer
{
    uint32_t codeword;
    uint32_t weight;
};
WeightedLayer read_layer(size_t codewords, size_t weight_bits, const uint8_t *code, size_t layer) noexcept;
// A layer's codeword in a code with or without weights.
inline size_t codeword_of(const RqImage &h, const uint8_t *code, size_t layer) noexcept
{
    if (h.weight_bits != 0)
        return read_layer(h.codewords, h.weight_bits, code, layer).codeword;
    return has_bytes(h) ? code[layer] : nibble(code, layer);
}
// The code of all layers; code_bytes.
void write_layers(const RqImage &h, const uint8_t *codewords, const uint16_t *weights,
                  uint8_t *code) noexcept;

// Of a half's bits, in two steps, so that loops over many have no branch: whatever is damaged becomes something less than
// 4; then, a positive half's bits being a float's, 13 places down, but for the bias of the exponent, 2^112 brings it back.
constexpr uint16_t sound_half(uint16_t bits) noexcept
{
    constexpr uint16_t kMost = 0x43FF; // 4 - 2^-9
    return bits < kMost ? bits : kMost;
}
constexpr int16_t fixed_half(uint16_t sound) noexcept
{
    return (int16_t)(int32_t)(std::bit_cast<float>((uint32_t)sound << 13) * 0x1p124f + 0.5f);
}
static_assert(kWeightPoint == 12 && fixed_half(0x3C00) == 1 << kWeightPoint &&
              fixed_half(sound_half(0xFFFF)) <= (int)kMostFixed);

// Of any stored weight, at most kMostFixed.
uint32_t fixed_weight(uint32_t weight_bits, uint32_t stored) noexcept;
// The same of all weights of 4 (16 of them) or 8 bits (256).
const uint16_t *fixed_weights(uint32_t weight_bits) noexcept;

// Weights to be stored: those that bring the codewords nearest to a unit vector. left: the vector less the codewords.
void fit_weights(const RqImage &h, const uint8_t *codewords, const float *left, uint16_t *weights) noexcept;

// sum += weight * codeword, dims floats.
void add_codeword(const RqImage &h, size_t layer, size_t k, float weight, float *sum) noexcept;

} // namespace vq::rq
