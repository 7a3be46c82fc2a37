// Product quantizer: its image's shape, and a query's tables.
#include "core/product_quantizer.h"

#include "core/magnitude.h"
#include "core/pq_image.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace vq {

using namespace pq;

namespace {

constexpr size_t kWideShare = 16;       // one column in so many, the first ones, may have a table of 16 bits,
constexpr float kWideWorthwhile = 1.2f; // if that makes the step at least so many times finer

struct Query
{
    QueryHead head;
    uint32_t code_rows;
    uint32_t wide_rows; // code rows, from the first on, whose tables have 16 bits
    // then, 64-byte aligned: low bytes of all tables (32 a code row), high bytes of the wide ones, floats of all tables
};

constexpr size_t kQueryHeader = 64;
static_assert(sizeof(Query) <= kQueryHeader);

size_t code_rows_of(const PqImage &h) noexcept
{
    return (columns(h.space_dims, h.sub_dims) + 1) / 2;
}

size_t wide_rows_of(const PqImage &h) noexcept
{
    const size_t n = columns(h.space_dims, h.sub_dims);
    return ((n + kWideShare - 1) / kWideShare + 1) / 2;
}

uint8_t *table_low(Query *q) noexcept
{
    return reinterpret_cast<uint8_t *>(q) + kQueryHeader;
}
uint8_t *table_high(Query *q) noexcept
{
    return table_low(q) + padded(32 * (size_t)q->code_rows);
}
const uint8_t *table_low(const Query &q) noexcept
{
    return table_low(const_cast<Query *>(&q));
}
const uint8_t *table_high(const Query &q) noexcept
{
    return table_high(const_cast<Query *>(&q));
}

// Takes the smallest entry off all entries and returns it; *span becomes the largest that is left.
float lift(float table[kCentroids], float *span) noexcept
{
    float low = table[0], high = table[0];
    for (size_t k = 1; k < kCentroids; k++) {
        low = table[k] < low ? table[k] : low;
        high = table[k] > high ? table[k] : high;
    }
    for (size_t k = 0; k < kCentroids; k++)
        table[k] -= low;
    *span = high - low;
    return low;
}

struct Spans
{
    float wide;   // largest of the columns that may have 16 bits
    float narrow; // of the others
    double lows;  // sum of the smallest entries
};

Spans build_tables(const PqImage &h, const float *query, float *tables) noexcept
{
    Spans s = {};
    const size_t wide_columns = 2 * wide_rows_of(h);
    simd::kernels().subspace_dots(query, codebook(h, 0), h.space_dims, h.sub_dims, tables);
    for (size_t j = 0; j < columns(h.space_dims, h.sub_dims); j++) {
        float span;
        s.lows += lift(tables + kCentroids * j, &span);
        float &largest = j < wide_columns ? s.wide : s.narrow;
        largest = span > largest ? span : largest;
    }
    return s;
}

void quantize_narrow(const float *table, float inverse, uint8_t *low) noexcept
{
    for (size_t k = 0; k < kCentroids; k++) {
        const float v = table[k] * inverse + 0.5f;
        low[k] = (uint8_t)(int)(v < 255 ? v : 255);
    }
}

void quantize_wide(const float *table, float inverse, uint8_t *low, uint8_t *high) noexcept
{
    for (size_t k = 0; k < kCentroids; k++) {
        const float v = table[k] * inverse + 0.5f;
        const int entry = (int)(v < 65535 ? v : 65535);
        low[k] = (uint8_t)entry;
        high[k] = (uint8_t)(entry >> 8);
    }
}

} // namespace

// Sixteen centroids for four dimensions say the less the fewer there are, since fewer errors average out: bench/README.md, "Few dimensions". One
// dimension alone would be faster still up to 64, but leaves errors so small and even that bounds calibrated by rows miss what far queries want.
CodecOptions ProductQuantizer::chosen_options(const CodecOptions &options, double) noexcept
{
    CodecOptions o = options;
    if (o.value[kSubDims] == 0)
        o.value[kSubDims] = o.dims <= 256 ? 2 : 4;
    return o;
}

bool ProductQuantizer::valid_options(const CodecOptions &options) noexcept
{
    const int32_t sub_dims = options.value[kSubDims], threshold = options.value[kThreshold],
                  rotation = options.value[kRotation];
    return sub_dims >= 1 && sub_dims <= (int32_t)kMaxSubDims && threshold >= kAuto &&
           threshold <= kUnitThreshold / 10 * 9 && (rotation == kTrained || rotation == kRandom);
}

bool ProductQuantizer::trained(const uint8_t *image) noexcept
{
    return header(image).typical_norm > 0;
}

bool ProductQuantizer::valid(const uint8_t *image, size_t bytes, uint32_t dims) noexcept
{
    if (bytes < sizeof(PqImage))
        return false;
    const PqImage &h = header(image);
    if (h.magic != PqImage::kMagic || h.dims != dims || dims < 1 || dims > kMaxDims || h.sub_dims < 1 ||
        h.sub_dims > kMaxSubDims || h.rotation > kRandom || h.space_dims != space_dims_of(h.rotation, dims) ||
        bytes != image_size(h.rotation, dims, h.sub_dims) || !(h.threshold >= 0 && h.threshold <= 0.9f) ||
        !std::isfinite(h.parallel_weight) || !(h.typical_norm >= 0) || !std::isfinite(h.typical_norm) ||
        !(h.scale_per_error >= 0) || !std::isfinite(h.scale_per_error))
        return false;
    const float *book = codebook(h, 0);
    if (!all_finite(book, codebook_floats(h.space_dims, h.sub_dims)))
        return false;
    return h.rotation != kTrained || pca_rotation_valid(rotation(h), pca_rotation_bytes(dims), dims);
}

