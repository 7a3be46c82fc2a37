// Residual quantizer: from a residual to its code.
#include "core/rq_image.h"

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
constexpr double kAlong = 0.3; // see residual_quantizer.h

void pack(const RqImage &h, const uint8_t *codes, uint8_t *code) noexcept
{
    if (has_bytes(h))
        std::memcpy(code, codes, h.layers);
    else
        for (size_t b = 0; b < code_bytes(h); b++)
            code[b] = (uint8_t)(codes[2 * b] | (2 * b + 1 < h.layers ? codes[2 * b + 1] << 4 : 0));
}

} // namespace

RowCode ResidualQuantizer::encode(const uint8_t *image, const float *residual, const float *centre,
                                  const float *, uint8_t *code, uint8_t *) noexcept
{
    const RqImage &h = header(image);
    const size_t D = h.dims;
    RowCode out = {};
    std::memset(code, 0, code_bytes(h));
    const double norm = residual_norm(residual, D);
    if (!(norm > 0))
        return out;                      // a row equal to its centroid: the constant alone is exact
    float unit[kPitch], decoded[kPitch]; // first what the code leaves
    to_unit(residual, D, norm, unit);
    uint8_t codes[kMostLayers];
    choose_codes(h, unit, kBeam, codes, decoded);
    pack(h, codes, code);
    for (size_t d = 0; d < D; d++)
        decoded[d] = unit[d] - decoded[d];

    const auto &k = simd::kernels();
    const double dot = k.dot(unit, decoded, D), code_sq = k.dot(decoded, decoded, D);
    if (!(dot > kLeastCosine * std::sqrt(code_sq))) {
        out.sigma = (float)norm; // the constant alone, with a bound that always holds
        return out;
    }
    const double scale = 1 / std::sqrt(dot); // for a row of unit length
    const double across = scale * scale * (code_sq - dot * dot), along = kAlong * (1 - scale * dot);
    const double variance = (across > 0 && D > 1 ? across / (double)(D - 1) : 0) + along * along +
                            kScaleRounding * kScaleRounding;
    out.scale = (float)(norm * scale);
    out.centre_dot = k.dot(centre, decoded, D);
    out.sigma = (float)(norm * std::sqrt(variance));
    return out;
}

} // namespace vq
