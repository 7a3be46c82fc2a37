// Weighted residual vector quantization: the codec of wrvq.
//
//   y = x - m; r = y - c; u = r / ||r||; layer by layer the nearest of K codewords is taken off what is left of u
//   r~ = sum over layers of codeword e[m][code_m]
//   <q', r~> = sum over layers of table[m][code_m], tables of 8 bits with one step
//   s = ||r|| / p^1/2 with p = <u, r~>                                                                    (*)
//
// Codewords of a layer are centroids of the *unit* vectors along what the layers before left, not brought to unit length
// again, times the layer's ratio: the least-squares length of the layer over the training rows. Weights hardly differ
// from row to row, so by default none is stored but s. With weights (rq_weights.h; the paper's mode)
//
//   r~ = sum over layers of weight[m] * codeword e[m][code_m]
//   <q', r~> = sum over layers of weight[m] * table[m][code_m]
//
// which is the paper's formula (14) up to the terms that stand in the row's constant. Fitted together by least squares they
// leave 4 to 5 % less of the square; the same bytes in more layers leave far less (bench/core/codes.cpp --weight-bits).
//
// (*) A scale ||r|| / p takes the error along r away, but amplifies the rows of least p, whose code says least; they push
// true neighbours out. With the root an error of ||r|| (1 - p^1/2) stays along r, of the same sign for all rows. It costs
// its product with the cosine of q' - c and r, so RowCode::sigma holds it times kAlong; how wide errors are in all the
// calibration of an index measures. Of 0, 0.15, 0.3 and more the second finds most for the rows it looks at exactly: at
// 1.9 to 4 standard errors, fashion-mnist-784 .994/.998/1 of the ten for 28/33/57 rows against 31/37/97 with 0.3;
// arxiv-minilm-384 the same for a twentieth less.
//
// Encoding keeps the five best beginnings of a code from layer to layer (beam search). Codewords are bytes with a scale
// each, and so is what is left of u, for the products: sums of integers, so that every CPU gives the same codes.
//
// Layers without enough training rows take Gaussian codewords as long as the best of K random directions should be.
#pragma once

#include "core/codec.h"

namespace vq {

struct ResidualQuantizer : NoFinerCode
{
    static constexpr const char *kName = "rvq";
    static constexpr uint32_t kId = 3;

    // CodecOptions::value
    enum Option
    {
        kLayers = 0,     // codebooks, 2..64
        kCodewords = 1,  // codewords of a layer, 16..256; up to 16 two layers share a byte
        kWeightBits = 2, // of a layer's weight: 4, 8 or 16; 0: one scale a row
        kTraining = 3,   // Training
    };
    enum Training
    {
        kLinear = 0, // k-means on unit vectors
        kTrained = 1 // and then all codewords together by Adam, within bounds of time and memory (rq_adam.h)
    };
    static constexpr size_t kMinRowsPerCodeword = 16;   // fewer train no layer
    static constexpr size_t kGoodRowsPerCodeword = 128; // as the literature asks for

    static size_t image_bytes(const CodecOptions &options, size_t rows) noexcept;
    static size_t training_rows(const CodecOptions &options) noexcept;
    static size_t training_bytes(const CodecOptions &options, size_t rows) noexcept;
    static bool train(const CodecOptions &options, const TrainingSet &set, uint8_t *image, void *scratch,
                      const Progress &progress) noexcept;
    static bool valid(const uint8_t *image, size_t bytes, uint32_t dims) noexcept;
    static CodecShape shape(const uint8_t *image) noexcept;
    static void describe(const uint8_t *image, char *text, size_t size) noexcept;
    static Shortfall shortfall(const uint8_t *image, size_t rows, char *text, size_t size) noexcept;
    static void transform(const uint8_t *image, const float *x, float *y) noexcept;
    static RowCode encode(const uint8_t *image, const float *residual, const float *centre,
                          const float *direction, uint8_t *code, uint8_t *fine) noexcept;
    static void encode_rows(const uint8_t *image, size_t n, const float *residuals, const float *centres,
                            const float *directions, uint8_t *codes, uint8_t *fine, RowCode *out) noexcept;
    static void prepare(const uint8_t *image, const float *query, int query_bits, void *state) noexcept;
    static void scan_tile(const void *state, const uint8_t *codes, size_t first, size_t rows,
                          uint32_t acc[simd::kTileRows]) noexcept;
    static uint32_t scan_row(const void *state, const uint8_t *code) noexcept;
    // A key is the first codewords' numbers, a byte each.
    static uint32_t sublist_layers(const uint8_t *image) noexcept;
    static uint32_t sublist_of(const uint8_t *image, const uint8_t *code, uint32_t layers) noexcept;
    static void sublist_centre(const uint8_t *image, uint32_t key, uint32_t layers, float *centre) noexcept;
    static float sublist_dot(const void *state, uint32_t key, uint32_t layers) noexcept;

    // r~ of a code: space_dims floats, near unit length. Tests and benchmarks.
    static void decode(const uint8_t *image, const uint8_t *code, float *residual) noexcept;
};

static_assert(Codec<ResidualQuantizer>);

} // namespace vq
