#include "core/rq_coordinates.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace vq {

using namespace rq;

namespace {

constexpr float kTiny = 1e-30f; // a codeword without a larger coordinate is zero

// Distance of two levels that leaves least of a standard Gaussian: [Max] of docs/formulas.md, table II.
float best_step(uint32_t bits) noexcept
{
    return bits == 1 ? 1.596f : bits == 2 ? 0.9957f : 0.3352f;
}

size_t layer_coordinates(const CodecOptions &o) noexcept
{
    return 64 * blocks((size_t)o.value[ResidualQuantizer::kCodewords]) * quads(o.dims);
}

size_t layer_scales(const CodecOptions &o) noexcept
{
    return 16 * blocks((size_t)o.value[ResidualQuantizer::kCodewords]) * sizeof(float);
}

size_t layers_of(const CodecOptions &o) noexcept
{
    return (size_t)o.value[ResidualQuantizer::kLayers];
}

void pack_coordinates(const uint8_t *bytes, size_t n, uint32_t bits, uint8_t *to) noexcept
{
    const int most = most_level(bits);
    std::memset(to, 0, n * bits / 8);
    for (size_t i = 0; i < n; i++)
        to[i * bits / 8] |= (uint8_t)((bytes[i] - 128 + most) / 2 << i * bits % 8);
}

void unpack_coordinates(const uint8_t *from, size_t n, uint32_t bits, uint8_t *bytes) noexcept
{
    const int most = most_level(bits);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(128 + 2 * (from[i * bits / 8] >> i * bits % 8 & most) - most);
}

// Clears what is beyond a codeword's dimensions, or all of it if its scale is 0. Returns the sum of its levels' squares.
double clear_padding(uint8_t *bytes, size_t pitch, size_t dims, float scale) noexcept
{
    double squares = 0;
    for (size_t d = 0; d < 4 * quads(dims); d++) {
        uint8_t &byte = bytes[d / 4 * pitch + d % 4];
        if (scale == 0 || d >= dims)
            byte = 128;
        squares += (double)(byte - 128) * (byte - 128);
    }
    return squares;
}

} // namespace

namespace rq {

Rounding::Rounding(uint32_t bits, const float *c, size_t dims) noexcept : most_(most_level(bits))
{
    float most = 0;
    double squares = 0;
    for (size_t d = 0; d < dims; d++) {
        most = std::max(most, std::fabs(c[d]));
        squares += (double)c[d] * c[d];
    }
    const double step = most_ == 0 ? most / 127 : best_step(bits) * std::sqrt(squares / (double)dims);
    unit_ = most > kTiny ? (float)step : 0;
    inverse_ = unit_ > 0 ? 1 / unit_ : 0;
}

int Rounding::level(float coordinate) const noexcept
{
    if (most_ == 0 || unit_ == 0)
        return (int)std::lrintf(coordinate * inverse_);
    return std::clamp(2 * (int)std::floor(coordinate * inverse_) + 1, -most_, most_);
}

float Rounding::scale(double along, double squares) const noexcept
{
    return most_ == 0 || squares == 0 ? unit_ : (float)(along / squares);
}

float codeword_norm_sq(double squares, float scale) noexcept
{
    return (float)(squares * scale * scale);
}

// A padding byte, 128, becomes some number: the query is zero there, or the codeword's scale.
void pack_books(const CodecOptions &o, uint8_t *image) noexcept
{
    const uint32_t bits = few_bits(o);
    const size_t codewords = (size_t)o.value[ResidualQuantizer::kCodewords], layers = layers_of(o);
    uint8_t *part = image + image_size(o.dims, layers, codewords);
    uint8_t *to = part + layers * layer_scales(o);
    std::memset(part, 0, packed_size(o.dims, layers, codewords, bits));
    for (size_t m = 0; m < layers; m++) {
        std::memcpy(part + m * layer_scales(o), image + image_size(o.dims, m, codewords), layer_scales(o));
        const uint8_t *bytes = image + image_size(o.dims, m + 1, codewords) - layer_coordinates(o);
        for (size_t b = 0; b < blocks(codewords); b++, to += packed_block_bytes(o.dims, bits))
            for (size_t q = 0; q < quads(o.dims); q++)
                for (size_t i = 0; i < 64; i++)
                    to[q * bits / 8 * 64 + i] |=
                        (uint8_t)((*bytes++ - 128 + most_level(bits)) / 2 << q * bits % 8);
    }
}

uint8_t random_coordinate(uint32_t bits, uint8_t random) noexcept
{
    if (bits == 0)
        return std::max(random, (uint8_t)1);
    return (uint8_t)(128 + 2 * (random >> (8 - bits)) - most_level(bits));
}

double random_coordinate_size(uint32_t bits) noexcept
{
    constexpr double kByte = 73.6; // of -127 .. 127
    return bits == 0 ? kByte : std::sqrt((std::pow(4, bits) - 1) / 3);
}

size_t stored_size(const CodecOptions &o, uint32_t bits) noexcept
{
    if (bits == 8)
        return image_size(o.dims, layers_of(o), (size_t)o.value[ResidualQuantizer::kCodewords]);
    return sizeof(RqImage) + layers_of(o) * (layer_scales(o) + layer_coordinates(o) * bits / 8);
}

} // namespace rq

