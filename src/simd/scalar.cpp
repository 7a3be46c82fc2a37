// The oracle: every kernel in the plainest form, for every CPU. The other levels are tested against this
// table. Elements are read by memcpy, because pointers need not be aligned.
#include "simd/half.h"
#include "simd/levels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace vq::simd {

namespace {

template <class T>
T load(const void *p) noexcept
{
    T value;
    std::memcpy(&value, p, sizeof value);
    return value;
}

template <class T>
T at(const T *p, size_t i) noexcept
{
    return load<T>(reinterpret_cast<const char *>(p) + i * sizeof(T));
}

template <class T>
void put(T *p, size_t i, T value) noexcept
{
    std::memcpy(reinterpret_cast<char *>(p) + i * sizeof(T), &value, sizeof value);
}

// Four running sums: the rounding error grows with n / 4 and the adds do not wait for one another.
template <class Term>
float sum_of(size_t n, Term term) noexcept
{
    float s[4] = {};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t j = 0; j < 4; j++)
            s[j] += term(i + j);
    for (; i < n; i++)
        s[i % 4] += term(i);
    return (s[0] + s[1]) + (s[2] + s[3]);
}

float element(const float *p, size_t i) noexcept
{
    return at(p, i);
}

float element(const uint16_t *p, size_t i) noexcept
{
    return half_to_float(at(p, i));
}

// T: float, or uint16_t for halfs.
template <class T>
float dot(const T *a, const T *b, size_t n) noexcept
{
    return sum_of(n, [=](size_t i) { return element(a, i) * element(b, i); });
}

template <class T>
float l2sq(const T *a, const T *b, size_t n) noexcept
{
    return sum_of(n, [=](size_t i) {
        float d = element(a, i) - element(b, i);
        return d * d;
    });
}

template <class T>
float l1(const T *a, const T *b, size_t n) noexcept
{
    return sum_of(n, [=](size_t i) { return std::fabs(element(a, i) - element(b, i)); });
}

template <class T>
void dot_norms(const T *a, const T *b, size_t n, float out[3]) noexcept
{
    put(out, 0, dot(a, b, n));
    put(out, 1, dot(a, a, n));
    put(out, 2, dot(b, b, n));
}

void halfs_to_floats(const uint16_t *x, float *out, size_t n) noexcept
{
    for (size_t i = 0; i < n; i++)
        put(out, i, element(x, i));
}

void floats_to_halfs(const float *x, uint16_t *out, size_t n) noexcept
{
    for (size_t i = 0; i < n; i++)
        put(out, i, float_to_half(at(x, i)));
}

void axpy(float alpha, const float *x, float *y, size_t n) noexcept
{
    for (size_t i = 0; i < n; i++)
        put(y, i, at(y, i) + alpha * at(x, i));
}

void dot_block(const float *x, size_t nx, size_t x_stride, const float *c, size_t nc, size_t c_stride,
               size_t dims, float *out, size_t out_stride) noexcept
{
    for (size_t i = 0; i < nx; i++)
        for (size_t j = 0; j < nc; j++)
            put(out, i * out_stride + j, dot(x + i * x_stride, c + j * c_stride, dims));
}

void fwht(float *x, size_t n) noexcept
{
    for (size_t h = 1; h < n; h *= 2)
        for (size_t base = 0; base < n; base += 2 * h)
            for (size_t i = base; i < base + h; i++) {
                float a = at(x, i), b = at(x, i + h);
                put(x, i, a + b);
                put(x, i + h, a - b);
            }
}

void flip_signs(float *x, const uint8_t *bits, size_t n) noexcept
{
    for (size_t i = 0; i < n; i++)
        if (bits[i / 8] >> (i % 8) & 1)
            put(x, i, -at(x, i));
}

// Code of row v in column 0 or 1 of a code row: in byte v % 16 of that column's half, the high nibble for v >= 16.
unsigned tile_code(const uint8_t *row, size_t column, size_t v) noexcept
{
    return row[16 * column + v % 16] >> (v < 16 ? 0 : 4) & 15u;
}

void fastscan8(const uint8_t *codes, const uint8_t *lut, size_t rows, uint32_t acc[kTileRows]) noexcept
{
    for (size_t v = 0; v < kTileRows; v++) {
        uint32_t sum = at(acc, v);
        for (size_t r = 0; r < rows; r++)
            for (size_t column = 0; column < 2; column++)
                sum += lut[32 * r + 16 * column + tile_code(codes + 32 * r, column, v)];
        put(acc, v, sum);
    }
}

