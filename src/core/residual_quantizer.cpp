// Residual quantizer: its image's shape, and a query's tables.
#include "core/residual_quantizer.h"

#include "core/rq_image.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace vq {

using namespace rq;

namespace {

struct Query
{
    QueryHead head;
    uint32_t layers;
    uint32_t bytes;   // of a code; tables of 256 entries where that is `layers`
    uint32_t entries; // of a table: 256 or 16
    // then, 64-byte aligned: all tables, floats of all tables
};

constexpr size_t kQueryHeader = 64;
static_assert(sizeof(Query) <= kQueryHeader);

size_t entries_of(const RqImage &h) noexcept
{
    return has_bytes(h) ? 256 : 16;
}

// Two layers share a code row where a table has 16 entries: the second may be there for filling.
size_t tables_bytes(const RqImage &h) noexcept
{
    return padded((has_bytes(h) ? 256 : 32) * code_bytes(h));
}

uint8_t *tables_of(Query *q) noexcept
{
    return reinterpret_cast<uint8_t *>(q) + kQueryHeader;
}
const uint8_t *tables_of(const Query &q) noexcept
{
    return tables_of(const_cast<Query *>(&q));
}

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
    r->step = inverse > 0 ? most / kLargest : most; // a vanishing query is all zero, and all error
    std::memset(r->bytes, 0, 2 * n);
    for (size_t d = 0; d < dims; d++) {
        const int v = (int)std::lrintf(query[d] * inverse), high = (v + 128) >> 8;
        r->bytes[d] = (int8_t)high;
        r->bytes[n + d] = (int8_t)std::max(v - 256 * high, -127);
    }
}

struct Spans
{
    float largest; // between the entries of a table
    double lows;   // sum of the smallest entries
};

// Float tables, 16 * blocks entries a layer, each shifted to begin at 0.
Spans build_tables(const RqImage &h, const float *query, float *tables, float *query_step) noexcept
{
    const size_t n = 16 * blocks(h.codewords), pitch = 4 * quads(h.dims);
    RoundedQuery r;
    round_query(query, h.dims, &r);
    *query_step = r.step;
    Spans s = {};
    for (size_t m = 0; m < h.layers; m++) {
        int32_t dots[2 * kMostCodewords];
        simd::kernels().byte_dots(r.bytes, 2, pitch, book(h, m), blocks(h.codewords), quads(h.dims), dots, n);
        float *table = tables + m * n;
        const float *scale = scales(h, m);
        for (size_t k = 0; k < n; k++)
            table[k] = (256.0f * (float)dots[k] + (float)dots[n + k]) * (scale[k] * r.step);
        const auto [low, high] = std::minmax_element(table, table + h.codewords);
        const float lowest = *low;
        s.largest = std::max(s.largest, *high - lowest);
        s.lows += lowest;
        for (size_t k = 0; k < n; k++)
            table[k] -= lowest;
    }
    return s;
}

void quantize(const float *table, size_t codewords, float inverse, uint8_t *out) noexcept
{
    for (size_t k = 0; k < codewords; k++) {
        const float v = table[k] * inverse + 0.5f;
        out[k] = (uint8_t)(int)(v < 255 ? v : 255);
    }
}

bool in_range(float v, float most) noexcept
{
    return v >= 0 && v <= most; // false for NaN
}

} // namespace

bool ResidualQuantizer::valid(const uint8_t *image, size_t bytes, uint32_t dims) noexcept
{
    if (bytes < sizeof(RqImage))
        return false;
    const RqImage &h = header(image);
    if (h.magic != kImageMagic || h.dims != dims || dims < 1 || dims > kMaxDims || h.layers < kLeastLayers ||
        h.layers > kMostLayers || h.codewords < kLeastCodewords || h.codewords > kMostCodewords ||
        h.trained_layers > h.layers || bytes != image_size(dims, h.layers, h.codewords) ||
        !in_range(h.scale_per_error, 1e30f) || h.training > kTrained || !in_range(h.training_gain, 1))
        return false;
    bool sound = true;
    for (size_t m = 0; m < h.layers; m++)
        for (size_t k = 0; k < h.codewords; k++)
            sound &= in_range(scales(h, m)[k], 1) && in_range(norms_sq(h, m)[k], 128.0f * 128 * kMaxDims);
    return sound;
}

