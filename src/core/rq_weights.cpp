// Residual quantizer: weights of the layers, fitted together and rounded.
#include "core/rq_weights.h"

#include "core/half.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace vq::rq {

namespace {

// n fixed-point weights: powers of `ratio`, with 1 in the middle; but the first is 0.
template <size_t n>
constexpr std::array<uint16_t, n> log_weights(double ratio)
{
    std::array<uint16_t, n> fixed = {};
    double up = 1 << kWeightPoint, down = up;
    for (size_t i = 0; i < n / 2; i++, up *= ratio, down /= ratio) {
        fixed[n / 2 + i] = (uint16_t)(up + 0.5);
        fixed[n / 2 - i] = (uint16_t)(down + 0.5);
    }
    fixed[0] = 0;
    return fixed;
}

constexpr auto kOfByte = log_weights<256>(1.01); // 0.28 to 3.5
constexpr auto kOfNibble =
    log_weights<16>(1.065); // 0.64 to 1.55; 8 bits leave only a thousandth less (arxiv-minilm-384, 16 layers)
static_assert(kOfByte.back() <= kMostFixed && kOfNibble.back() <= kMostFixed &&
              kOfNibble[8] == 1 << kWeightPoint);

constexpr double kLeastHalf = 0x1p-6; // the least weight of 16 bits that is not 0
constexpr double kRidge = 1e-6;       // share of the diagonal that is added to it
constexpr double kNothingLeft = 1e-5; // of a unit vector's square: about what rounding the row's scale costs
constexpr double kLeastDiagonal = 1e-12; // squared norm of a codeword that counts as zero
constexpr int kRoundingSweeps = 3;       // a fourth changes nothing

uint16_t stored_weight(uint32_t bits, double weight) noexcept
{
    if (bits == 16) {
        if (!(weight >= kLeastHalf / 2))
            return 0;
        return float_to_half((float)std::clamp(weight, kLeastHalf, 4 - 0x1p-9));
    }
    const uint16_t *table = fixed_weights(bits);
    const double fixed = weight * (1 << kWeightPoint);
    const size_t above = (size_t)(std::lower_bound(table + 1, table + (1u << bits), fixed) - table);
    return (uint16_t)(above == 1u << bits || fixed - table[above - 1] < table[above] - fixed ? above - 1
                                                                                             : above);
}

struct Equations // A w = b: products of the codewords with each other and with the vector
{
    size_t n;
    double a[kMostLayers][kMostLayers];
    double b[kMostLayers];
};

constexpr size_t kQuads = 64;  // groups of four dimensions that are copied together
constexpr size_t kPartial = 8; // partial sums, which the compiler puts into one vector

// Some dimensions of a row's codewords, and the products of these codewords.
struct Slices
{
    int8_t rows[kMostLayers][4 * kQuads];
    int32_t products[kMostLayers][kMostLayers]; // of all dimensions so far
};

// `some` groups of four bytes of a codeword, less 128. Byte 0, which only a damaged image has, counts as 1: the kernel takes
// no -128.
void copy_slice(const uint8_t *from, size_t some, int8_t *to) noexcept
{
    uint8_t bytes[4 * kQuads];
    for (size_t q = 0; q < some; q++)
        std::memcpy(bytes + 4 * q, from + 64 * q, 4);
    for (size_t d = 0; d < 4 * some; d++)
        to[d] = (int8_t)(std::max<uint8_t>(bytes[d], 1) - 128);
}

// Adds to the products. These are exact sums of integers, so that every CPU gives the same weights.
void multiply_slices(size_t layers, size_t some, Slices *s) noexcept
{
    uint8_t side_by_side[blocks(kMostLayers) * 64 * kQuads]; // as byte_dots wants them
    std::memset(side_by_side, 128, blocks(layers) * 64 * some);
    for (size_t m = 0; m < layers; m++) {
        uint8_t *to = side_by_side + m / 16 * 64 * some + m % 16 * 4;
        for (size_t q = 0; q < some; q++)
            for (size_t d = 0; d < 4; d++)
                to[64 * q + d] = (uint8_t)(s->rows[m][4 * q + d] + 128);
    }
    int32_t dots[kMostLayers][kMostLayers];
    simd::kernels().byte_dots(s->rows[0], layers, 4 * kQuads, side_by_side, blocks(layers), 64 * some, some,
                              dots[0], kMostLayers);
    for (size_t i = 0; i < layers; i++)
        for (size_t j = 0; j < layers; j++)
            s->products[i][j] += dots[i][j];
}

double product(const int8_t *bytes, const float *x, size_t n) noexcept
{
    float sum[kPartial] = {};
    size_t d = 0;
    for (; d + kPartial <= n; d += kPartial)
        for (size_t i = 0; i < kPartial; i++)
            sum[i] += x[d + i] * (float)bytes[d + i];
    for (; d < n; d++)
        sum[d % kPartial] += x[d] * (float)bytes[d];
    return ((double)sum[0] + sum[4]) + ((double)sum[1] + sum[5]) + ((double)sum[2] + sum[6]) +
           ((double)sum[3] + sum[7]);
}

void set_up(const RqImage &h, const uint8_t *codewords, const float *left, Equations *e) noexcept
{
    Slices s;
    e->n = h.layers;
    for (size_t i = 0; i < e->n; i++) {
        std::fill_n(s.products[i], e->n, 0);
        e->b[i] = 0;
    }
    for (size_t first = 0; first < quads(h.dims); first += kQuads) {
        const size_t some = std::min(kQuads, quads(h.dims) - first);
        for (size_t i = 0; i < e->n; i++) {
            copy_slice(book(h, i) + place(h, codewords[i], first), some, s.rows[i]);
            e->b[i] += product(s.rows[i], left + 4 * first, 4 * some);
        }
        multiply_slices(e->n, some, &s);
    }
    for (size_t i = 0; i < e->n; i++) {
        const double scale = scales(h, i)[codewords[i]];
        e->b[i] *= scale;
        for (size_t j = 0; j < e->n; j++) {
            e->a[i][j] = scale * scales(h, j)[codewords[j]] * s.products[i][j];
            e->b[i] += e->a[i][j];
        }
    }
}

// Solves A w = b by Cholesky's decomposition, layer after layer. Each step of the forward substitution tells what the layers so
// far leave of the vector's square with their best weights: once that is nothing, the layers that follow get no weight.
// Returns how many layers have one.
size_t solve(const Equations &e, double *w) noexcept
{
    double l[kMostLayers][kMostLayers], left = 1;
    size_t n = 0;
    for (; n < e.n && left > kNothingLeft; n++) {
        for (size_t j = 0; j <= n; j++) {
            double v = e.a[n][j];
            for (size_t k = 0; k < j; k++)
                v -= l[n][k] * l[j][k];
            if (j < n)
                l[n][j] = v / l[j][j];
            else // where codewords repeat each other, rounding may leave next to nothing of the diagonal
                l[n][n] = std::sqrt(std::max(v, 0.0) + std::max(kRidge * e.a[n][n], kLeastDiagonal));
        }
        double v = e.b[n];
        for (size_t k = 0; k < n; k++)
            v -= l[n][k] * w[k];
        w[n] = v / l[n][n];
        left -= w[n] * w[n];
    }
    for (size_t i = n; i-- > 0;) {
        for (size_t k = i + 1; k < n; k++)
            w[i] -= l[k][i] * w[k];
        w[i] /= l[i][i];
    }
    return n;
}

// Rounds the first n weights, one after the other, each to the value that is best while the others stay as they are; the rest
// become 0. Returns the squared length of what they leave of the unit vector.
double round_weights(const Equations &e, uint32_t bits, size_t n, const double *w, uint16_t *stored) noexcept
{
    double rest[kMostLayers]; // b - A w
    const auto value = [&](uint16_t s) { return (double)kWeightUnit * fixed_weight(bits, s); };
    for (size_t i = 0; i < e.n; i++)
        stored[i] = i < n ? stored_weight(bits, w[i]) : (uint16_t)0;
    for (size_t i = 0; i < n; i++) {
        rest[i] = e.b[i];
        for (size_t j = 0; j < n; j++)
            rest[i] -= e.a[i][j] * value(stored[j]);
    }
    for (int sweep = 0; sweep < kRoundingSweeps; sweep++)
        for (size_t i = 0; i < n; i++) {
            const double old = value(stored[i]);
            stored[i] = e.a[i][i] > kLeastDiagonal ? stored_weight(bits, old + rest[i] / e.a[i][i]) : 0;
            const double step = value(stored[i]) - old;
            for (size_t j = 0; j < n && step != 0; j++)
                rest[j] -= step * e.a[i][j];
        }
    double left = 1;
    for (size_t i = 0; i < n; i++)
        left -= value(stored[i]) * (e.b[i] + rest[i]);
    return left;
}

} // namespace

