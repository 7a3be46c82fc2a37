#include "core/rabitq.h"

#include "core/rotation.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace vq {

namespace {

constexpr uint32_t kImageMagic = 0x31715242; // "BRq1"

struct Image // followed by the rotation's sign bits
{
    uint32_t magic;
    uint32_t dims;
    uint32_t space_dims;
    uint32_t bits;
};
static_assert(sizeof(Image) == 16);

// Bits of the query's levels, at most: table entries are sums of four, which fit 16 bits with levels of 14
// (4 * (2^14 - 1) = 65,532) and 8 bits with levels of 6 (252).
constexpr unsigned kFinestBits = 14;
constexpr unsigned kByteTableBits = 6;

// What the largest of 2^1 .. 2^8 levels should stand for, in standard deviations: least squared error of a Gaussian (as in
// the centred mode of Faiss's RaBitQ).
constexpr float kRadius[9] = {0, .797f, 1.494f, 2.051f, 2.509f, 2.913f, 3.264f, 3.598f, 3.910f};

// Step of the mean-square optimal uniform quantizer of a unit Gaussian with 1..8 bits (Max 1960).
constexpr float kGaussianStep[9] = {0, 1.596f, .9957f, .5860f, .3352f, .1881f, .1041f, .0569f, .0308f};

struct Query
{
    QueryHead head;
    uint32_t space_dims;
    uint32_t bits;      // query levels: 2^bits
    uint32_t code_bits; // of the codec, 1..8
    uint32_t lift;      // N: sum of |negative levels|, added so that sums are never negative
    float delta;        // value of one level unit
    double levels_sum;  // sum of all levels
    // then, 64-byte aligned: table low bytes (4 D), table high bytes (4 D), bit planes (bits * D / 8)
};

constexpr size_t kQueryHeader = 64;
static_assert(sizeof(Query) <= kQueryHeader);

const Image &header(const uint8_t *image) noexcept
{
    return *reinterpret_cast<const Image *>(image);
}

const uint8_t *table_low(const Query &q) noexcept
{
    return reinterpret_cast<const uint8_t *>(&q) + kQueryHeader;
}
const uint8_t *table_high(const Query &q) noexcept
{
    return table_low(q) + 4 * (size_t)q.space_dims;
}
const uint8_t *planes(const Query &q) noexcept
{
    return table_low(q) + 8 * (size_t)q.space_dims;
}

// --- encoding ---

void sign_bits(const float *r, size_t D, uint8_t *code) noexcept
{
    for (size_t i = 0; i < D; i += 8) {
        uint8_t byte = 0;
        for (size_t j = 0; j < 8; j++)
            byte |= (uint8_t)((r[i + j] > 0) << j);
        code[i / 8] = byte;
    }
}

float standard_error(double scale, double code_norm_sq, double norm_sq, size_t D) noexcept
{
    double v = (scale * scale * code_norm_sq - norm_sq) / (double)(D - 1);
    return v > 0 ? (float)std::sqrt(v) : 0.0f;
}

// Magnitude level of one coordinate at scale t: floor(t |r|), at most `top`.
int magnitude(float r, float t, int top) noexcept
{
    float v = t * std::fabs(r);
    return v >= (float)top ? top : (int)v;
}

struct Fit // of the magnitudes, k + 1/2, to |r|
{
    double dot = 0;
    double norm_sq = 0;
    // ||r|| times the cosine of the two.
    double goodness() const noexcept { return norm_sq > 0 ? dot / std::sqrt(norm_sq) : 0; }
};

Fit fit_at(const float *r, size_t D, float t, int top) noexcept
{
    float dot = 0, norm_sq = 0;
    for (size_t i = 0; i < D; i++) {
        float y = (float)magnitude(r[i], t, top) + 0.5f;
        dot += y * std::fabs(r[i]);
        norm_sq += y * y;
    }
    return {dot, norm_sq};
}

// The scale among nine around the Gaussian optimum that brings the code closest in angle.
float best_scale(const float *r, size_t D, double norm, int bits, int top) noexcept
{
    const float base = (float)(std::sqrt((double)D) / (norm * kGaussianStep[bits]));
    float best = base;
    double best_goodness = -1;
    for (int step = -4; step <= 4; step++) {
        float t = base * (1.0f + 0.08f * (float)step);
        double g = fit_at(r, D, t, top).goodness();
        if (g > best_goodness)
            best_goodness = g, best = t;
    }
    return best;
}

// Writes bits - 1 planes of D / 8 bytes: bit i of plane p is bit p of dimension i's level, counted from the lowest one of its
// sign. Fills the fine fields of `out`.
void encode_fine(const float *r, const float *centre, size_t D, double norm_sq, int bits, uint8_t *fine,
                 RowCode &out) noexcept
{
    const int top = (1 << (bits - 1)) - 1;
    const size_t plane_bytes = D / 8;
    std::memset(fine, 0, plane_bytes * (size_t)(bits - 1));
    const float t = best_scale(r, D, std::sqrt(norm_sq), bits, top);
    double dot = 0, code_norm_sq = 0, centre_dot = 0;
    for (size_t i = 0; i < D; i++) {
        const bool positive = r[i] > 0;
        const int k = magnitude(r[i], t, top);
        const int low = positive ? k : top - k;
        const double y = (positive ? 1.0 : -1.0) * (k + 0.5);
        dot += y * r[i];
        code_norm_sq += y * y;
        centre_dot += y * centre[i];
        for (int p = 0; p < bits - 1; p++)
            fine[p * plane_bytes + i / 8] |= (uint8_t)(((low >> p) & 1) << (i % 8));
    }
    out.fine_scale = (float)(norm_sq / dot);
    out.fine_centre_dot = (float)centre_dot;
    out.fine_sigma = standard_error(norm_sq / dot, code_norm_sq, norm_sq, D);
}

// --- query ---

// Eight running maxima, which the compiler puts into one vector.
float largest_magnitude(const float *q, size_t D) noexcept
{
    float lanes[8] = {};
    for (size_t i = 0; i < D; i += 8)
        for (size_t j = 0; j < 8; j++) {
            const float a = std::fabs(q[i + j]);
            lanes[j] = a > lanes[j] ? a : lanes[j];
        }
    float largest = 0;
    for (float lane : lanes)
        largest = lane > largest ? lane : largest;
    return largest;
}

// Quantizes the query to odd levels l = 2u - (2^bits - 1); u to `levels`. Fills delta, lift, levels_sum and
// the table error. decoded: D floats of scratch.
void quantize(const float *q, size_t D, Query &state, uint16_t *levels, float *decoded) noexcept
{
    const auto &k = simd::kernels();
    const int top = (1 << state.bits) - 1;
    float radius = largest_magnitude(q, D);
    if (state.bits <= 8) {
        const float optimum = kRadius[state.bits] * std::sqrt(k.dot(q, q, D) / (float)D);
        radius = optimum < radius ? optimum : radius;
    }
    if (!(radius > 0))
        radius = 1e-30f;
    const float delta = radius / (float)top;
    // u = round((q / delta + top) / 2): 1/2 is added, and the value, once it is not negative, cut to an integer.
    const float half_inverse = 0.5f * (float)top / radius, centre = 0.5f * (float)top + 0.5f,
                limit = (float)top + 0.5f;
    int sum = 0, lift = 0; // at most 16,000 levels of 14 bits
    for (size_t i = 0; i < D; i++) {
        float u = q[i] * half_inverse + centre;
        u = u < 0 ? 0 : u;
        u = u > limit ? limit : u;
        const int level = (int)u;
        const int l = 2 * level - top;
        levels[i] = (uint16_t)level;
        decoded[i] = delta * (float)l;
        sum += l;
        lift += l < 0 ? -l : 0;
    }
    state.delta = delta;
    state.lift = (uint32_t)lift;
    state.levels_sum = (double)sum;
    state.head.mul = delta;
    state.head.offset = (float)(-(double)delta * ((double)lift + 0.5 * (double)sum));
    state.head.table_error = std::sqrt(k.l2sq(q, decoded, D));
    // An error of length t in the query moves <q', s r~> by s t / 2 = t ||r|| / (cos sqrt D), where cos is the cosine of r
    // and r~; sigma is ||r|| tan / sqrt(D - 1). With cos^2 = 2 / pi, as of 1-bit codes, the ratio is t / sin = 1.66 t.
    state.head.table_weight = 1.66f;
}

// For every four dimensions the sums of their sixteen subsets, plus the sizes of the negative levels, so that the smallest sum
// is 0. All of them fit 16 bits, so they are computed modulo 2^16, sixteen side by side.
void build_tables(const uint16_t *levels, size_t D, int top, uint8_t *low, uint8_t *high) noexcept
{
    alignas(32) uint16_t member[4][16]; // all ones where the subset i holds dimension j
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 16; i++)
            member[j][i] = (uint16_t) - ((i >> j) & 1);
    for (size_t g = 0; g < D / 4; g++) {
        uint16_t l[4], base = 0;
        for (int j = 0; j < 4; j++) {
            const int level = 2 * (int)levels[4 * g + j] - top;
            l[j] = (uint16_t)level;
            base = (uint16_t)(base + (level < 0 ? -level : 0));
        }
        uint16_t sums[16];
        for (int i = 0; i < 16; i++)
            sums[i] = (uint16_t)(base + (member[0][i] & l[0]) + (member[1][i] & l[1]) +
                                 (member[2][i] & l[2]) + (member[3][i] & l[3]));
        for (int i = 0; i < 16; i++)
            low[16 * g + i] = (uint8_t)sums[i];
        for (int i = 0; i < 16; i++)
            high[16 * g + i] = (uint8_t)(sums[i] >> 8);
    }
}