CodecShape ResidualQuantizer::shape(const uint8_t *image) noexcept
{
    const RqImage &h = header(image);
    const size_t floats = h.layers * 16 * blocks(h.codewords);
    return {h.dims, (uint32_t)code_bytes(h), 0,
            (uint32_t)(kQueryHeader + tables_bytes(h) + floats * sizeof(float))};
}

void ResidualQuantizer::describe(const uint8_t *image, char *text, size_t size) noexcept
{
    const RqImage &h = header(image);
    char gain[64] = "";
    if (h.training == kTrained)
        std::snprintf(gain, sizeof gain, ", together (%.1f %% less left)", 100 * (double)h.training_gain);
    std::snprintf(text, size, "residual quantization, %u layers of %u codewords, %u of them trained%s",
                  h.layers, h.codewords, h.trained_layers, gain);
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
    q->entries = (uint32_t)entries_of(h);
    uint8_t *out = tables_of(q);
    float *tables = reinterpret_cast<float *>(out + tables_bytes(h)), query_step;
    const Spans s = build_tables(h, query, tables, &query_step);
    std::memset(out, 0, tables_bytes(h));
    const float step = s.largest / 255;
    constexpr double kLimit = 1e37; // sums of table entries must fit float
    if (!((double)step * 255 * h.layers < kLimit) || !(std::fabs(s.lows) < kLimit)) {
        q->head.table_error = q->head.table_weight = 1e18f; // tables say nothing about this query
        return;
    }
    const float inverse = step > 1e-37f ? 1 / step : 0;
    for (size_t m = 0; m < h.layers; m++)
        quantize(tables + m * 16 * blocks(h.codewords), h.codewords, inverse, out + m * q->entries);
    q->head.mul = step;
    q->head.offset = (float)s.lows;
    // Roundings uniform in +- step / 2: one a layer, and those of the query along r~, which is about as long as u.
    q->head.table_error =
        std::sqrt((float)h.layers * step * step + query_step * query_step) / std::sqrt(12.0f);
    q->head.table_weight = h.scale_per_error;
}

void ResidualQuantizer::scan_tile(const void *state, const uint8_t *codes, size_t first, size_t rows,
                                  uint32_t acc[simd::kTileRows]) noexcept
{
    const Query &q = *static_cast<const Query *>(state);
    const auto &k = simd::kernels();
    if (q.entries == 256)
        k.bytescan8(codes, tables_of(q) + 256 * first, rows, acc);
    else
        k.fastscan8(codes, tables_of(q) + 32 * first, rows, acc);
}

uint32_t ResidualQuantizer::scan_row(const void *state, const uint8_t *code) noexcept
{
    const Query &q = *static_cast<const Query *>(state);
    const uint8_t *table = tables_of(q);
    uint32_t sum = 0;
    for (size_t b = 0; b < q.bytes; b++)
        if (q.entries == 256)
            sum += table[256 * b + code[b]];
        else
            sum += table[32 * b + (code[b] & 15)] + table[32 * b + 16 + (code[b] >> 4)];
    return sum;
}

float ResidualQuantizer::scan_fine(const void *, uint32_t, const uint8_t *) noexcept
{
    return 0;
}

void ResidualQuantizer::decode(const uint8_t *image, const uint8_t *code, float *residual) noexcept
{
    const RqImage &h = header(image);
    std::memset(residual, 0, h.dims * sizeof(float));
    for (size_t m = 0; m < h.layers; m++) {
        const size_t k = has_bytes(h) ? code[m] : m % 2 == 0 ? code[m / 2] & 15 : code[m / 2] >> 4;
        if (k >= h.codewords)
            continue; // of a damaged code
        const uint8_t *bytes = book(h, m);
        const float scale = scales(h, m)[k];
        for (size_t d = 0; d < h.dims; d++)
            residual[d] += scale * (float)(bytes[place(h, k, d / 4) + d % 4] - 128);
    }
}

} // namespace vq