void fastscan16(const uint8_t *codes, const uint8_t *lut_lo, const uint8_t *lut_hi, size_t rows,
                uint32_t acc[kTileRows]) noexcept
{
    for (size_t v = 0; v < kTileRows; v++) {
        uint32_t sum = at(acc, v);
        for (size_t r = 0; r < rows; r++)
            for (size_t column = 0; column < 2; column++) {
                size_t entry = 32 * r + 16 * column + tile_code(codes + 32 * r, column, v);
                sum += lut_lo[entry] + 256u * lut_hi[entry];
            }
        put(acc, v, sum);
    }
}

void bytescan8(const uint8_t *codes, const uint8_t *lut, size_t rows, uint32_t acc[kTileRows]) noexcept
{
    for (size_t v = 0; v < kTileRows; v++) {
        uint32_t sum = at(acc, v);
        for (size_t r = 0; r < rows; r++)
            sum += lut[256 * r + (tile_code(codes + 32 * r, 0, v) | tile_code(codes + 32 * r, 1, v) << 4)];
        put(acc, v, sum);
    }
}

uint32_t bit_planes_dot(const uint8_t *code, const uint8_t *planes, size_t bytes, unsigned nplanes) noexcept
{
    uint32_t total = 0;
    for (unsigned p = 0; p < nplanes; p++, planes += bytes) {
        uint32_t count = 0;
        size_t i = 0;
        for (; i + 8 <= bytes; i += 8)
            count += (uint32_t)std::popcount(load<uint64_t>(code + i) & load<uint64_t>(planes + i));
        for (; i < bytes; i++)
            count += (uint32_t)std::popcount((unsigned)(code[i] & planes[i]));
        total += count << p;
    }
    return total;
}

// The sums are written operation by operation: every level rounds in this order.
uint32_t tile_bounds(const TileBounds &bounds, float lower[kTileRows]) noexcept
{
    const TileBounds b = bounds; // a copy, which storing to lower cannot change
    uint32_t mask = 0;
    for (size_t v = 0; v < b.rows; v++) {
        float product = b.mul * (float)(int32_t)at(b.acc, v);
        float inner = product + b.offset;
        float scaled = bf16_to_float(at(b.scale, v)) * inner;
        float base = at(b.add, v) + (b.list_adds ? at(b.list_adds, v) : b.list_add);
        float estimate = base + scaled;
        float margin = (b.error_widths ? at(b.error_widths, v) : b.error_width) * bf16_to_float(at(b.err, v));
        float bound = estimate - margin;
        put(lower, v, bound);
        mask |= (uint32_t)(bound < b.threshold) << v;
    }
    return mask;
}

uint32_t keys_within(const uint64_t *keys, size_t n, uint64_t low, uint64_t high) noexcept
{
    uint32_t mask = 0;
    for (size_t v = 0; v < n; v++) {
        const uint64_t key = at(keys, v);
        mask |= (uint32_t)(key >= low && key <= high) << v;
    }
    return mask;
}

// Visits the subspaces of x: f(subspace, its first dimension, its dimensions, its half norms and coordinates).
template <class F>
void each_subspace(const float *codebook, size_t dims, size_t sub_dims, F f) noexcept
{
    for (size_t j = 0, first = 0; first < dims; j++, first += sub_dims) {
        const size_t width = dims - first < sub_dims ? dims - first : sub_dims;
        f(j, first, width, codebook);
        codebook += 16 * (1 + width);
    }
}

void nearest_codes(const float *x, const float *codebook, size_t dims, size_t sub_dims,
                   uint8_t *codes) noexcept
{
    each_subspace(codebook, dims, sub_dims, [=](size_t j, size_t first, size_t width, const float *block) {
        float least = INFINITY;
        codes[j] = 0;
        for (size_t k = 0; k < 16; k++) {
            float score = at(block, k);
            for (size_t d = 0; d < width; d++)
                score -= at(x, first + d) * at(block, 16 * (1 + d) + k);
            if (score < least)
                least = score, codes[j] = (uint8_t)k;
        }
    });
}

void subspace_dots(const float *x, const float *codebook, size_t dims, size_t sub_dims, float *out) noexcept
{
    each_subspace(codebook, dims, sub_dims, [=](size_t j, size_t first, size_t width, const float *block) {
        for (size_t k = 0; k < 16; k++) {
            float dot = 0;
            for (size_t d = 0; d < width; d++)
                dot += at(x, first + d) * at(block, 16 * (1 + d) + k);
            put(out, 16 * j + k, dot);
        }
    });
}

