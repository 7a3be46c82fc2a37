// The image of a trained residual quantizer, as its parts share it.
//
//   RqImage | for each layer: scales of the codewords | squared norms | bytes of the codewords || scales | coordinates in few bits
//
// The last part is there if coordinates take few bits (rq_coordinates.h): a query reads it instead of the bytes, which are several times as many.
// A codeword is scale * (byte - 128), or 0 where the scale is 0. Their bytes lie as simd::Kernels::byte_dots reads them, sixteen codewords side by
// side; where K is no multiple of 16, the last ones are zero with a norm that keeps them from being chosen. Parts begin
// at multiples of 64 bytes.
#pragma once

#include "core/residual.h"
#include "core/residual_quantizer.h"

namespace vq::rq {

constexpr uint32_t kLeastLayers = 2, kMostLayers = 96;
constexpr uint32_t kLeastCodewords = 16, kMostCodewords = 256;
constexpr size_t kBeam = 5;
constexpr size_t kMostTogether = 16; // rows that are encoded together
// Floats of the rows that are encoded together: enough for one row of kMaxDims. choose_codes keeps kBeam floats and kBeam bytes
// for each on the stack, 400 kB in all.
constexpr size_t kBatchFloats = 4 * ((kMaxDims + 3) / 4);
constexpr float kNever = 1e30f; // squared norm of a codeword that is only padding: never the nearest

struct RqImage
{
    static constexpr uint32_t kMagic = 0x31515652; // "RVQ1"

    uint32_t magic;
    uint32_t dims;
    uint32_t layers;         // M
    uint32_t codewords;      // K
    uint32_t trained_layers; // the first ones; the others are random
    float scale_per_error;   // RowCode::scale / RowCode::sigma, which 99 of 100 rows do not exceed
    uint32_t weight_bits;    // of a layer's weight, or 0: every weight is 1
    float weights_norm;      // root of the sum of a row's squared weights, which 99 of 100 rows do not exceed
    float mean_share;        // mean of ||r|| / RowCode::scale
    uint32_t training;       // ResidualQuantizer::Training
    float training_gain;     // share of what linear training leaves that kTrained took off
    uint32_t codeword_bits;  // of a coordinate of a codeword: 1, 2 or 4 (rq_coordinates.h); 0: a byte
    uint32_t packed;         // 1: coordinates are there in few bits, too; 0 of bytes, and before format 6
    uint32_t unused[3];
};
static_assert(sizeof(RqImage) == 64);

inline const RqImage &header(const uint8_t *image) noexcept
{
    return *reinterpret_cast<const RqImage *>(image);
}

// Blocks of sixteen codewords, and groups of four dimensions.
constexpr size_t blocks(size_t codewords) noexcept
{
    return (codewords + 15) / 16;
}
constexpr size_t quads(size_t dims) noexcept
{
    return (dims + 3) / 4;
}

constexpr size_t layer_bytes(size_t dims, size_t codewords) noexcept
{
    return blocks(codewords) * (2 * 16 * sizeof(float) + 64 * quads(dims));
}

constexpr size_t image_size(size_t dims, size_t layers, size_t codewords) noexcept
{
    return sizeof(RqImage) + layers * layer_bytes(dims, codewords);
}

// The last part, for coordinates of so many bits (0: there is none): scales of all codewords, then their coordinates, block after block. 64 bytes hold
// 8 / bits groups of four dimensions, as Kernels::few_bit_dots reads them.
constexpr size_t packed_block_bytes(size_t dims, uint32_t bits) noexcept
{
    return 64 * ((quads(dims) * bits + 7) / 8);
}
constexpr size_t packed_size(size_t dims, size_t layers, size_t codewords, uint32_t bits) noexcept
{
    return bits == 0 ? 0 : layers * blocks(codewords) * (16 * sizeof(float) + packed_block_bytes(dims, bits));
}

inline const float *scales(const RqImage &h, size_t layer) noexcept
{
    return reinterpret_cast<const float *>(reinterpret_cast<const uint8_t *>(&h + 1) +
                                           layer * layer_bytes(h.dims, h.codewords));
}
inline const float *norms_sq(const RqImage &h, size_t layer) noexcept
{
    return scales(h, layer) + 16 * blocks(h.codewords);
}
inline const uint8_t *book(const RqImage &h, size_t layer) noexcept
{
    return reinterpret_cast<const uint8_t *>(norms_sq(h, layer) + 16 * blocks(h.codewords));
}

inline const float *packed_scales(const RqImage &h) noexcept
{
    return reinterpret_cast<const float *>(reinterpret_cast<const uint8_t *>(&h) +
                                           image_size(h.dims, h.layers, h.codewords));
}
inline const uint8_t *packed_books(const RqImage &h) noexcept
{
    return reinterpret_cast<const uint8_t *>(packed_scales(h) + 16 * h.layers * blocks(h.codewords));
}

// Whether a layer's number of the codeword takes a byte of the code, else four bits. Codes with weights: see rq_weights.h.
inline bool has_bytes(const RqImage &h) noexcept
{
    return h.codewords > 16;
}
size_t code_bytes(const RqImage &h) noexcept;

// The four bytes of codeword k at dimension 4 * quad.
inline size_t place(const RqImage &h, size_t k, size_t quad) noexcept
{
    return k / 16 * 64 * quads(h.dims) + 64 * quad + k % 16 * 4;
}

// x -= a codeword, over 4 * quads floats (of which those from dims on are zero). Returns the squared norm of what is left.
float take_off(const RqImage &h, size_t layer, size_t k, const float *x, float *left) noexcept;

// Products of n rows of 4 * quads bytes with all layers' codewords, 16 * blocks of each: so many numbers a row.
void codeword_dots(const RqImage &h, const int8_t *rows, size_t n, int32_t *dots) noexcept;

// How many rows choose_codes takes at once, at most; at least 1.
size_t rows_together(const RqImage &h) noexcept;

// Chooses the codes of n (1..rows_together) unit vectors (4 * quads floats each, zero from dims on), one byte a layer; the best
// `wanted` (1..kBeam) beginnings survive a layer. The rows become what their codes leave. A row's codes do not depend on the
// other rows. tables: those of rq_products.h, or null.
void choose_codes(const RqImage &h, const void *tables, size_t n, float *rows, size_t wanted,
                  uint8_t *codes) noexcept;

// r / norm, zero up to a whole group of four dimensions.
void to_unit(const float *r, size_t dims, double norm, float *unit) noexcept;

// Writes the nearest codeword of one layer for each of n (1..kMostTogether) rows of 4 * quads floats. bytes: scratch, as many
// bytes.
void nearest_codewords(const RqImage &h, size_t layer, const float *rows, size_t n, int8_t *bytes,
                       uint8_t *codes) noexcept;

} // namespace vq::rq