static CodecShape shape_of(const PqImage &h) noexcept
{
    const size_t code_rows = code_rows_of(h);
    const size_t query = kQueryHeader + padded(32 * code_rows) + padded(32 * wide_rows_of(h)) +
                         2 * code_rows * kCentroids * sizeof(float);
    return {h.space_dims, (uint32_t)code_rows, 0, (uint32_t)query, 1};
}

CodecShape ProductQuantizer::shape(const uint8_t *image) noexcept
{
    return shape_of(header(image));
}

CodecShape ProductQuantizer::planned_shape(const CodecOptions &options) noexcept
{
    PqImage h = {};
    h.sub_dims = (uint32_t)options.value[kSubDims];
    h.space_dims = (uint32_t)space_dims_of((uint32_t)options.value[kRotation], options.dims);
    return shape_of(h);
}

void ProductQuantizer::describe(const uint8_t *image, char *text, size_t size) noexcept
{
    const PqImage &h = header(image);
    constexpr const char *kRotations[] = {"principal axes", "random rotation"};
    std::snprintf(text, size, "4-bit PQ, %u dimension%s a subspace, %s, threshold %.2f", h.sub_dims,
                  h.sub_dims > 1 ? "s" : "", kRotations[h.rotation], (double)h.threshold);
}

void ProductQuantizer::transform(const uint8_t *image, const float *x, float *y) noexcept
{
    transform_together(image, &x, 1, &y);
}

void ProductQuantizer::transform_together(const uint8_t *image, const float *const *x, size_t n,
                                          float *const *y) noexcept
{
    const PqImage &h = header(image);
    if (h.rotation == kTrained) {
        pca_rotation_apply(rotation(h), h.dims, x, n, y);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        std::memcpy(y[i], x[i], h.dims * sizeof(float));
        std::memset(y[i] + h.dims, 0, (h.space_dims - h.dims) * sizeof(float));
        rotate(rotation(h), h.space_dims, y[i]);
    }
}

void ProductQuantizer::prepare(const uint8_t *image, const float *query, int, void *state) noexcept
{
    const PqImage &h = header(image);
    Query *q = static_cast<Query *>(state);
    *q = {};
    const size_t n = columns(h.space_dims, h.sub_dims);
    q->code_rows = (uint32_t)code_rows_of(h);
    q->wide_rows = (uint32_t)wide_rows_of(h);
    uint8_t *low = table_low(q), *high = table_high(q);
    float *tables = reinterpret_cast<float *>(high + padded(32 * (size_t)q->wide_rows));
    const Spans s = build_tables(h, query, tables);

    float step = std::max(s.narrow / 255, s.wide / 65535);
    if (s.wide / 255 <= step * kWideWorthwhile) {
        q->wide_rows = 0;
        step = std::max(s.narrow, s.wide) / 255;
    }
    std::memset(low, 0, (size_t)(high - low));
    if (!((double)step * 65535 * (double)n < kTableLimit) || !(std::fabs(s.lows) < kTableLimit)) {
        q->wide_rows = 0;
        tables_say_nothing(&q->head);
        return;
    }
    const float inverse = step > 1e-37f ? 1 / step : 0;
    for (size_t j = 0; j < n; j++) {
        const float *table = tables + kCentroids * j;
        if (j < 2 * (size_t)q->wide_rows)
            quantize_wide(table, inverse, low + kCentroids * j, high + kCentroids * j);
        else
            quantize_narrow(table, inverse, low + kCentroids * j);
    }
    // A column that is there only to fill the last byte has code 0 and a table of zeros.
    if (n % 2 == 1 && n < 2 * (size_t)q->wide_rows)
        std::memset(high + kCentroids * n, 0, kCentroids);
    q->head.mul = step;
    q->head.offset = (float)s.lows;
    q->head.table_error = step * std::sqrt((float)n / 12); // n roundings, each uniform in +- step / 2
    q->head.table_weight = h.scale_per_error;
}

void ProductQuantizer::scan_tile(const void *state, const uint8_t *codes, size_t first, size_t rows,
                                 uint32_t acc[simd::kTileRows]) noexcept
{
    const Query &q = *static_cast<const Query *>(state);
    const auto &k = simd::kernels();
    size_t wide = 0;
    if (first < q.wide_rows) {
        wide = std::min(rows, q.wide_rows - first);
        k.fastscan16(codes, table_low(q) + 32 * first, table_high(q) + 32 * first, wide, acc);
    }
    if (rows > wide)
        k.fastscan8(codes + 32 * wide, table_low(q) + 32 * (first + wide), rows - wide, acc);
}

uint32_t ProductQuantizer::scan_row(const void *state, const uint8_t *code) noexcept
{
    const Query &q = *static_cast<const Query *>(state);
    const uint8_t *low = table_low(q), *high = table_high(q);
    uint32_t sum = 0;
    for (size_t b = 0; b < q.wide_rows; b++)
        sum += 256u * high[32 * b + (code[b] & 15)] + 256u * high[32 * b + 16 + (code[b] >> 4)];
    for (size_t b = 0; b < q.code_rows; b++)
        sum += low[32 * b + (code[b] & 15)] + low[32 * b + 16 + (code[b] >> 4)];
    return sum;
}

float ProductQuantizer::threshold(const uint8_t *image) noexcept
{
    return header(image).threshold;
}

} // namespace vq
