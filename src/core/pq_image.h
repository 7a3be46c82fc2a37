// The image of a trained product quantizer, as its parts share it.
//
//   PqImage | codebook: for each subspace 16 half squared norms, then its dimensions x 16 coordinates | rotation
//
// One coordinate of the 16 centroids lies side by side, so that a vector register holds all sixteen. Parts begin at multiples
// of 64 bytes.
#pragma once

#include "core/pca_rotation.h"
#include "core/product_quantizer.h"
#include "core/residual.h"
#include "core/rotation.h"

namespace vq::pq {

constexpr size_t kCentroids = 16;
constexpr uint32_t kMaxSubDims = 8;

struct PqImage
{
    static constexpr uint32_t kMagic = 0x32345150; // "PQ42"

    uint32_t magic;
    uint32_t dims;
    uint32_t space_dims;
    uint32_t sub_dims;
    uint32_t rotation;     // ProductQuantizer::Rotation
    float threshold;       // T of the score-aware loss, 0 = off
    float parallel_weight; // eta
    float typical_norm;    // of training residuals; 0: every residual is brought to sqrt(space_dims)
    float scale_per_error; // RowCode::scale / RowCode::sigma, which 99 of 100 rows do not exceed
    uint32_t unused[7];
};
static_assert(sizeof(PqImage) == 64);

inline const PqImage &header(const uint8_t *image) noexcept
{
    return *reinterpret_cast<const PqImage *>(image);
}

constexpr size_t columns(size_t space_dims, size_t sub_dims) noexcept
{
    return (space_dims + sub_dims - 1) / sub_dims;
}

// Dimensions of subspace j.
inline size_t width(const PqImage &h, size_t j) noexcept
{
    const size_t left = h.space_dims - j * h.sub_dims;
    return left < h.sub_dims ? left : h.sub_dims;
}

constexpr size_t codebook_floats(size_t space_dims, size_t sub_dims) noexcept
{
    return kCentroids * (space_dims + columns(space_dims, sub_dims));
}

// Half norms, then coordinates, of subspace j.
inline const float *codebook(const PqImage &h, size_t j) noexcept
{
    return reinterpret_cast<const float *>(&h + 1) + kCentroids * (j + j * h.sub_dims);
}

inline const uint8_t *rotation(const PqImage &h) noexcept
{
    return reinterpret_cast<const uint8_t *>(&h + 1) +
           padded(codebook_floats(h.space_dims, h.sub_dims) * sizeof(float));
}

inline size_t rotation_part(uint32_t kind, size_t dims) noexcept
{
    return kind == ProductQuantizer::kTrained ? pca_rotation_bytes(dims)
                                              : rotation_bytes(rotation_dims(dims));
}

inline size_t space_dims_of(uint32_t kind, size_t dims) noexcept
{
    return kind == ProductQuantizer::kRandom ? rotation_dims(dims) : dims;
}

inline size_t image_size(uint32_t kind, size_t dims, size_t sub_dims) noexcept
{
    return sizeof(PqImage) + padded(codebook_floats(space_dims_of(kind, dims), sub_dims) * sizeof(float)) +
           rotation_part(kind, dims);
}

// eta = (D - 1) T^2 / (1 - T^2) for a threshold T relative to the direction's norm.
inline float parallel_weight(size_t dims, float threshold) noexcept
{
    return (float)(dims - 1) * threshold * threshold / (1 - threshold * threshold);
}

// The factor that brings a residual of this length (> 0) to the one that codebooks are trained for. Residuals of half to twice
// that length stay as they are: centroids tell such lengths apart.
double gain(const PqImage &h, double norm) noexcept;

// Codes of one row under the image's loss, one a column. target: space_dims floats; direction likewise (used only
// where the threshold is not 0).
void choose_codes(const PqImage &h, const float *target, const float *direction, uint8_t *codes) noexcept;

// Trains one subspace: x holds n rows of `width` floats; block receives half norms and coordinates. codes: n bytes of
// scratch. n >= 1.
void train_codebook(const float *x, size_t n, size_t width, uint64_t seed, float *block,
                    uint8_t *codes) noexcept;

} // namespace vq::pq