// Bit i of plane p is bit p of levels[i]. Eight dimensions at a time: their low and their high bytes are each collected in a
// 64-bit word, and a multiplication brings one bit of all eight bytes together.
void build_planes(const uint16_t *levels, size_t D, unsigned bits, uint8_t *out) noexcept
{
    constexpr uint64_t kOnes = 0x0101010101010101ull, kGather = 0x0102040810204080ull;
    for (size_t i = 0; i < D; i += 8) {
        uint64_t low = 0, high = 0;
        for (int j = 0; j < 8; j++) {
            low |= (uint64_t)(levels[i + j] & 255) << (8 * j);
            high |= (uint64_t)(levels[i + j] >> 8) << (8 * j);
        }
        for (unsigned p = 0; p < bits; p++) {
            uint64_t word = p < 8 ? low >> p : high >> (p - 8);
            out[p * (D / 8) + i / 8] = (uint8_t)(((word & kOnes) * kGather) >> 56);
        }
    }
}

uint32_t popcount_bytes(const uint8_t *p, size_t n) noexcept
{
    uint32_t count = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t w;
        std::memcpy(&w, p + i, 8);
        count += (uint32_t)std::popcount(w);
    }
    for (; i < n; i++)
        count += (uint32_t)std::popcount(p[i]);
    return count;
}