size_t ResidualQuantizer::stored_bytes(const CodecOptions &options, size_t image_bytes) noexcept
{
    const uint32_t bits = few_bits(options);
    return bits == 0 ? image_bytes : stored_size(options, bits);
}

void ResidualQuantizer::pack(const CodecOptions &options, const uint8_t *image, size_t image_bytes,
                             uint8_t *stored) noexcept
{
    const uint32_t bits = few_bits(options);
    if (bits == 0)
        return StoredWhole::pack(options, image, image_bytes, stored);
    const RqImage &h = header(image);
    std::memcpy(stored, &h, sizeof h);
    stored += sizeof h;
    for (size_t m = 0; m < h.layers; m++) {
        std::memcpy(stored, scales(h, m), layer_scales(options));
        stored += layer_scales(options);
        pack_coordinates(book(h, m), layer_coordinates(options), bits, stored);
        stored += layer_coordinates(options) * bits / 8;
    }
}

// The header of a damaged index may say anything: sizes are those of the options.
void ResidualQuantizer::unpack(const CodecOptions &options, const uint8_t *stored, size_t image_bytes,
                               uint8_t *image) noexcept
{
    const uint32_t bits = few_bits(options);
    if (bits == 0)
        return StoredWhole::unpack(options, stored, image_bytes, image);
    std::memset(image, 0, image_bytes);
    const bool packed = image_bytes == ResidualQuantizer::image_bytes(options, 0);
    if (!packed && image_bytes != stored_size(options, 8))
        return; // valid() will refuse it
    const size_t codewords = (size_t)options.value[kCodewords], padded_codewords = 16 * blocks(codewords);
    std::memcpy(image, stored, sizeof(RqImage));
    stored += sizeof(RqImage);
    for (size_t m = 0; m < layers_of(options); m++) {
        float *scale = reinterpret_cast<float *>(image + image_size(options.dims, m, codewords)),
              *norm_sq = scale + padded_codewords;
        uint8_t *bytes = reinterpret_cast<uint8_t *>(norm_sq + padded_codewords);
        std::memcpy(scale, stored, layer_scales(options));
        stored += layer_scales(options);
        unpack_coordinates(stored, layer_coordinates(options), bits, bytes);
        stored += layer_coordinates(options) * bits / 8;
        for (size_t k = 0; k < padded_codewords; k++) {
            const double squares = clear_padding(bytes + k / 16 * 64 * quads(options.dims) + k % 16 * 4, 64,
                                                 options.dims, scale[k]);
            norm_sq[k] = k < codewords ? codeword_norm_sq(squares, scale[k]) : kNever;
        }
    }
    if (packed)
        pack_books(options, image);
}

} // namespace vq
