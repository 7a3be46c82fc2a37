// Residual quantizer: codewords refitted together, and what encoding then leaves.
#include "core/rq_weights.h"
#include "core/rq_work.h"

#include "core/random.h"

#include <cmath>

namespace vq::rq_detail {

namespace {

constexpr size_t kMeasuredRows = 512;       // rows that `measure` encodes, at most
constexpr size_t kMeasuredFloats = 1 << 22; // and so many dimensions times layers in all,
constexpr size_t kLeastMeasured = 32;       // but at least so many rows
// Without rows an image is made in milliseconds: so many random vectors, which are much alike, and fewer of many dimensions.
constexpr size_t kMostRandom = 64, kLeastRandom = 4, kRandomFloats = 32768;
constexpr int kRefits = 1;
constexpr int kSweeps = 1; // over all layers, each refit
// A codeword is refitted as if it had so many more rows, all of which it suits as it is: few rows tell little.
constexpr float kRefitWeight = 64;

// Chooses the codes of all rows; the rows in scratch become what they leave.
bool encode_rows(Trainer &t, const Part &part) noexcept
{
    const size_t together = rows_together(*t.h);
    remake_tables(t, t.rows);
    for (size_t i = 0; i < t.rows; i += together) {
        const size_t n = std::min(together, t.rows - i);
        encode_together(t, i, n, kBeam);
        if (!part.go_on((double)i / (double)t.rows))
            return false;
    }
    return true;
}

// Moves the codewords of one layer to where their rows are nearest, the other layers staying as they are.
bool refit_layer(Trainer &t, size_t layer, const Part &part) noexcept
{
    const size_t K = t.h->codewords, some = rows_between_calls(t, 8);
    const Users users(t);
    for (size_t i = 0; i < t.rows; i++) {
        users.add(t, i, t.codes(i)[layer]);
        if (i % some == 0 && !part.go_on(.5 * (double)i / (double)t.rows))
            return false;
    }
    for (size_t k = 0; k < K; k++) {
        float *step = users.sum + k * t.width, *c = t.centroid(k);
        std::fill_n(c, t.width, 0.0f);
        add_codeword(*t.h, layer, k, 1, c);
        for (size_t d = 0; d < t.width; d++) {
            const float old = c[d];
            c[d] = old + step[d] / ((float)users.count[k] + kRefitWeight);
            step[d] = old;
        }
        set_codeword(t.h, layer, k, c);
        (void)take_off(*t.h, layer, k, step, step); // becomes the old codeword less the new one, as rounded
    }
    for (size_t i = 0; i < t.rows; i++) {
        simd::kernels().axpy(1, users.sum + t.codes(i)[layer] * t.width, t.row(i), t.width);
        if (i % some == 0 && !part.go_on(.5 + .5 * (double)i / (double)t.rows))
            return false;
    }
    return true;
}

// The i-th of n unit vectors to be encoded: of training rows, or Gaussian where there are none.
void read_probe(const Trainer &t, size_t i, size_t n, Random &random, float *out) noexcept
{
    if (t.rows > 0)
        return (void)read_unit(t, t.which()[i * t.rows / n], out);
    float x[kMaxDims];
    for (size_t d = 0; d < t.h->dims; d++)
        x[d] = (float)random.normal();
    to_unit(x, t.h->dims, std::max(residual_norm(x, t.h->dims), 1e-30), out);
}

// Sum of a row's squared weights; 0 where codes have none.
float weights_sq(const RqImage &h, const uint8_t *code) noexcept
{
    float sum = 0;
    for (size_t m = 0; m < h.layers && h.weight_bits != 0; m++) {
        const WeightedLayer l = read_layer(h.codewords, h.weight_bits, code, m);
        const float weight = kWeightUnit * (float)fixed_weight(h.weight_bits, l.weight);
        sum += weight * weight;
    }
    return sum;
}

// What 99 of 100 of n numbers do not exceed. Changes their order.
float nearly_all(float *values, size_t n) noexcept
{
    std::nth_element(values, values + n * 99 / 100, values + n);
    return values[n * 99 / 100];
}

} // namespace

void encode_together(Trainer &t, size_t first, size_t n, size_t beam) noexcept
{
    for (size_t i = first; i < first + n; i++)
        (void)read_unit(t, t.which()[i], t.row(i));
    choose_codes(*t.h, t.tables, n, t.row(first), beam, t.codes(first));
}

bool refit(Trainer &t, const Part &part) noexcept
{
    const double share = part.share / kRefits;
    for (int round = 0; round < kRefits; round++) {
        const double from = part.from + share * round;
        if (!encode_rows(t, {t.progress, from, share * .9}))
            return false;
        for (int sweep = 0; sweep < kSweeps; sweep++)
            if (!refit_codes(t, {t.progress, from + share * .9, share * .1}))
                return false;
    }
    return true;
}

bool refit_codes(Trainer &t, const Part &part) noexcept
{
    const double share = part.share / t.h->layers;
    for (size_t m = 0; m < t.h->trained_layers; m++)
        if (!refit_layer(t, m, {part.whole, part.from + share * (double)m, share}))
            return false;
    return true;
}

bool measure(Trainer &t) noexcept
{
    const size_t fit = t.rows > 0 ? std::max(kMeasuredFloats / (t.width * t.h->layers), kLeastMeasured)
                                  : std::clamp(kRandomFloats / t.width, kLeastRandom, kMostRandom),
                 n = std::min({t.rows > 0 ? t.rows : kMeasuredRows, kMeasuredRows, fit});
    float ratio[kMeasuredRows], squares[kMeasuredRows], unit[4 * quads(kMaxDims)];
    const float zero[kMaxDims] = {};
    uint8_t code[3 * kMostLayers];
    size_t counted = 0;
    double shares = 0;
    Random random(t.options.seed);
    remake_tables(t, n);
    for (size_t i = 0; i < n; i++) {
        read_probe(t, i, n, random, unit);
        RowCode c;
        ResidualQuantizer::encode_rows(reinterpret_cast<const uint8_t *>(t.h), t.tables, 1, unit, zero, code,
                                       &c);
        if (c.scale > 0 && c.sigma > 0) {
            ratio[counted++] = c.scale / c.sigma;
            shares += 1 / (double)c.scale;
        }
        squares[i] = weights_sq(*t.h, code);
        if (i % 16 == 0 && !t.progress.go_on(1))
            return false;
    }
    t.h->scale_per_error = counted > 0 ? nearly_all(ratio, counted) : std::sqrt((float)t.h->dims);
    t.h->mean_share = counted > 0 ? (float)(shares / (double)counted) : 1;
    t.h->weights_norm = std::sqrt(nearly_all(squares, n));
    return true;
}

} // namespace vq::rq_detail
