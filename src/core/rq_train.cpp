// Residual quantizer: training as a whole, and layers that need none.
#include "core/rq_adam.h"

#include "core/random.h"
#include "core/rq_coordinates.h"

#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

namespace vq {

namespace rq_detail {

void set_codeword(RqImage *h, size_t layer, size_t k, const float *c) noexcept
{
    const Rounding rounding(h->codeword_bits, c, h->dims);
    uint8_t *bytes = const_cast<uint8_t *>(book(*h, layer));
    double squares = 0, along = 0;
    for (size_t d = 0; d < h->dims; d++) {
        const int v = rounding.level(c[d]);
        bytes[place(*h, k, d / 4) + d % 4] = (uint8_t)(128 + v);
        squares += (double)v * v;
        along += (double)v * c[d];
    }
    const float scale = rounding.scale(along, squares);
    const_cast<float *>(scales(*h, layer))[k] = scale;
    const_cast<float *>(norms_sq(*h, layer))[k] = codeword_norm_sq(squares, scale);
}

bool read_unit(const Trainer &t, size_t row, float *out) noexcept
{
    const size_t dims = t.h->dims;
    float residual[kMaxDims];
    training_residual(t.set, row, dims, residual);
    const double norm = residual_norm(residual, dims);
    if (!(norm > 0) || !std::isfinite(norm))
        return false;
    to_unit(residual, dims, norm, out);
    return true;
}

void remake_tables(Trainer &t, size_t rows) noexcept
{
    constexpr size_t kFew = 64; // rows that are encoded in hardly more time than the tables take
    t.tables = nullptr;
    if (rows <= kFew || t.l.kmeans == t.l.tables)
        return;
    make_product_tables(*t.h, t.scratch + t.l.tables);
    t.tables = t.scratch + t.l.tables;
}

} // namespace rq_detail

using namespace rq_detail;

namespace {

constexpr size_t kRowsPerCodeword = 256; // with 128, 5 % more is left of rows that are not of the sample
constexpr size_t kLeastRows = 8192;      // training rows that are of use however few the codewords
constexpr double kLayersShare = 0.75;    // of the linear training's time
constexpr double kLinearShare = 0.2;     // of all time, where Adam follows

size_t layers_of(const CodecOptions &o) noexcept
{
    return (size_t)o.value[ResidualQuantizer::kLayers];
}
size_t codewords_of(const CodecOptions &o) noexcept
{
    return (size_t)o.value[ResidualQuantizer::kCodewords];
}
bool enough(const CodecOptions &o, size_t rows) noexcept
{
    return rows >= ResidualQuantizer::kMinRowsPerCodeword * codewords_of(o);
}

Layout layout(const CodecOptions &o, size_t rows) noexcept
{
    Layout l = {};
    const size_t width = 4 * quads(o.dims) * sizeof(float), book = codewords_of(o) * width;
    if (!enough(o, rows)) {
        l.bytes = padded(width);
        return l;
    }
    l.rows = std::min(rows, ResidualQuantizer::training_rows(o));
    l.norms = padded(l.rows * width);
    l.which = l.norms + padded(l.rows * sizeof(float));
    l.codes = l.which + padded(l.rows * sizeof(uint32_t));
    l.centroids = l.codes + padded(l.rows * layers_of(o));
    l.bytes_of_rows = l.centroids + padded(book);
    l.tables = l.bytes_of_rows + padded(kMostTogether * width / sizeof(float));
    l.kmeans = l.tables + padded(product_table_bytes(o.dims, layers_of(o), codewords_of(o)));
    l.distances = l.adam = l.kmeans + padded(codewords_of(o) * sizeof(uint32_t)) + padded(book);
    l.bytes = std::max({l.kmeans + padded(kmeans_scratch_bytes(clustering(o, l.rows))),
                        l.distances + padded(l.rows * sizeof(float)), l.adam + adam_plan(o, l.rows).scratch});
    return l;
}

void clear_layer(RqImage *h, size_t layer) noexcept
{
    const size_t n = 16 * blocks(h->codewords);
    std::memset(const_cast<uint8_t *>(book(*h, layer)), 128, 64 * quads(h->dims) * blocks(h->codewords));
    std::fill_n(const_cast<float *>(scales(*h, layer)), n, 0.0f);
    std::fill_n(const_cast<float *>(norms_sq(*h, layer)), n, kNever);
}

// Sixteen random codewords, those from `used` on zero. Returns the sum of their bytes' squares for each.
std::array<uint64_t, 16> random_block(const RqImage &h, size_t used, uint8_t *bytes, Random &random) noexcept
{
    std::array<uint64_t, 16> squares = {};
    for (size_t d = 0; d < h.dims; d += 4, bytes += 64) {
        for (size_t i = 0; i < 8; i++) {
            const uint64_t eight = random.next();
            std::memcpy(bytes + 8 * i, &eight, sizeof eight);
        }
        for (size_t k = 0; k < 16; k++)
            for (size_t i = 0; i < 4; i++) {
                uint8_t &byte = bytes[4 * k + i];
                byte = k >= used || d + i >= h.dims ? 128 : random_coordinate(h.codeword_bits, byte);
                const int v = byte - 128;
                squares[k] += (uint64_t)(v * v);
            }
    }
    return squares;
}

// Random codewords for the layers from `first` on, with coordinates evenly spread about zero. Their length is that of the
// projection of what is left on the best of K random directions: the best has a cosine whose square is 1 - K^(-2 / D), so a
// layer leaves K^(-2 / D) of the square. The last codeword is zero, so that a row may stay as it is.
bool set_random_layers(Trainer &t, size_t first) noexcept
{
    const size_t D = t.h->dims, K = t.h->codewords;
    const double left_sq = std::max(std::pow((double)K, -2.0 / (double)D), 0.1);
    for (size_t m = first; m < t.h->layers; m++) {
        const double norm = std::sqrt(std::pow(left_sq, (double)m) * (1 - left_sq) / (double)D);
        const float scale = (float)(norm / random_coordinate_size(t.h->codeword_bits));
        Random random(t.options.seed + m);
        for (size_t b = 0; b < blocks(K); b++) {
            const size_t used = std::min<size_t>(K - 1 - 16 * b, 16);
            uint8_t *bytes = const_cast<uint8_t *>(book(*t.h, m)) + place(*t.h, 16 * b, 0);
            const auto squares = random_block(*t.h, used, bytes, random);
            for (size_t k = 0; k < 16 && 16 * b + k < K; k++) {
                const_cast<float *>(scales(*t.h, m))[16 * b + k] = k < used ? scale : 0;
                const_cast<float *>(norms_sq(*t.h, m))[16 * b + k] =
                    codeword_norm_sq((double)squares[k], scale);
            }
        }
        if (!t.progress.go_on(first > 0 ? 1 : (double)m / t.h->layers))
            return false;
    }
    return true;
}

// Reads the unit residuals into scratch: rows 0, step, 2 step, .. modulo the size of the sample, where step is about .618 of it
// and has no divisor in common with it, so that every row is met once. So the first n rows in scratch, for any n, are spread
// evenly over the sample, and rows that lie together in the sample, which may be alike, do not fill such a part.
bool read_rows(Trainer &t) noexcept
{
    size_t step = std::max<size_t>(1, (size_t)((double)t.l.rows * .618)); // the golden ratio spreads best
    while (std::gcd(step, t.l.rows) > 1)
        step++;
    for (size_t j = 0, i = 0; j < t.l.rows; j++, i = (i + step) % t.l.rows) {
        if (j % 512 == 0 && !t.progress.go_on(0))
            return false;
        if (read_unit(t, i, t.row(t.rows))) {
            t.norms()[t.rows] = 1;
            t.which()[t.rows++] = (uint32_t)i;
        }
    }
    return true;
}

// Layer by layer, refitted, and by Adam if that is asked for; not if more than half of the rows have no residual.
bool train_trained(Trainer &t, const AdamPlan &plan) noexcept
{
    const bool together = plan.iterations > 0 && t.rows >= t.l.rows / 2;
    const double linear = together ? kLinearShare : 1, layers = linear * kLayersShare;
    if (together)
        t.rows -= plan.set_aside;
    if (!train_layers(t, {t.progress, 0, layers}) || !refit(t, {t.progress, layers, linear - layers}))
        return false;
    if (!together || t.h->trained_layers < t.h->layers) // what is left is next to nothing
        return true;
    return train_together(t, plan, {t.progress, linear, 1 - linear});
}

} // namespace

size_t ResidualQuantizer::image_bytes(const CodecOptions &options, size_t) noexcept
{
    return image_size(options.dims, layers_of(options), codewords_of(options)) +
           packed_size(options.dims, layers_of(options), codewords_of(options), few_bits(options));
}

size_t ResidualQuantizer::training_rows(const CodecOptions &options) noexcept
{
    return std::max(kRowsPerCodeword * codewords_of(options), kLeastRows);
}

size_t ResidualQuantizer::training_bytes(const CodecOptions &options, size_t rows) noexcept
{
    return layout(options, rows).bytes;
}

bool ResidualQuantizer::train(const CodecOptions &options, const TrainingSet &set, uint8_t *image,
                              void *scratch, const Progress &progress) noexcept
{
    Trainer t(options, set, progress, layout(options, set.rows), image, scratch);
    t.h->layers = (uint32_t)layers_of(options);
    t.h->codewords = (uint32_t)codewords_of(options);
    t.h->weight_bits = (uint32_t)options.value[kWeightBits];
    t.h->codeword_bits = few_bits(options);
    t.h->packed = t.h->codeword_bits > 0;
    for (size_t m = 0; m < t.h->layers; m++)
        clear_layer(t.h, m);
    const AdamPlan plan = enough(options, set.rows) ? adam_plan(options, t.l.rows) : AdamPlan();
    if (!read_rows(t))
        return false;
    if (enough(options, t.rows) && !train_trained(t, plan))
        return false;
    if (!set_random_layers(t, t.h->trained_layers) || !measure(t))
        return false;
    if (t.h->packed)
        pack_books(options, image);
    return true;
}

} // namespace vq