size_t code_bytes(const RqImage &h) noexcept
{
    if (h.weight_bits == 0)
        return has_bytes(h) ? h.layers : (h.layers + 1) / 2;
    const RowGroup g = row_group(h.codewords, h.weight_bits);
    return (h.layers + g.layers - 1) / g.layers * g.bytes;
}

uint32_t fixed_weight(uint32_t bits, uint32_t stored) noexcept
{
    return bits == 16 ? (uint32_t)fixed_half(sound_half((uint16_t)stored)) : fixed_weights(bits)[stored];
}

const uint16_t *fixed_weights(uint32_t bits) noexcept
{
    return bits == 4 ? kOfNibble.data() : kOfByte.data();
}

WeightedLayer read_layer(size_t codewords, size_t weight_bits, const uint8_t *code, size_t layer) noexcept
{
    const RowGroup g = row_group(codewords, weight_bits);
    const size_t at = layer % g.layers, nibble = 4 * at;
    code += layer / g.layers * g.bytes;
    const uint8_t *weight = code + g.codes;
    return {codewords > 16 ? code[at] : code[0] >> nibble & 15u,
            weight_bits == 4   ? weight[0] >> nibble & 15u
            : weight_bits == 8 ? weight[at]
                               : weight[2 * at] | (uint32_t)weight[2 * at + 1] << 8};
}

