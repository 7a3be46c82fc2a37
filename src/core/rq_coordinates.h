// Residual quantizer: codewords whose coordinates are of fewer bits than a byte, for indexes of few rows, where codebooks of bytes
// would take more room than the rows, and for codebooks that are so large that a query would spend its time reading them.
//
// Of 1, 2 or 4 bits, coordinates are -most, .., -3, -1, 1, 3, .., most times the codeword's scale, with most = 2^bits - 1: the
// levels that leave least of a Gaussian. In memory they are bytes like others, so encoding does not differ, and once more in few bits, which
// a query reads: with 784 dimensions codebooks of bytes do not fit the second-level cache. What is stored is
//
//   RqImage | for each layer: scales of the codewords | coordinates, in the order of the bytes in the image, the first one low
//
// The squared norms follow from these.
#pragma once

#include "core/rq_image.h"

namespace vq::rq {

inline bool known_codeword_bits(uint32_t bits) noexcept
{
    return bits == 0 || bits == 1 || bits == 2 || bits == 4 || bits == 8;
}

// RqImage::codeword_bits.
inline uint32_t few_bits(const CodecOptions &options) noexcept
{
    const uint32_t bits = (uint32_t)options.value[ResidualQuantizer::kCodewordBits];
    return bits == 8 ? 0 : bits;
}

// How the coordinates of one codeword become whole numbers. bits: as RqImage::codeword_bits.
class Rounding
{
public:
    Rounding(uint32_t bits, const float *c, size_t dims) noexcept;
    int level(float coordinate) const noexcept;
    // squares, along: sums of squared levels, and of levels times coordinates.
    float scale(double along, double squares) const noexcept;

private:
    int most_; // of few bits; 0: a byte
    float unit_, inverse_;
};

// Of a codeword whose levels have that sum of squares.
float codeword_norm_sq(double squares, float scale) noexcept;

// The number i of a coordinate stands for the level 2 i - most_level.
constexpr int most_level(uint32_t bits) noexcept // 0 of bytes
{
    return bits == 0 ? 0 : (1 << bits) - 1;
}
// Makes the last part of an image that has it, from its bytes.
void pack_books(const CodecOptions &options, uint8_t *image) noexcept;

// A byte of the image from a random one, and the root of the mean square of what it says.
uint8_t random_coordinate(uint32_t bits, uint8_t random) noexcept;
double random_coordinate_size(uint32_t bits) noexcept;

// Bytes that codebooks of these options take, stored with so many bits (1, 2, 4 or 8).
size_t stored_size(const CodecOptions &options, uint32_t bits) noexcept;

} // namespace vq::rq