// Sum of the levels l over set bits, plus `lift`, as the tables give it.
uint32_t bits_sum(const Query &q, const uint8_t *bits) noexcept
{
    const size_t bytes = q.space_dims / 8;
    uint32_t u = simd::kernels().bit_planes_dot(bits, planes(q), bytes, q.bits);
    return 2 * u - ((1u << q.bits) - 1) * popcount_bytes(bits, bytes) + q.lift;
}

} // namespace

bool RabitqCodec::valid_options(const CodecOptions &options) noexcept
{
    return options.value[0] >= 1 && options.value[0] <= kMaxBits;
}

size_t RabitqCodec::image_bytes(const CodecOptions &options, size_t) noexcept
{
    return sizeof(Image) + rotation_bytes(rotation_dims(options.dims));
}

bool RabitqCodec::train(const CodecOptions &options, const TrainingSet &, uint8_t *image, void *,
                        const Progress &) noexcept
{
    const size_t D = rotation_dims(options.dims);
    Image h = {kImageMagic, options.dims, (uint32_t)D, (uint32_t)options.value[0]};
    std::memcpy(image, &h, sizeof h);
    rotation_init(options.seed, D, image + sizeof h);
    return true;
}

bool RabitqCodec::valid(const uint8_t *image, size_t bytes, uint32_t dims) noexcept
{
    if (bytes < sizeof(Image))
        return false;
    const Image &h = header(image);
    return h.magic == kImageMagic && h.dims == dims && dims >= 1 && dims <= kMaxDims &&
           h.space_dims == rotation_dims(dims) && h.bits >= 1 && h.bits <= (uint32_t)kMaxBits &&
           bytes == sizeof(Image) + rotation_bytes(h.space_dims);
}

static CodecShape shape_of(uint32_t D, uint32_t bits) noexcept
{
    return {D, D / 8, (bits - 1) * (D / 8), (uint32_t)kQueryHeader + 8 * D + kFinestBits * (D / 8), 1};
}

CodecShape RabitqCodec::shape(const uint8_t *image) noexcept
{
    return shape_of(header(image).space_dims, header(image).bits);
}

