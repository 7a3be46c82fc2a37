// Weighted residual vector quantization: the codec of wrvq (docs/formulas.md, Weighted residual quantization).
//
//   y = x - m; r = y - c; u = r / ||r||; layer by layer a codeword is subtracted from what is left of u
//   r~ = sum over layers m of codeword e[m][code_m], near u
//   <q', r~> = sum over layers of table[m][code_m], entries of 8 bits in units of one step
//   s = ||r|| / sqrt(p) with p = <u, r~>: see The scale, below
//
// Codewords of a layer are centroids of *unit* vectors, those along what the layers before have left of the training rows.
// Centroids are not brought to unit length; all those of a layer are multiplied by one ratio, which makes the sum of squares
// that the layer leaves least. A weight for each row and layer would hardly differ from row to row, so by default none is
// stored, only s. With weights (rq_weights.h), as in the paper on this quantizer,
//
//   r~ = sum over layers of weight[m] * codeword e[m][code_m]
//   <q', r~> = sum over layers of weight[m] * table[m][code_m]
//
// A row's weights are fitted together by least squares. They leave 4 to 5 % less of the squared length; the same bytes spent
// on more layers leave far less (bench/core/codes.cpp --weight-bits).
//
// The scale. ||r|| / p would leave no error along r. But it is largest for rows of small p, whose codes say least about them:
// estimates of such rows spread widely, and some take the places of true neighbours. With the root of p, an error of
// ||r|| (1 - sqrt(p)) along r remains, of the same sign for all rows. It changes a score in proportion to the cosine of q' - c
// and r. RowCode::sigma counts it times 0.15, as if that were the cosine (kAlong in rq_encode.cpp); how wide errors really are
// is measured when an index is built. Of 0, 0.15, 0.3 and more, 0.15 finds the most true neighbours for the rows that are
// then looked at exactly. Fashion-mnist-784, bounds of 1.9 to 4 standard errors: .994/.998/1 of the ten nearest with
// 28/33/57 rows, where 0.3 needs 31/37/97; arxiv-minilm-384: as many found with a twentieth fewer rows.
//
// Encoding keeps the five best beginnings of a code from layer to layer (beam search). Codewords are bytes with a scale
// each. What is left of u is rounded to bytes too for its products with codewords, which are then sums of integers: so every
// CPU gives the same codes. Where there are up to some 2,048 codewords in all, whoever encodes keeps their products with one
// another: then u alone is rounded and multiplied, once, and what is left of it is not needed before the end (rq_products.h).
//
// Layers without enough training rows take random codewords, as long as the best of K random directions should be.
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
        kLayers = 0,       // codebooks, 2..96; 0 before they are chosen
        kCodewords = 1,    // codewords of a layer, 16..256; up to 16 two layers share a byte
        kWeightBits = 2,   // of a layer's weight: 4, 8 or 16; 0: one scale a row
        kTraining = 3,     // Training
        kCodewordBits = 4, // of a coordinate: 1, 2, 4, 8; 0: not chosen yet, or 8
    };
    enum Training
    {
        kLinear = 0, // k-means on unit vectors
        kTrained = 1 // and then all codewords together by Adam, within bounds of time and memory (rq_adam.h)
    };
    static constexpr uint32_t kShortOption = kLayers;
    static constexpr size_t kMinRowsPerCodeword = 16;   // fewer train no layer
    static constexpr size_t kGoodRowsPerCodeword = 128; // as the literature asks for

    static bool valid_options(const CodecOptions &options) noexcept;
    static size_t image_bytes(const CodecOptions &options, size_t rows) noexcept;
    static size_t training_rows(const CodecOptions &options) noexcept;
    static size_t training_bytes(const CodecOptions &options, size_t rows) noexcept;
    static bool train(const CodecOptions &options, const TrainingSet &set, uint8_t *image, void *scratch,
                      const Progress &progress) noexcept;
    static bool trained(const uint8_t *image) noexcept;
    // Coordinates in less than a byte (rq_coordinates.h).
    static size_t stored_bytes(const CodecOptions &options, size_t image_bytes) noexcept;
    static void pack(const CodecOptions &options, const uint8_t *image, size_t image_bytes,
                     uint8_t *stored) noexcept;
    static void unpack(const CodecOptions &options, const uint8_t *stored, size_t image_bytes,
                       uint8_t *image) noexcept;
    // Sixteen codewords a layer, and twice the layers where two of these share a byte: a sixteenth of the size, or an eighth.
    static CodecOptions chosen_options(const CodecOptions &options, double rows) noexcept;
    static CodecOptions untrained_options(const CodecOptions &options) noexcept;
    static bool valid(const uint8_t *image, size_t bytes, uint32_t dims) noexcept;
    static CodecShape shape(const uint8_t *image) noexcept;
    static CodecShape planned_shape(const CodecOptions &options) noexcept;
    static void describe(const uint8_t *image, char *text, size_t size) noexcept;
    static Shortfall shortfall(const uint8_t *image, size_t rows, char *text, size_t size) noexcept;
    static void transform(const uint8_t *image, const float *x, float *y) noexcept;
    // Products of codewords (rq_products.h), unless these are too many.
    static size_t encoder_bytes(const uint8_t *image) noexcept;
    static void make_encoder(const uint8_t *image, void *encoder) noexcept;
    // Without an encoder.
    static RowCode encode(const uint8_t *image, const float *residual, const float *centre,
                          const float *direction, uint8_t *code, uint8_t *fine) noexcept;
    static void encode_rows(const uint8_t *image, const void *encoder, size_t n, const float *residuals,
                            const float *centres, uint8_t *codes, RowCode *out) noexcept;
    static void prepare(const uint8_t *image, const float *query, int query_bits, void *state) noexcept;
    static void scan_tile(const void *state, const uint8_t *codes, size_t first, size_t rows,
                          uint32_t acc[simd::kTileRows]) noexcept;
    static uint32_t scan_row(const void *state, const uint8_t *code) noexcept;
    // A key is the first codewords' numbers, a byte each.
    static uint32_t sublist_layers(const uint8_t *image) noexcept;
    static uint32_t sublist_of(const uint8_t *image, const uint8_t *code, uint32_t layers) noexcept;
    static void sublist_centre(const uint8_t *image, uint32_t key, uint32_t layers, float *centre) noexcept;
    static float sublist_dot(const void *state, uint32_t key, uint32_t layers) noexcept;

    // r~ of a code: space_dims floats, nearly a unit vector. For tests and benchmarks.
    static void decode(const uint8_t *image, const uint8_t *code, float *residual) noexcept;
};

static_assert(Codec<ResidualQuantizer>);

} // namespace vq
