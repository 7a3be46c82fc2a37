// Product quantizer: from a residual to its code.
#include "core/pq_image.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace vq {

namespace pq {

namespace {

constexpr size_t kMaxColumns = kMaxDims;
constexpr int kMaxRounds = 10; // of coordinate descent; it rarely takes more than four

// For each of the sixteen centroids: its squared error, and its error along the direction u.
void split_errors(const float *block, const float *x, const float *u, size_t width, float error[kCentroids],
                  float along[kCentroids]) noexcept
{
    for (size_t k = 0; k < kCentroids; k++)
        error[k] = along[k] = 0;
    for (size_t d = 0; d < width; d++) {
        const float *c = block + kCentroids * (1 + d);
        for (size_t k = 0; k < kCentroids; k++) {
            const float e = x[d] - c[k];
            error[k] += e * e;
            along[k] += e * u[d];
        }
    }
}

// Columns by error, largest first.
void order_columns(const PqImage &h, const float *x, const uint8_t *codes, uint16_t *order) noexcept
{
    const size_t n = columns(h.space_dims, h.sub_dims);
    float error[kMaxColumns];
    for (size_t j = 0; j < n; j++) {
        const float *block = codebook(h, j), *r = x + j * h.sub_dims;
        float e = 0;
        for (size_t d = 0; d < width(h, j); d++) {
            const float v = r[d] - block[kCentroids * (1 + d) + codes[j]];
            e += v * v;
        }
        error[j] = e;
        order[j] = (uint16_t)j;
    }
    std::sort(order, order + n,
              [&](uint16_t a, uint16_t b) { return error[a] != error[b] ? error[a] > error[b] : a < b; });
}

// Sum over columns of the error along the direction.
double total_along(const PqImage &h, const float *x, const float *u, const uint8_t *codes) noexcept
{
    double sum = 0;
    for (size_t j = 0; j < columns(h.space_dims, h.sub_dims); j++) {
        const float *block = codebook(h, j);
        for (size_t d = 0; d < width(h, j); d++) {
            const size_t i = j * h.sub_dims + d;
            sum += (x[i] - block[kCentroids * (1 + d) + codes[j]]) * u[i];
        }
    }
    return sum;
}

// Coordinate descent (docs/formulas.md, Score-aware loss): a column changes its centroid where that lowers eta * parallel +
// orthogonal error without raising the parallel one. u is a unit vector.
void descend(const PqImage &h, const float *x, const float *u, uint8_t *codes) noexcept
{
    const size_t n = columns(h.space_dims, h.sub_dims);
    uint16_t order[kMaxColumns];
    order_columns(h, x, codes, order);
    const double eta = h.parallel_weight;
    double parallel = total_along(h, x, u, codes);
    bool changed = true;
    for (int round = 0; changed && round < kMaxRounds; round++) {
        changed = false;
        for (size_t i = 0; i < n; i++) {
            const size_t j = order[i], at = j * h.sub_dims;
            float error[kCentroids], along[kCentroids];
            split_errors(codebook(h, j), x + at, u + at, width(h, j), error, along);
            const uint8_t old = codes[j];
            double best_cost = -1e-9 * error[old];
            for (uint8_t k = 0; k < kCentroids; k++) {
                const double next = parallel - along[old] + along[k];
                const double d_parallel = next * next - parallel * parallel;
                const double cost = eta * d_parallel + (error[k] - error[old]) - d_parallel;
                if (d_parallel <= 0 && cost < best_cost)
                    best_cost = cost, codes[j] = k;
            }
            if (codes[j] != old) {
                parallel += along[codes[j]] - along[old];
                changed = true;
            }
        }
    }
}

} // namespace

double gain(const PqImage &h, double norm) noexcept
{
    if (h.typical_norm == 0)
        return std::sqrt((double)h.space_dims) / norm;
    const double ratio = h.typical_norm / norm;
    return ratio >= 0.5 && ratio <= 2 ? 1 : ratio;
}

void choose_codes(const PqImage &h, const float *target, const float *direction, uint8_t *codes) noexcept
{
    const auto &k = simd::kernels();
    k.nearest_codes(target, codebook(h, 0), h.space_dims, h.sub_dims, codes);
    if (!(h.parallel_weight > 1))
        return; // any change would raise the loss: the nearest centroids have the least squared error
    const float norm = std::sqrt(k.dot(direction, direction, h.space_dims));
    if (!(norm > 1e-18f && norm < 1e18f))
        return; // no direction
    float u[kMaxDims];
    for (size_t i = 0; i < h.space_dims; i++)
        u[i] = direction[i] / norm;
    descend(h, target, u, codes);
}

} // namespace pq