void byte_dots(const int8_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
               size_t block_stride, size_t quads, int32_t *out, size_t out_stride) noexcept
{
    for (size_t i = 0; i < nx; i++)
        for (size_t k = 0; k < 16 * blocks; k++) {
            const uint8_t *codeword = book + k / 16 * block_stride + k % 16 * 4;
            int32_t sum = 0;
            for (size_t d = 0; d < 4 * quads; d++)
                sum += x[i * x_stride + d] * (codeword[d / 4 * 64 + d % 4] - 128);
            put(out, i * out_stride + k, sum);
        }
}

void few_bit_dots(const int8_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
                  size_t block_stride, unsigned bits, size_t quads, int32_t *out, size_t out_stride) noexcept
{
    for (size_t i = 0; i < nx; i++)
        for (size_t k = 0; k < 16 * blocks; k++) {
            const uint8_t *codeword = book + k / 16 * block_stride + k % 16 * 4;
            int32_t sum = 0;
            for (size_t d = 0; d < 4 * quads; d++) {
                const size_t first = d / 4 * bits;
                const int number = codeword[first / 8 * 64 + d % 4] >> first % 8 & ((1 << bits) - 1);
                sum += x[i * x_stride + d] * number;
            }
            put(out, i * out_stride + k, sum);
        }
}

float round_to_bytes(const float *x, size_t n, int8_t *out) noexcept
{
    float most = 0;
    for (size_t d = 0; d < n; d++)
        most = std::fmax(most, std::fabs(at(x, d)));
    const float inverse = most > kLeastRounded ? 127 / most : 0;
    for (size_t d = 0; d < n; d++)
        out[d] = (int8_t)((int)(at(x, d) * inverse + 128.5f) - 128);
    return most / 127;
}

float take_off(const float *x, const uint8_t *codeword, float scale, size_t quads, float *left, int8_t *bytes,
               float *unit) noexcept
{
    float sum[16] = {};
    for (size_t d = 0; d < 4 * quads; d++) {
        const float v = at(x, d) - scale * ((float)codeword[d / 4 * 64 + d % 4] - 128);
        put(left, d, v);
        sum[d % 16] += v * v;
    }
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++)
            sum[i] += sum[i + half];
    if (bytes)
        *unit = round_to_bytes(left, 4 * quads, bytes);
    return sum[0];
}

void codeword_scores(const int8_t *x, size_t nx, const Codebook &book, const float *unit, const float *error,
                     float *score, float *least) noexcept
{
    for (size_t j = 0; j < 16 * nx; j++)
        put(least, j, INFINITY);
    for (size_t i = 0; i < nx; i++, x += 4 * book.quads)
        for (size_t b = 0; b < book.blocks; b++) {
            int32_t dots[16];
            byte_dots(x, 1, 0, book.bytes + b * 64 * book.quads, 1, 0, book.quads, dots, 0);
            for (size_t j = 0; j < 16; j++) {
                const size_t k = 16 * b + j;
                const float product = 2 * at(unit, i) * at(book.scale, k) * (float)dots[j];
                const float v = at(error, i) + (at(book.norm_sq, k) - product);
                put(score, 16 * book.blocks * i + k, v);
                put(least, 16 * i + j, std::fmin(at(least, 16 * i + j), v));
            }
        }
}

void product_scores(const float *terms, const uint16_t *products, const uint32_t *rows, size_t nx,
                    size_t stride, size_t chosen, size_t n, const float *error, float *score,
                    float *least) noexcept
{
    for (size_t j = 0; j < 16; j++)
        put(least, j, INFINITY);
    for (size_t i = 0; i < nx; i++)
        for (size_t k = 0; k < n; k++) {
            float v = at(terms, k);
            for (size_t m = 0; m < chosen; m++)
                v += half_to_float(at(products, at(rows, i * stride + m) + k));
            v = at(error, i) + v;
            put(score, i * n + k, v);
            put(least, k % 16, std::fmin(at(least, k % 16), v));
        }
}

void add_halves(const uint16_t *x, float *y, size_t n) noexcept
{
    for (size_t i = 0; i < n; i++)
        put(y, i, at(y, i) + half_to_float(at(x, i)));
}

void terms_of_dots(const int32_t *dots, const float *scale, const float *norm_sq, float twice, size_t n,
                   float *terms) noexcept
{
    for (size_t k = 0; k < n; k++) {
        const float product = twice * at(scale, k) * (float)at(dots, k);
        put(terms, k, at(norm_sq, k) - product);
    }
}

void take_rows_off(const int8_t *const *row, const float *scale, size_t rows, size_t n, float *x) noexcept
{
    for (size_t d = 0; d < n; d++) {
        float v = at(x, d);
        for (size_t j = 0; j < rows; j++)
            v -= at(scale, j) * (float)row[j][d];
        put(x, d, v);
    }
}