void write_layers(const RqImage &h, const uint8_t *codewords, const uint16_t *weights, uint8_t *code) noexcept
{
    const RowGroup g = row_group(h.codewords, h.weight_bits);
    std::memset(code, 0, code_bytes(h));
    for (size_t m = 0; m < h.layers; m++) {
        const size_t at = m % g.layers, nibble = 4 * at;
        uint8_t *group = code + m / g.layers * g.bytes, *weight = group + g.codes;
        if (has_bytes(h))
            group[at] = codewords[m];
        else
            group[0] |= (uint8_t)(codewords[m] << nibble);
        if (h.weight_bits == 4)
            weight[0] |= (uint8_t)(weights[m] << nibble);
        else if (h.weight_bits == 8)
            weight[at] = (uint8_t)weights[m];
        else
            weight[2 * at] = (uint8_t)weights[m], weight[2 * at + 1] = (uint8_t)(weights[m] >> 8);
    }
}

void fit_weights(const RqImage &h, const uint8_t *codewords, const float *left, uint16_t *weights) noexcept
{
    Equations e;
    double w[kMostLayers];
    uint16_t others[kMostLayers];
    set_up(h, codewords, left, &e);
    const size_t n = solve(e, w);
    const double fitted = round_weights(e, h.weight_bits, n, w, weights);
    // Where codewords nearly repeat each other, the solution lies far from 1, out of the range of stored weights. Then weights
    // of 1 are the better start for rounding; so weights never leave more than none would.
    std::fill_n(w, e.n, 1.0);
    if (round_weights(e, h.weight_bits, e.n, w, others) + kNothingLeft < fitted)
        std::copy_n(others, e.n, weights);
}

void add_codeword(const RqImage &h, size_t layer, size_t k, float weight, float *sum) noexcept
{
    const float scale = weight * scales(h, layer)[k];
    for (size_t first = 0; first < quads(h.dims); first += kQuads) {
        int8_t bytes[4 * kQuads];
        copy_slice(book(h, layer) + place(h, k, first), std::min(kQuads, quads(h.dims) - first), bytes);
        const size_t n = std::min(4 * kQuads, h.dims - 4 * first);
        for (size_t d = 0; d < n; d++)
            sum[4 * first + d] += scale * (float)bytes[d];
    }
}

} // namespace vq::rq
