// Weights of a residual quantizer's layers: how they are stored, and how they are fitted.
//
// A row's unit vector is near w_0 e_0 + w_1 e_1 + ... Codewords already have the length that suits their layer on average, so
// weights lie around 1 whatever the length of the row: a 16-bit float holds them. Each layer's own weight is stored. The paper
// stores its quotient to the weight of the layer before and multiplies down the layers; rounding errors then grow from layer
// to layer, and no layer can have weight 0 without ending the row.
//
// A code is a sequence of groups of one or two layers, so that codes and weights of a layer stand together in a tile. If there
// are two layers to a group and the number of layers is odd, half of the last group is unused.
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

// Wherever a weight is used it is a fixed-point number, so that tiles, rows and decoding give the same sums.
constexpr unsigned kWeightPoint = 12;                     // bits behind the point
constexpr float kWeightUnit = 1.0f / (1 << kWeightPoint); // of a fixed-point weight
constexpr uint32_t kMostFixed = (4 << kWeightPoint) - 1;  // a weight of nearly 4

struct RowGroup // a group of layers in a code with weights
{
    size_t layers;
    size_t codes; // bytes of the layers' codes; their weights follow
    size_t bytes; // of the whole group
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
// Writes the code of all layers: code_bytes bytes.
void write_layers(const RqImage &h, const uint8_t *codewords, const uint16_t *weights,
                  uint8_t *code) noexcept;

// From the bits of an IEEE half, as weights of 16 bits are stored, to a fixed-point number. Without branches, and in two steps,
// so that the compiler makes vector code of loops over many.
//
// The half itself if it is a weight. Bits that no weight has (4 or more, negative, infinite, not a number: of a damaged index)
// become the largest one.
constexpr uint16_t sound_half(uint16_t bits) noexcept
{
    constexpr uint16_t kMost = 0x43FF; // 4 - 2^-9
    return bits < kMost ? bits : kMost;
}
// The fixed-point number. Shifted up by 13 places, the bits of a half that is not negative are those of a float with the same
// fraction, but with an exponent too small by 112, because the exponents of halfs and floats are stored plus 15 and plus 127.
// The factor is 2^112 for that, times 2^kWeightPoint.
constexpr int16_t fixed_half(uint16_t sound) noexcept
{
    return (int16_t)(int32_t)(std::bit_cast<float>((uint32_t)sound << 13) * 0x1p124f + 0.5f);
}
static_assert(kWeightPoint == 12 && fixed_half(0x3C00) == 1 << kWeightPoint &&
              fixed_half(sound_half(0xFFFF)) <= (int)kMostFixed);

// The fixed-point number of a stored weight, whatever its bits: at most kMostFixed.
uint32_t fixed_weight(uint32_t weight_bits, uint32_t stored) noexcept;
// Those of all stored weights of 4 bits (16 of them) or 8 bits (256).
const uint16_t *fixed_weights(uint32_t weight_bits) noexcept;

// The weights to be stored: those that bring the sum of weighted codewords nearest to a unit vector. left: the vector less the
// sum of the codewords without weights, 4 * quads floats.
void fit_weights(const RqImage &h, const uint8_t *codewords, const float *left, uint16_t *weights) noexcept;

// sum += weight * codeword. sum: dims floats.
void add_codeword(const RqImage &h, size_t layer, size_t k, float weight, float *sum) noexcept;

} // namespace vq::rq
