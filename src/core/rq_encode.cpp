// Residual quantizer: from a residual to its code.
#include "core/rq_products.h"
#include "core/rq_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace vq {

namespace rq {

void to_unit(const float *r, size_t dims, double norm, float *unit) noexcept
{
    for (size_t d = 0; d < dims; d++)
        unit[d] = (float)(r[d] / norm);
    for (size_t d = dims; d < 4 * quads(dims); d++)
        unit[d] = 0;
}

} // namespace rq

using namespace rq;

namespace {

constexpr size_t kPitch = 4 * quads(kMaxDims);
constexpr double kAlong = 0.15; // part of the error along r that sigma holds; see residual_quantizer.h
// The same where no layer is trained: then Gaussian codewords leave most of a row, and nothing has measured how wide errors
// are. With one half, the whole error along r is two standard errors: bounds of that width find the row that equals a query.
constexpr double kAlongUntrained = 0.5;

void pack(const RqImage &h, const uint8_t *codes, uint8_t *code) noexcept
{
    if (has_bytes(h))
        std::memcpy(code, codes, h.layers);
    else
        for (size_t b = 0; b < code_bytes(h); b++)
            code[b] = (uint8_t)(codes[2 * b] | (2 * b + 1 < h.layers ? codes[2 * b + 1] << 4 : 0));
}

// Writes the code, and the vector it stands for to `decoded`. left: what the codewords leave of the unit vector.
void finish(const RqImage &h, const float *unit, const uint8_t *codes, const float *left, uint8_t *code,
            float *decoded) noexcept
{
    if (h.weight_bits == 0) {
        pack(h, codes, code);
        for (size_t d = 0; d < h.dims; d++)
            decoded[d] = unit[d] - left[d];
        return;
    }
    uint16_t weights[kMostLayers];
    fit_weights(h, codes, left, weights);
    write_layers(h, codes, weights, code);
    std::memset(decoded, 0, h.dims * sizeof(float));
    for (size_t m = 0; m < h.layers; m++)
        add_codeword(h, m, codes[m], kWeightUnit * (float)fixed_weight(h.weight_bits, weights[m]), decoded);
}

// The row's constants from its unit vector, its length, and the vector its code stands for.
RowCode row_code(const RqImage &h, const float *unit, double norm, const float *centre,
                 const float *decoded) noexcept
{
    RowCode out = {};
    const size_t dims = h.dims;
    const auto &k = simd::kernels();
    const double dot = k.dot(unit, decoded, dims), code_sq = k.dot(decoded, decoded, dims);
    if (!(dot > kLeastCosine * std::sqrt(code_sq))) {
        out.sigma = (float)norm; // the constant alone, with a bound that always holds
        return out;
    }
    const double scale = 1 / std::sqrt(dot); // for a row of unit length
    const double across = scale * scale * (code_sq - dot * dot),
                 along = (h.trained_layers > 0 ? kAlong : kAlongUntrained) * (1 - scale * dot);
    const double variance = (across > 0 && dims > 1 ? across / (double)(dims - 1) : 0) + along * along +
                            kScaleRounding * kScaleRounding;
    out.scale = (float)(norm * scale);
    out.centre_dot = k.dot(centre, decoded, dims);
    out.sigma = (float)(norm * std::sqrt(variance));
    return out;
}

// n (1..rows_together) rows.
void encode_batch(const RqImage &h, const void *tables, size_t n, const float *residuals,
                  const float *centres, uint8_t *codes, RowCode *out) noexcept
{
    const size_t D = h.dims, width = 4 * quads(D);
    alignas(64) float rows[kBatchFloats]; // unit vectors; later what their codes leave
    alignas(64) float unit[kPitch], decoded[kPitch];
    double norm[kMostTogether];
    size_t which[kMostTogether], some = 0; // rows that have a residual
    std::memset(codes, 0, n * code_bytes(h));
    for (size_t i = 0; i < n; i++) {
        out[i] = {}; // a row equal to its centroid: the constant alone is exact
        norm[some] = residual_norm(residuals + i * D, D);
        if (!(norm[some] > 0))
            continue;
        to_unit(residuals + i * D, D, norm[some], rows + some * width);
        which[some++] = i;
    }
    uint8_t chosen[kMostTogether * kMostLayers];
    if (some > 0)
        choose_codes(h, tables, some, rows, kBeam, chosen);
    for (size_t j = 0; j < some; j++) {
        const size_t i = which[j];
        to_unit(residuals + i * D, D, norm[j], unit);
        finish(h, unit, chosen + j * h.layers, rows + j * width, codes + i * code_bytes(h), decoded);
        out[i] = row_code(h, unit, norm[j], centres + i * D, decoded);
    }
}

} // namespace

size_t ResidualQuantizer::encoder_bytes(const uint8_t *image) noexcept
{
    const RqImage &h = header(image);
    return product_table_bytes(h.dims, h.layers, h.codewords);
}

void ResidualQuantizer::make_encoder(const uint8_t *image, void *encoder) noexcept
{
    if (encoder_bytes(image) > 0)
        make_product_tables(header(image), encoder);
}

void ResidualQuantizer::encode_rows(const uint8_t *image, const void *encoder, size_t n,
                                    const float *residuals, const float *centres, uint8_t *codes,
                                    RowCode *out) noexcept
{
    const RqImage &h = header(image);
    const size_t D = h.dims, most = rows_together(h);
    for (size_t i = 0; i < n; i += most)
        encode_batch(h, encoder, std::min(most, n - i), residuals + i * D, centres + i * D,
                     codes + i * code_bytes(h), out + i);
}

RowCode ResidualQuantizer::encode(const uint8_t *image, const float *residual, const float *centre,
                                  const float *, uint8_t *code, uint8_t *) noexcept
{
    RowCode out;
    encode_rows(image, nullptr, 1, residual, centre, code, &out);
    return out;
}

} // namespace vq