size_t at_most(const float *x, size_t n, float limit, uint16_t *which) noexcept
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if (at(x, i) <= limit)
            put(which, count++, (uint16_t)i);
    return count;
}

void finite_sums(float *x, size_t n, float add) noexcept
{
    constexpr float most = std::numeric_limits<float>::max();
    for (size_t i = 0; i < n; i++) {
        const float sum = at(x, i) + add;
        put(x, i, std::isnan(sum) ? -most : std::clamp(sum, -most, most));
    }
}

void finite_terms(const int32_t *dots, const float *scale, const float *norm_sq, float twice, size_t n,
                  float add, float *x) noexcept
{
    terms_of_dots(dots, scale, norm_sq, twice, n, x);
    finite_sums(x, n, add);
}

void minima(const float *x, size_t n, float least[kMinima]) noexcept
{
    for (size_t j = 0; j < kMinima; j++)
        put(least, j, std::numeric_limits<float>::infinity());
    for (size_t i = 0; i < n; i++)
        put(least, i % kMinima, std::min(at(least, i % kMinima), at(x, i)));
}

size_t count_at_most(const float *x, size_t n, float limit) noexcept
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += at(x, i) <= limit;
    return count;
}

void order16(const float x[16], size_t n, uint8_t place[16]) noexcept
{
    std::memset(place, 0, 16);
    for (size_t j = 0; j < n; j++) {
        size_t before = 0;
        for (size_t i = 0; i < 16; i++)
            before += i < j ? at(x, i) <= at(x, j) : at(x, i) < at(x, j);
        place[before] = (uint8_t)j;
    }
}

float bf16_dot(const float *a, const uint8_t *b, size_t n) noexcept
{
    return sum_of(n, [=](size_t i) { return at(a, i) * bf16_to_float(load<uint16_t>(b + 2 * i)); });
}

float bf16_l2sq(const float *a, const uint8_t *b, size_t n) noexcept
{
    return sum_of(n, [=](size_t i) {
        float d = at(a, i) - bf16_to_float(load<uint16_t>(b + 2 * i));
        return d * d;
    });
}

void word_dots(const int16_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks, size_t pairs,
               int32_t *out, size_t out_stride) noexcept
{
    for (size_t i = 0; i < nx; i++)
        for (size_t k = 0; k < 16 * blocks; k++) {
            const uint8_t *row = book + k / 16 * 64 * pairs + k % 16 * 4;
            uint32_t sum = 0;
            for (size_t d = 0; d < 2 * pairs; d++)
                sum += (uint32_t)(at(x, i * x_stride + d) * load<int16_t>(row + d / 2 * 64 + d % 2 * 2));
            put(out, i * out_stride + k, (int32_t)sum);
        }
}

} // namespace

constinit const Kernels kScalar = {
    .name = "scalar",
    .dot = dot<float>,
    .l2sq = l2sq<float>,
    .l1 = l1<float>,
    .dot_norms = dot_norms<float>,
    .axpy = axpy,
    .half_dot = dot<uint16_t>,
    .half_l2sq = l2sq<uint16_t>,
    .half_l1 = l1<uint16_t>,
    .half_dot_norms = dot_norms<uint16_t>,
    .half_to_float = halfs_to_floats,
    .float_to_half = floats_to_halfs,
    .bf16_dot = bf16_dot,
    .bf16_l2sq = bf16_l2sq,
    .dot_block = dot_block,
    .fwht = fwht,
    .flip_signs = flip_signs,
    .word_dots = word_dots,
    .fastscan8 = fastscan8,
    .fastscan16 = fastscan16,
    .bytescan8 = bytescan8,
    .bit_planes_dot = bit_planes_dot,
    .tile_bounds = tile_bounds,
    .keys_within = keys_within,
    .nearest_codes = nearest_codes,
    .subspace_dots = subspace_dots,
    .byte_dots = byte_dots,
    .few_bit_dots = few_bit_dots,
    .take_off = take_off,
    .round_to_bytes = round_to_bytes,
    .codeword_scores = codeword_scores,
    .product_scores = product_scores,
    .terms_of_dots = terms_of_dots,
    .add_halves = add_halves,
    .take_rows_off = take_rows_off,
    .at_most = at_most,
    .finite_sums = finite_sums,
    .finite_terms = finite_terms,
    .minima = minima,
    .count_at_most = count_at_most,
    .order16 = order16,
};

} // namespace vq::simd
