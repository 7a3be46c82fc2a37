// Residual quantizer: its image's shape, a query's tables, and codes decoded.
#include "core/residual_quantizer.h"

#include "core/rq_coordinates.h"
#include "core/rq_products.h"
#include "core/rq_query.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <numeric>

namespace vq {

using namespace rq;

namespace {

// q in two bytes a dimension, high and low, so that products with codewords are sums of integers.
struct RoundedQuery
{
    float step; // q is step * (256 high + low)
    int8_t bytes[2 * kMaxDims];
};

void round_query(const float *query, size_t dims, RoundedQuery *r) noexcept
{
    constexpr float kLargest = 32512; // 256 * 127
    const size_t n = 4 * quads(dims);
    float most = 0;
    for (size_t d = 0; d < dims; d++)
        most = std::max(most, std::fabs(query[d]));
    const float inverse = most > 1e-30f ? kLargest / most : 0;
    r->step = inverse > 0 ? most / kLargest : most; // a vanishing query becomes zero: all of it is error
    std::memset(r->bytes, 0, 2 * n);
    for (size_t d = 0; d < dims; d++) {
        const int v = (int)std::lrintf(query[d] * inverse), high = (v + 128) >> 8;
        r->bytes[d] = (int8_t)high;
        r->bytes[n + d] = (int8_t)std::max(v - 256 * high, -127);
    }
}

struct Spans
{
    float low[kMostLayers], high[kMostLayers]; // of the entries of a table
    float largest;                             // difference of these
    double lows;                               // sum of the smallest entries
};

// As codeword_dots, of the coordinates in few bits: levels are 2 i - most_level, so that many times the sum of the row is in excess.
void packed_dots(const RqImage &h, const RoundedQuery &r, int32_t *dots) noexcept
{
    const size_t groups = quads(h.dims), pitch = 4 * groups, books = h.layers * blocks(h.codewords),
                 all = 16 * books;
    simd::kernels().few_bit_dots(r.bytes, 2, pitch, packed_books(h), books,
                                 packed_block_bytes(h.dims, h.codeword_bits), h.codeword_bits, groups, dots,
                                 all);
    for (size_t row = 0; row < 2; row++) {
        const int32_t sum = std::accumulate(r.bytes + row * pitch, r.bytes + (row + 1) * pitch, 0);
        const int32_t excess = most_level(h.codeword_bits) * sum;
        for (size_t k = row * all; k < (row + 1) * all; k++)
            dots[k] = 2 * dots[k] - excess;
    }
}

struct Span
{
    float low, high;
};

// Four at a time: std::minmax_element waits for each comparison.
Span span_of(const float *table, size_t n) noexcept
{
    constexpr size_t kLanes = 4;
    float low[kLanes], high[kLanes];
    std::fill_n(low, kLanes, table[0]);
    std::fill_n(high, kLanes, table[0]);
    for (size_t k = 0; k < n; k += kLanes)
        for (size_t i = 0; i < std::min(kLanes, n - k); i++) {
            low[i] = std::min(low[i], table[k + i]);
            high[i] = std::max(high[i], table[k + i]);
        }
    return {*std::min_element(low, low + kLanes), *std::max_element(high, high + kLanes)};
}

// Float tables, 16 * blocks entries a layer.
Spans build_tables(const RqImage &h, const float *query, float *tables, float *query_step) noexcept
{
    const size_t n = 16 * blocks(h.codewords), all = h.layers * n;
    RoundedQuery r;
    round_query(query, h.dims, &r);
    *query_step = r.step;
    int32_t dots[2 * kMostLayers * kMostCodewords];
    if (h.packed)
        packed_dots(h, r, dots);
    else
        codeword_dots(h, r.bytes, 2, dots);
    Spans s = {};
    for (size_t m = 0; m < h.layers; m++) {
        const int32_t *high_dots = dots + m * n, *low_dots = high_dots + all;
        float *table = tables + m * n;
        const float *scale = h.packed ? packed_scales(h) + m * n : scales(h, m);
        for (size_t k = 0; k < n; k++)
            table[k] =
                (256.0f * (float)high_dots[k] + (float)low_dots[k]) * (scale[k] * r.step) + 0.0f; // no -0
        const auto [low, high] = span_of(table, h.codewords);
        s.low[m] = low;
        s.high[m] = high;
        s.largest = std::max(s.largest, high - low);
        s.lows += low;
    }
    return s;
}

// Bytes of a table: entries less origin, in units of 1 / inverse.
void quantize(const float *table, size_t codewords, float origin, float inverse, uint8_t *out) noexcept
{
    for (size_t k = 0; k < codewords; k++) {
        const float v = (table[k] - origin) * inverse + 0.5f;
        out[k] = (uint8_t)(int)(v < 255 ? v : 255);
    }
}

// Tables whose smallest entries are 0; the sum of what was taken off is a constant of the query, its offset. False if the
// tables cannot hold the query.
bool plain_tables(const RqImage &h, const Spans &s, const float *tables, Query *q) noexcept
{
    const float step = s.largest / 255;
    if (!((double)step * 255 * h.layers < kTableLimit) || !(std::fabs(s.lows) < kTableLimit))
        return false;
    const float inverse = step > 1e-37f ? 1 / step : 0;
    for (size_t m = 0; m < h.layers; m++)
        quantize(tables + m * 16 * blocks(h.codewords), h.codewords, s.low[m], inverse,
                 tables_of(q) + m * q->stride);
    q->head.mul = step;
    q->head.offset = (float)s.lows;
    return true;
}

// With weights, what is taken off a layer's table is not constant, for it is multiplied by the row's weight. So that is a whole
// number of steps, which scanning adds again (Query::shift): the middle of the table becomes 128.
bool weighted_tables(const RqImage &h, const Spans &s, const float *tables, Query *q) noexcept
{
    float farthest = 0; // middle from zero
    for (size_t m = 0; m < h.layers; m++)
        farthest = std::max(farthest, std::fabs(s.low[m] / 2 + s.high[m] / 2));
    const float step = std::max(s.largest / 253, farthest / kMostShift);
    if (!((double)step * 2 * kMostSteps * 4 * h.layers < kTableLimit) || !(std::fabs(s.lows) < kTableLimit))
        return false;
    const float inverse = step > 1e-37f ? 1 / step : 0;
    for (size_t m = 0; m < h.layers; m++) {
        const float at = (s.low[m] / 2 + s.high[m] / 2) * inverse;
        const int middle = inverse > 0 ? (int)std::lrintf(at) : 128; // 128: no shift, all entries are zero
        q->shift[m] = (int16_t)(middle - 128);
        quantize(tables + m * 16 * blocks(h.codewords), h.codewords, step * (float)(middle - 128), inverse,
                 tables_of(q) + m * q->stride + (has_bytes(h) ? 0 : m % 2 * 16));
    }
    q->head.mul = step * kWeightUnit;
    q->head.offset = (float)(-(double)q->head.mul * kLayerBias * h.layers);
    return true;
}

bool in_range(float v, float most) noexcept
{
    return v >= 0 && v <= most; // false for NaN
}

bool known_weight_bits(uint32_t bits) noexcept
{
    return bits == 0 || bits == 4 || bits == 8 || bits == 16;
}

bool known_weights(const RqImage &h) noexcept
{
    constexpr float kMostNorm = 40; // 96 layers of 4
    return known_weight_bits(h.weight_bits) && in_range(h.weights_norm, h.weight_bits == 0 ? 0 : kMostNorm);
}

} // namespace

bool ResidualQuantizer::valid_options(const CodecOptions &options) noexcept
{
    const auto value = [&](Option o) { return (uint32_t)options.value[o]; };
    return value(kLayers) >= kLeastLayers && value(kLayers) <= kMostLayers &&
           value(kCodewords) >= kLeastCodewords && value(kCodewords) <= kMostCodewords &&
           known_weight_bits(value(kWeightBits)) && value(kTraining) <= kTrained &&
           known_codeword_bits(value(kCodewordBits));
}

bool ResidualQuantizer::trained(const uint8_t *image) noexcept
{
    return header(image).trained_layers > 0;
}

constexpr uint32_t kUsualLayers = 64;

// Whether rows take so many times what codebooks take, stored with so many bits.
static bool outweigh(const CodecOptions &o, double rows, uint32_t bits, double times) noexcept
{
    constexpr double kRest = 14; // bytes of a row beside its code
    const double bytes = rows * (kRest + ResidualQuantizer::planned_shape(o).code_bytes);
    return times * (double)stored_size(o, bits) <= bytes;
}

// Rows take at least so many times what codebooks take: of bytes, of fewer bits.
constexpr double kTimesBytes = 6, kTimesFewer = 2;

// Codebooks should take little beside the rows. Four bits lose nothing that could be measured, two nothing where rows are many, and one some, the less
// the more rows there are (bench/README.md, Codebooks of small indexes). A query reads all of them: with sixteen codewords a layer, those that would
// take much of the second-level cache have two bits at most.
static int32_t choose_codeword_bits(const CodecOptions &o, double rows) noexcept
{
    constexpr size_t kFewPages = 32768; // bytes that are not worth saving at
    constexpr size_t kQuick = 131072;   // bytes that a query reads quickly
    const bool large =
        stored_size(o, 8) > kQuick && o.value[ResidualQuantizer::kCodewords] <= (int32_t)kLeastCodewords;
    for (const uint32_t bits : {8u, 4u, 2u})
        if ((bits == 2 || !large) && (stored_size(o, bits) <= kFewPages ||
                                      outweigh(o, rows, bits, bits == 8 ? kTimesBytes : kTimesFewer)))
            return (int32_t)bits;
    return 1;
}

// As many layers as are worth their bytes; in few dimensions the first ones leave nothing. Many want more, for rows that have to be looked at lie in
// TOAST there; but not where rows are so few that codebooks weigh much, nor where products of codewords (rq_products.h) would be too many. With 16
// codewords two layers share a byte.
static int32_t choose_layers(CodecOptions o, double rows) noexcept
{
    constexpr uint32_t kFewOfBytes = 24, kDimsOfLayer = 8, kStep = 8;
    const uint32_t dims = o.dims, codewords = (uint32_t)o.value[ResidualQuantizer::kCodewords];
    if (codewords > kLeastCodewords)
        return (int32_t)std::clamp(2 * dims, kLeastLayers, kFewOfBytes);
    uint32_t layers = std::clamp(dims / kDimsOfLayer, kUsualLayers, kMostLayers);
    while (layers > kUsualLayers && product_table_bytes(dims, layers, codewords) == 0)
        layers = std::max(layers - kStep, kUsualLayers);
    o.value[ResidualQuantizer::kLayers] = (int32_t)layers;
    const uint32_t bits = o.value[ResidualQuantizer::kCodewordBits] > 0
                              ? (uint32_t)o.value[ResidualQuantizer::kCodewordBits]
                              : 2;
    if (!outweigh(o, rows, bits, kTimesFewer))
        layers = kUsualLayers;
    return (int32_t)std::clamp(2 * dims, kLeastLayers, layers);
}

CodecOptions ResidualQuantizer::chosen_options(const CodecOptions &options, double rows) noexcept
{
    CodecOptions o = options;
    if (o.value[kLayers] == 0)
        o.value[kLayers] = choose_layers(o, rows);
    if (o.value[kCodewordBits] == 0)
        o.value[kCodewordBits] = choose_codeword_bits(o, rows);
    return o;
}

// They are made again of the options whenever the index is read: a change is a new format.
CodecOptions ResidualQuantizer::untrained_options(const CodecOptions &options) noexcept
{
    CodecOptions o = options;
    if (o.value[kWeightBits] == 0 && o.value[kCodewords] > (int32_t)kLeastCodewords)
        o.value[kLayers] = std::min(2 * o.value[kLayers], std::max(o.value[kLayers], (int32_t)kUsualLayers));
    o.value[kCodewords] = kLeastCodewords;
    o.value[kTraining] = kLinear;
    o.value[kCodewordBits] = 0;
    return o;
}

bool ResidualQuantizer::valid(const uint8_t *image, size_t bytes, uint32_t dims) noexcept
{
    if (bytes < sizeof(RqImage))
        return false;
    const RqImage &h = header(image);
    if (h.magic != RqImage::kMagic || h.dims != dims || dims < 1 || dims > kMaxDims ||
        h.layers < kLeastLayers || h.layers > kMostLayers || h.codewords < kLeastCodewords ||
        h.codewords > kMostCodewords || h.trained_layers > h.layers || !known_weights(h) ||
        !known_codeword_bits(h.codeword_bits) || h.codeword_bits == 8 || h.packed > (h.codeword_bits > 0) ||
        bytes != image_size(dims, h.layers, h.codewords) +
                     packed_size(dims, h.layers, h.codewords, h.packed ? h.codeword_bits : 0) ||
        !in_range(h.scale_per_error, 1e30f) || !in_range(h.mean_share, 1e3f) || h.training > kTrained ||
        !in_range(h.training_gain, 1))
        return false;
    bool sound = true;
    for (size_t m = 0; m < h.layers; m++)
        for (size_t k = 0; k < h.codewords; k++)
            sound &= in_range(scales(h, m)[k], 1) && in_range(norms_sq(h, m)[k], 128.0f * 128 * kMaxDims);
    return sound;
}

static CodecShape shape_of(const RqImage &h) noexcept
{
    const size_t floats = h.layers * 16 * blocks(h.codewords);
    return {h.dims, (uint32_t)code_bytes(h), 0,
            (uint32_t)(kQueryHeader + tables_bytes(h) + floats * sizeof(float)),
            h.weight_bits == 0 ? 1 : (uint32_t)row_group(h.codewords, h.weight_bits).bytes};
}

CodecShape ResidualQuantizer::shape(const uint8_t *image) noexcept
{
    return shape_of(header(image));
}

CodecShape ResidualQuantizer::planned_shape(const CodecOptions &options) noexcept
{
    RqImage h = {};
    h.dims = options.dims;
    h.layers = (uint32_t)options.value[kLayers];
    h.codewords = (uint32_t)options.value[kCodewords];
    h.weight_bits = (uint32_t)options.value[kWeightBits];
    return shape_of(h);
}

void ResidualQuantizer::describe(const uint8_t *image, char *text, size_t size) noexcept
{
    const RqImage &h = header(image);
    char weights[48] = "", coordinates[48] = "", gain[64] = "";
    if (h.weight_bits != 0)
        std::snprintf(weights, sizeof weights, " with weights of %u bits", h.weight_bits);
    if (h.codeword_bits != 0)
        std::snprintf(coordinates, sizeof coordinates, " with coordinates of %u bit%s", h.codeword_bits,
                      h.codeword_bits > 1 ? "s" : "");
    if (h.training == kTrained)
        std::snprintf(gain, sizeof gain, ", together (%.1f %% less left)", 100 * (double)h.training_gain);
    std::snprintf(text, size, "residual quantization, %u layers of %u codewords%s%s, %u of them trained%s",
                  h.layers, h.codewords, coordinates, weights, h.trained_layers, gain);
}

Shortfall ResidualQuantizer::shortfall(const uint8_t *image, size_t rows, char *text, size_t size) noexcept
{
    const RqImage &h = header(image);
    const size_t least = kMinRowsPerCodeword * h.codewords;
    const size_t good = kGoodRowsPerCodeword * h.codewords;
    if (h.trained_layers == h.layers && rows >= good)
        return Shortfall::None;
    if (h.trained_layers == h.layers) {
        std::snprintf(text, size, "Rows to train on: %zu. Codebooks of %u are good from %zu on.", rows,
                      h.codewords, good);
        return Shortfall::Few;
    }
    if (h.trained_layers > 0)
        std::snprintf(text, size, "%u of %u layers left next to nothing of the sampled rows.",
                      h.trained_layers, h.layers);
    else if (rows < least)
        std::snprintf(text, size, "Rows to train on: %zu. Codebooks of %u need %zu.", rows, h.codewords,
                      least);
    else
        std::snprintf(text, size, "Nearly all of %zu sampled rows equal the centroid of their list.", rows);
    return h.trained_layers > 0 ? Shortfall::Part : Shortfall::All;
}

void ResidualQuantizer::transform(const uint8_t *image, const float *x, float *y) noexcept
{
    std::memcpy(y, x, header(image).dims * sizeof(float));
}

void ResidualQuantizer::prepare(const uint8_t *image, const float *query, int, void *state) noexcept
{
    const RqImage &h = header(image);
    Query *q = static_cast<Query *>(state);
    *q = {};
    q->layers = h.layers;
    q->bytes = (uint32_t)code_bytes(h);
    q->stride = (uint32_t)table_stride(h);
    q->codewords = h.codewords;
    q->tables_bytes = (uint32_t)tables_bytes(h);
    q->mean_share = h.mean_share;
    q->weight_bits = h.weight_bits;
    float *tables = reinterpret_cast<float *>(tables_of(q) + tables_bytes(h)), query_step;
    const Spans s = build_tables(h, query, tables, &query_step);
    std::memset(tables_of(q), 0, tables_bytes(h));
    const bool weights = h.weight_bits != 0;
    if (!(weights ? weighted_tables(h, s, tables, q) : plain_tables(h, s, tables, q))) {
        tables_say_nothing(&q->head);
        return;
    }
    // Roundings are uniform in +- step / 2: one for each layer, times its weight, and those of the query's coordinates, whose
    // product with r~ varies like one of them, for r~ is nearly a unit vector.
    const float step = weights ? q->head.mul / kWeightUnit : q->head.mul;
    const float layers = weights ? h.weights_norm * h.weights_norm : (float)h.layers;
    q->head.table_error = std::sqrt(layers * step * step + query_step * query_step) / std::sqrt(12.0f);
    q->head.table_weight = h.scale_per_error;
}

void ResidualQuantizer::decode(const uint8_t *image, const uint8_t *code, float *residual) noexcept
{
    const RqImage &h = header(image);
    std::memset(residual, 0, h.dims * sizeof(float));
    for (size_t m = 0; m < h.layers; m++) {
        const size_t k = codeword_of(h, code, m);
        float weight = 1;
        if (h.weight_bits != 0)
            weight = kWeightUnit * (float)fixed_weight(
                                       h.weight_bits, read_layer(h.codewords, h.weight_bits, code, m).weight);
        if (k < h.codewords) // a damaged code may have any k
            add_codeword(h, m, k, weight, residual);
    }
}

} // namespace vq
