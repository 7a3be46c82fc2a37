// Product quantization with 16 centroids a subspace (4-bit codes, FastScan), trained rotation, score-aware loss and a
// scale a row: the codec of scann (docs/formulas.md, Product quantization).
//
//   y = P (x - m) with P as in core/pca_rotation.h; r = y - c; subspace j has 16 centroids; r~ concatenates the nearest
//   s = ||r||^2 / <r, r~>: the error r - s r~ has no component along r (Scale of a residual)
//   <q', r~> = sum over subspaces of table[j][code_j], entries of 8 bits in units of one step; the first sixteenth of the
//   subspaces, which have the widest axes, gets entries of 16 bits where they would make the step of all much coarser
//
// Score-aware (anisotropic) loss (of that name there), threshold T in [0, 0.9] relative to the direction's norm: the error
// parallel to the row's direction weighs eta = (D - 1) T^2 / (1 - T^2) times as much as the orthogonal one; codes by
// coordinate descent. T = auto takes the T among 0 .. 0.2 that leaves the least scaled error of some training rows.
//
// Without training rows (fewer than kMinTrainingRows): P is a random rotation (core/rotation.h), residuals are
// quantized at unit variance by centroids of a Gaussian, and the row's scale carries its length.
#pragma once

#include "core/codec.h"

namespace vq {

struct ProductQuantizer : NoFinerCode, NoSublists, NoShortfall, OwnOptions, StoredWhole
{
    static constexpr const char *kName = "pq4";
    static constexpr uint32_t kId = 2;
    static constexpr uint32_t kFirstFormat = 4; // before, rotations were of IEEE halfs

    // CodecOptions::value
    enum Option
    {
        kSubDims = 0,   // dimensions of a subspace, 1..8; the last one may be shorter; 0: to be chosen
        kThreshold = 1, // T in millionths, 0..900,000; kAuto
        kRotation = 2,  // Rotation; kRandom with enough training rows is for comparisons only
    };
    enum Rotation // stored in images
    {
        kTrained = 0,
        kRandom = 1
    };
    static constexpr int32_t kAuto = -1;
    static constexpr int32_t kUnitThreshold = 1'000'000; // T = 1
    static constexpr size_t kMinTrainingRows = 256;      // 16 a centroid

    static CodecOptions chosen_options(const CodecOptions &options, double rows) noexcept;
    static bool valid_options(const CodecOptions &options) noexcept;
    static size_t image_bytes(const CodecOptions &options, size_t rows) noexcept;
    static size_t training_rows(const CodecOptions &options) noexcept;
    static size_t training_bytes(const CodecOptions &options, size_t rows) noexcept;
    static bool train(const CodecOptions &options, const TrainingSet &set, uint8_t *image, void *scratch,
                      const Progress &progress) noexcept;
    static bool trained(const uint8_t *image) noexcept;
    static bool valid(const uint8_t *image, size_t bytes, uint32_t dims) noexcept;
    static CodecShape shape(const uint8_t *image) noexcept;
    static CodecShape planned_shape(const CodecOptions &options) noexcept;
    static void describe(const uint8_t *image, char *text, size_t size) noexcept;
    static void transform(const uint8_t *image, const float *x, float *y) noexcept;
    static void transform_together(const uint8_t *image, const float *const *x, size_t n,
                                   float *const *y) noexcept;
    static RowCode encode(const uint8_t *image, const float *residual, const float *centre,
                          const float *direction, uint8_t *code, uint8_t *fine) noexcept;
    static void prepare(const uint8_t *image, const float *query, int query_bits, void *state) noexcept;
    static void scan_tile(const void *state, const uint8_t *codes, size_t first, size_t rows,
                          uint32_t acc[simd::kTileRows]) noexcept;
    static uint32_t scan_row(const void *state, const uint8_t *code) noexcept;

    // r~ of a code: space_dims floats. Tests and benchmarks.
    static void decode(const uint8_t *image, const uint8_t *code, float *residual) noexcept;
    // The threshold that the image encodes with (after auto), 0..0.9.
    static float threshold(const uint8_t *image) noexcept;
};

static_assert(Codec<ProductQuantizer>);

} // namespace vq