using namespace pq;

namespace {

// <u, r - s r~> for the unit vector u of the score-aware loss. Codes chosen for that loss err along u with the same sign for
// all rows of a list, so this part counts in full, not as spread over D directions. 0 where u is the direction of r.
double error_along(const float *direction, const float *residual, const float *decoded, double scale,
                   size_t D) noexcept
{
    const auto &k = simd::kernels();
    const double norm = std::sqrt((double)k.dot(direction, direction, D));
    if (!(norm > 1e-18 && norm < 1e18))
        return 0;
    return ((double)k.dot(direction, residual, D) - scale * k.dot(direction, decoded, D)) / norm;
}

} // namespace

RowCode ProductQuantizer::encode(const uint8_t *image, const float *residual, const float *centre,
                                 const float *direction, uint8_t *code, uint8_t *) noexcept
{
    const PqImage &h = header(image);
    const size_t D = h.space_dims, n = columns(D, h.sub_dims);
    RowCode out = {};
    std::memset(code, 0, (n + 1) / 2);
    const double norm = residual_norm(residual, D), norm_sq = norm * norm;
    if (!(norm > 0))
        return out; // a row equal to its centroid: the constant alone is exact
    const float g = (float)gain(h, norm);
    if (!std::isfinite(g)) {
        out.sigma = (float)norm;
        return out;
    }
    float target[kMaxDims];
    for (size_t i = 0; i < D; i++)
        target[i] = residual[i] * g;
    uint8_t codes[kMaxDims + 1];
    choose_codes(h, target, direction, codes);
    codes[n] = 0;
    for (size_t b = 0; b < (n + 1) / 2; b++)
        code[b] = (uint8_t)(codes[2 * b] | codes[2 * b + 1] << 4);

    float decoded[kMaxDims];
    decode(image, code, decoded);
    const auto &k = simd::kernels();
    const double dot = (double)k.dot(target, decoded, D) / g, code_sq = k.dot(decoded, decoded, D);
    if (!(dot > kLeastCosine * norm * std::sqrt(code_sq))) {
        out.sigma = (float)norm; // the constant alone, with a bound that always holds
        return out;
    }
    const double scale = norm_sq / dot;
    const double orthogonal = scale * scale * code_sq - norm_sq;
    out.scale = (float)scale;
    out.centre_dot = k.dot(centre, decoded, D);
    const double along = h.threshold > 0 ? error_along(direction, residual, decoded, scale, D) : 0;
    const double variance = (orthogonal > 0 && D > 1 ? orthogonal / (double)(D - 1) : 0) + along * along +
                            norm_sq * kScaleRounding * kScaleRounding;
    out.sigma = (float)std::sqrt(variance);
    return out;
}

void ProductQuantizer::decode(const uint8_t *image, const uint8_t *code, float *residual) noexcept
{
    const PqImage &h = header(image);
    for (size_t j = 0; j < columns(h.space_dims, h.sub_dims); j++) {
        const size_t k = nibble(code, j);
        const float *block = codebook(h, j);
        for (size_t d = 0; d < width(h, j); d++)
            residual[j * h.sub_dims + d] = block[kCentroids * (1 + d) + k];
    }
}

} // namespace vq
