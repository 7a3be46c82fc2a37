// RaBitQ (docs/formulas.md, RaBitQ): 1 bit a dimension after a random rotation, with an error bound, and optionally 1..7
// further bits a dimension kept as a finer code.
//
//   r~ = b - 1/2 with b_i = [r_i > 0];  s = ||r||^2 / <r, r~>;  sigma = sqrt((s^2 D/4 - ||r||^2) / (D - 1))
//   <q', r~> = sum of q'_i over set bits - 1/2 sum q'_i
//
// The query is quantized to B bits with odd levels l_i in {-(2^B - 1), ..., 2^B - 1}: the sum over set bits
// of l_i is an integer that FastScan tables (tiles) and popcounts over bit planes (rows) give alike.
//
// Differences from the papers (Gao and Long, SIGMOD 2024; Gao et al., SIGMOD 2025, for the finer code): levels are odd and
// symmetric (no popcount of the code is needed in the tables), rounding is to nearest, and the quantization error of the
// query enters the bound instead of being assumed small. A finer code is rounded at the best of nine scales around the one
// for a Gaussian direction, instead of searching all.
#pragma once

#include "core/codec.h"

namespace vq {

struct RabitqCodec : NoSublists, NoShortfall, OwnOptions, StoredWhole
{
    static constexpr const char *kName = "rabitq";
    static constexpr uint32_t kId = 1;
    static constexpr int kMaxBits = 8; // options.value[0]: bits a dimension, 1..8

    static bool valid_options(const CodecOptions &options) noexcept;
    static size_t image_bytes(const CodecOptions &options, size_t rows) noexcept;
    static size_t training_rows(const CodecOptions &) noexcept { return 0; } // the rotation is random
    static size_t training_bytes(const CodecOptions &, size_t) noexcept { return 0; }
    static bool train(const CodecOptions &options, const TrainingSet &, uint8_t *image, void *,
                      const Progress &) noexcept;
    static bool trained(const uint8_t *) noexcept { return false; }
    static bool valid(const uint8_t *image, size_t bytes, uint32_t dims) noexcept;
    static CodecShape shape(const uint8_t *image) noexcept;
    static CodecShape planned_shape(const CodecOptions &options) noexcept;
    static void describe(const uint8_t *image, char *text, size_t size) noexcept;
    static void transform(const uint8_t *image, const float *x, float *y) noexcept;
    static RowCode encode(const uint8_t *image, const float *residual, const float *centre,
                          const float *direction, uint8_t *code, uint8_t *fine) noexcept;
    static void prepare(const uint8_t *image, const float *query, int query_bits, void *state) noexcept;
    static void scan_tile(const void *state, const uint8_t *codes, size_t first, size_t rows,
                          uint32_t acc[simd::kTileRows]) noexcept;
    static uint32_t scan_row(const void *state, const uint8_t *code) noexcept;
    static float scan_fine(const void *state, uint32_t acc, const uint8_t *fine) noexcept;
};

static_assert(Codec<RabitqCodec>);

} // namespace vq
