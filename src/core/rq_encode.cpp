// Residual quantizer: from a residual to its code.
#include "core/rq_weights.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace vq {

namespace rq {

namespace {

constexpr size_t kPitch = 4 * quads(kMaxDims);
constexpr size_t kFloats = 8; // partial sums

struct Candidate // a beginning of a code, one layer longer
{
    float error; // squared norm of what it leaves
    uint16_t parent;
    uint16_t codeword;
};

// The best few, in order; the first of equals stays first.
struct Best
{
    size_t wanted;
    size_t count;
    Candidate found[kBeam];

    float limit() const noexcept { return count < wanted ? INFINITY : found[count - 1].error; }
    void add(const Candidate &c) noexcept
    {
        size_t at = count < wanted ? count++ : count - 1;
        for (; at > 0 && found[at - 1].error > c.error; at--)
            found[at] = found[at - 1];
        found[at] = c;
    }
};

struct Beam
{
    size_t count;
    float error[kBeam];
    const float *left[kBeam]; // of the unit vector
    uint8_t codes[kBeam][kMostLayers];
};

// Adds the ways in which one beginning goes on. A group of scores is looked at one by one only if its least will do.
void add_candidates(const RqImage &h, size_t layer, const int32_t *dots, float unit, float error,
                    size_t parent, Best *best) noexcept
{
    const float *scale = scales(h, layer), *norm_sq = norms_sq(h, layer);
    for (size_t first = 0; first < 16 * blocks(h.codewords); first += 16) {
        float score[16], least[4];
        for (size_t k = 0; k < 16; k++)
            score[k] = error + (norm_sq[first + k] - 2 * unit * scale[first + k] * (float)dots[first + k]);
        for (size_t k = 0; k < 4; k++)
            least[k] = score[k];
        for (size_t k = 4; k < 16; k++)
            least[k % 4] = score[k] < least[k % 4] ? score[k] : least[k % 4];
        if (!(std::min(std::min(least[0], least[1]), std::min(least[2], least[3])) < best->limit()))
            continue;
        for (size_t k = 0; k < 16 && first + k < h.codewords; k++)
            if (score[k] < best->limit())
                best->add({score[k], (uint16_t)parent, (uint16_t)(first + k)});
    }
}

Best best_of_layer(const RqImage &h, size_t layer, const Beam &beam, size_t wanted, int8_t *bytes) noexcept
{
    const size_t n = 4 * quads(h.dims), pitch = 16 * blocks(h.codewords);
    int32_t dots[kBeam * kMostCodewords];
    float unit[kBeam];
    for (size_t b = 0; b < beam.count; b++)
        unit[b] = round_to_bytes(beam.left[b], n, bytes + b * n);
    simd::kernels().byte_dots(bytes, beam.count, n, book(h, layer), blocks(h.codewords), quads(h.dims), dots,
                              pitch);
    Best best = {wanted, 0, {}};
    for (size_t b = 0; b < beam.count; b++)
        add_candidates(h, layer, dots + b * pitch, unit[b], beam.error[b], b, &best);
    return best;
}

} // namespace

// Without a kernel, as all that chooses codes: every level of the CPU gives the same.
float take_off(const RqImage &h, size_t layer, size_t k, const float *x, float *left) noexcept
{
    const size_t n = quads(h.dims);
    const uint8_t *from = book(h, layer) + place(h, k, 0);
    const float scale = scales(h, layer)[k];
    float sum[kFloats] = {};
    for (size_t q = 0; q < n;) {
        constexpr size_t kTogether = 32; // groups of four: gathered first, so that the rest goes by vectors
        uint8_t codeword[4 * kTogether];
        const size_t m = std::min(kTogether, n - q);
        for (size_t i = 0; i < m; i++, from += 64)
            std::memcpy(codeword + 4 * i, from, 4);
        const float *x4 = x + 4 * q;
        float *left4 = left + 4 * q;
        for (size_t d = 0; d < 4 * m; d++)
            left4[d] = x4[d] - scale * (float)(codeword[d] - 128);
        size_t d = 0;
        for (; d + kFloats <= 4 * m; d += kFloats)
            for (size_t i = 0; i < kFloats; i++)
                sum[i] += left4[d + i] * left4[d + i];
        for (; d < 4 * m; d++)
            sum[d % kFloats] += left4[d] * left4[d];
        q += m;
    }
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

float round_to_bytes(const float *x, size_t n, int8_t *out) noexcept
{
    int32_t most_bits = 0; // of numbers that are not negative, in the order of the numbers
    for (size_t d = 0; d < n; d++) {
        const int32_t bits = std::bit_cast<int32_t>(x[d]) & 0x7FFFFFFF;
        most_bits = bits > most_bits ? bits : most_bits;
    }
    const float most = std::bit_cast<float>(most_bits), inverse = most > 1e-30f ? 127 / most : 0;
    for (size_t d = 0; d < n; d++)
        out[d] = (int8_t)((int)(x[d] * inverse + 128.5f) - 128);
    return most / 127;
}

void nearest_codewords(const RqImage &h, size_t layer, const float *rows, size_t n, int8_t *bytes,
                       uint8_t *codes) noexcept
{
    const size_t width = 4 * quads(h.dims), pitch = 16 * blocks(h.codewords);
    int32_t dots[kBeam * kMostCodewords];
    float unit[kBeam];
    for (size_t i = 0; i < n; i++)
        unit[i] = round_to_bytes(rows + i * width, width, bytes + i * width);
    simd::kernels().byte_dots(bytes, n, width, book(h, layer), blocks(h.codewords), quads(h.dims), dots,
                              pitch);
    for (size_t i = 0; i < n; i++) {
        Best best = {1, 0, {}};
        add_candidates(h, layer, dots + i * pitch, unit[i], 0, 0, &best);
        codes[i] = (uint8_t)best.found[0].codeword;
    }
}

void to_unit(const float *r, size_t dims, double norm, float *unit) noexcept
{
    for (size_t d = 0; d < dims; d++)
        unit[d] = (float)(r[d] / norm);
    for (size_t d = dims; d < 4 * quads(dims); d++)
        unit[d] = 0;
}

void choose_codes(const RqImage &h, const float *unit, size_t wanted, uint8_t *codes,
                  float *left_over) noexcept
{
    const size_t n = 4 * quads(h.dims);
    float left[2][kBeam * kPitch];
    int8_t bytes[kBeam * kPitch];
    Beam beams[2];
    beams[0].count = 1;
    beams[0].error[0] = 1;
    beams[0].left[0] = unit;
    for (size_t m = 0; m < h.layers; m++) {
        const Beam &from = beams[m % 2];
        Beam &to = beams[(m + 1) % 2];
        const Best best = best_of_layer(h, m, from, m + 1 < h.layers ? wanted : 1, bytes);
        to.count = best.count;
        for (size_t b = 0; b < best.count; b++) {
            const Candidate &c = best.found[b];
            float *out = left[m % 2] + b * n;
            to.error[b] = take_off(h, m, c.codeword, from.left[c.parent], out);
            to.left[b] = out;
            std::memcpy(to.codes[b], from.codes[c.parent], m);
            to.codes[b][m] = (uint8_t)c.codeword;
        }
    }
    const Beam &last = beams[h.layers % 2];
    std::memcpy(codes, last.codes[0], h.layers);
    std::memcpy(left_over, last.left[0], n * sizeof(float));
}

} // namespace rq

using namespace rq;

namespace {

constexpr double kAlong = 0.3; // see residual_quantizer.h

void pack(const RqImage &h, const uint8_t *codes, uint8_t *code) noexcept
{
    if (has_bytes(h))
        std::memcpy(code, codes, h.layers);
    else
        for (size_t b = 0; b < code_bytes(h); b++)
            code[b] = (uint8_t)(codes[2 * b] | (2 * b + 1 < h.layers ? codes[2 * b + 1] << 4 : 0));
}

// The code of all layers, and what it decodes to. left: what the codewords leave of the unit vector.
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
        return out; // a row equal to its centroid: the constant alone is exact
    float unit[kPitch], left[kPitch], decoded[kPitch];
    to_unit(residual, D, norm, unit);
    uint8_t codes[kMostLayers];
    choose_codes(h, unit, kBeam, codes, left);
    finish(h, unit, codes, left, code, decoded);

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