CodecShape RabitqCodec::planned_shape(const CodecOptions &options) noexcept
{
    return shape_of((uint32_t)rotation_dims(options.dims), (uint32_t)options.value[0]);
}

void RabitqCodec::describe(const uint8_t *image, char *text, size_t size) noexcept
{
    std::snprintf(text, size, "RaBitQ, %u bit%s a dimension", header(image).bits,
                  header(image).bits > 1 ? "s" : "");
}

void RabitqCodec::transform(const uint8_t *image, const float *x, float *y) noexcept
{
    const Image &h = header(image);
    std::memcpy(y, x, h.dims * sizeof(float));
    std::memset(y + h.dims, 0, (h.space_dims - h.dims) * sizeof(float));
    rotate(image + sizeof(Image), h.space_dims, y);
}

RowCode RabitqCodec::encode(const uint8_t *image, const float *residual, const float *centre, const float *,
                            uint8_t *code, uint8_t *fine) noexcept
{
    const Image &h = header(image);
    const size_t D = h.space_dims;
    RowCode out = {};
    double norm_sq = 0, abs_sum = 0, centre_dot = 0;
    for (size_t i = 0; i < D; i++) {
        norm_sq += (double)residual[i] * residual[i];
        abs_sum += std::fabs(residual[i]);
        centre_dot += residual[i] > 0 ? centre[i] : -centre[i];
    }
    sign_bits(residual, D, code);
    if (h.bits > 1)
        std::memset(fine, 0, (h.bits - 1) * (D / 8));
    if (!(norm_sq > 0))
        return out; // a row equal to its centroid: the constant alone is exact
    const double scale = 2 * norm_sq / abs_sum;
    out.scale = (float)scale;
    out.centre_dot = (float)(0.5 * centre_dot);
    out.sigma = standard_error(scale, (double)D / 4, norm_sq, D);
    if (h.bits > 1)
        encode_fine(residual, centre, D, norm_sq, (int)h.bits, fine, out);
    return out;
}

void RabitqCodec::prepare(const uint8_t *image, const float *query, int query_bits, void *state) noexcept
{
    const Image &h = header(image);
    const size_t D = h.space_dims;
    Query &q = *static_cast<Query *>(state);
    q = {};
    q.space_dims = h.space_dims;
    q.code_bits = h.bits;
    // The sum of a finer code is added to that of the first bit, so both need the finest query.
    q.bits = query_bits <= 0 || h.bits > 1 ? kFinestBits : (unsigned)(query_bits > 8 ? 8 : query_bits);
    uint8_t *low = reinterpret_cast<uint8_t *>(&q) + kQueryHeader;
    uint16_t levels[kMaxDims]; // 96 kB of stack together with `decoded`
    float decoded[kMaxDims];
    quantize(query, D, q, levels, decoded);
    build_tables(levels, D, (1 << q.bits) - 1, low, low + 4 * D);
    build_planes(levels, D, q.bits, low + 8 * D);
}

void RabitqCodec::scan_tile(const void *state, const uint8_t *codes, size_t first, size_t rows,
                            uint32_t acc[simd::kTileRows]) noexcept
{
    const Query &q = *static_cast<const Query *>(state);
    const auto &k = simd::kernels();
    if (q.bits <= kByteTableBits)
        k.fastscan8(codes, table_low(q) + 32 * first, rows, acc);
    else
        k.fastscan16(codes, table_low(q) + 32 * first, table_high(q) + 32 * first, rows, acc);
}

uint32_t RabitqCodec::scan_row(const void *state, const uint8_t *code) noexcept
{
    return bits_sum(*static_cast<const Query *>(state), code);
}

float RabitqCodec::scan_fine(const void *state, uint32_t acc, const uint8_t *fine) noexcept
{
    const Query &q = *static_cast<const Query *>(state);
    const size_t plane_bytes = q.space_dims / 8;
    double sum = 0;
    for (uint32_t p = 0; p + 1 < q.code_bits; p++)
        sum += std::ldexp((double)bits_sum(q, fine + p * plane_bytes) - q.lift, (int)p);
    sum += std::ldexp((double)acc - q.lift, (int)q.code_bits - 1);
    // minus (2^bits - 1)/2 times the sum of the query
    return (float)(q.delta * (sum - 0.5 * ((1u << q.code_bits) - 1) * q.levels_sum));
}

} // namespace vq
