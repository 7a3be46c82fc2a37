#include "core/scalar_quantizer.h"

#include "core/half.h"
#include "core/magnitude.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>

namespace vq {
namespace {

constexpr int levels(Element e) noexcept
{
    return e == Element::SQ6 ? 63 : 255;
}

// Integers up to here add and multiply exactly in float, with room for low + step * code.
constexpr float kExactInteger = 0x1p22f;

bool all_integers(const float *x, size_t n) noexcept
{
    for (size_t i = 0; i < n; i++)
        if (!(std::fabs(x[i]) <= kExactInteger) || (float)(int)x[i] != x[i])
            return false;
    return true;
}

// Range of whole numbers: low and step are whole. Data within 0..levels get just that range. Otherwise the codes that the
// sample does not use are shared by both ends of the range, for later rows that lie outside the sample's.
void integer_range(int levels, float smallest, float largest, float *low, float *step) noexcept
{
    double whole = std::max(1.0, std::ceil(((double)largest - smallest) / levels));
    double slack = whole * levels - ((double)largest - smallest);
    *step = (float)whole;
    *low = smallest >= 0 && largest <= (float)levels ? 0.0f : (float)(smallest - std::floor(slack / 2));
}

void real_range(int levels, float smallest, float largest, float *low, float *step) noexcept
{
    constexpr double kLimit = FLT_MAX / 2 * (1.0 - 0x1p-20); // step * code and low + step * code stay finite
    double margin = ((double)largest - smallest) / 64;
    double from = std::max(smallest - margin, -kLimit), to = std::min(largest + margin, kLimit);
    if (largest == smallest)
        from = to = smallest; // step 0: exact, and rows that differ there carry the error
    *low = (float)from;
    *step = (float)((to - *low) / levels);
}

inline float decode(float low, float step, unsigned code) noexcept
{
    return low + step * (float)code;
}

inline unsigned nearest_code(float x, float low, float step, float top) noexcept
{
    float t = (x - low) / step;
    t = t > 0.0f ? t : 0.0f; // NaN (0 / 0, a step of zero) too
    t = t < top ? t : top;
    return (unsigned)(int)(t + 0.5f);
}

inline uint16_t load16(const uint8_t *p) noexcept
{
    return (uint16_t)(p[0] | p[1] << 8);
}

inline void store16(uint8_t *p, uint16_t v) noexcept
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

// Four codes of SQ6 in three bytes; the last group may have fewer: `n` of them, (6 n + 7) / 8 bytes.
void pack6(const unsigned code[4], size_t n, uint8_t *to) noexcept
{
    uint32_t bits = code[0] | code[1] << 6 | code[2] << 12 | code[3] << 18;
    for (size_t b = 0; b < (6 * n + 7) / 8; b++)
        to[b] = (uint8_t)(bits >> (8 * b));
}

void unpack6(const uint8_t *from, size_t n, unsigned code[4]) noexcept
{
    uint32_t bits = 0;
    for (size_t b = 0; b < (6 * n + 7) / 8; b++)
        bits |= (uint32_t)from[b] << (8 * b);
    for (size_t i = 0; i < 4; i++)
        code[i] = bits >> (6 * i) & 63u;
}

// Sum of squared differences, and whether there was any.
struct Error
{
    double sum = 0;
    bool lossy = false;

    void add(float x, float decoded) noexcept
    {
        double difference = (double)x - decoded;
        sum += difference * difference;
        lossy |= x != decoded;
    }

    // Never below the true norm: the sum of 16,000 doubles is off by less than 2^-38 of itself.
    float norm() const noexcept
    {
        if (!lossy)
            return 0.0f;
        double bound = std::sqrt(sum) * (1.0 + 0x1p-38);
        if (bound >= FLT_MAX)
            return FLT_MAX;
        float up = (float)bound;
        if (up < bound)
            up = std::nextafter(up, FLT_MAX);
        return std::max(up, FLT_TRUE_MIN);
    }
};

// Formats of two bytes an element, given by their conversions.
template <uint16_t (*narrow)(float) noexcept, float (*widen)(uint16_t) noexcept>
void encode16(const float *x, size_t dims, uint8_t *code, Error *error) noexcept
{
    for (size_t d = 0; d < dims; d++) {
        const uint16_t h = narrow(x[d]);
        error->add(x[d], widen(h));
        store16(code + 2 * d, h);
    }
}

template <float (*widen)(uint16_t) noexcept>
void decode16(const uint8_t *code, size_t dims, float *x) noexcept
{
    for (size_t d = 0; d < dims; d++)
        x[d] = widen(load16(code + 2 * d));
}

} // namespace

void sq_train(Element e, size_t dims, const float *sample, size_t rows, float *image) noexcept
{
    if (sq_image_bytes(e, dims) == 0)
        return;
    float *low = image, *step = image + dims; // smallest and largest value until the end
    int n = levels(e);
    if (rows == 0) {
        std::fill(low, low + dims, -1.0f);
        std::fill(step, step + dims, 2.0f / (float)n);
        return;
    }
    std::memcpy(low, sample, dims * sizeof(float));
    std::memcpy(step, sample, dims * sizeof(float));
    bool integers = true;
    for (size_t r = 0; r < rows; r++) {
        const float *x = sample + r * dims;
        for (size_t d = 0; d < dims; d++) {
            low[d] = x[d] < low[d] ? x[d] : low[d];
            step[d] = x[d] > step[d] ? x[d] : step[d];
        }
        integers = integers && all_integers(x, dims);
    }
    float smallest = *std::min_element(low, low + dims), largest = *std::max_element(step, step + dims);
    bool one_range = largest - smallest <= (float)n;
    for (size_t d = 0; d < dims; d++) {
        float from = low[d], to = step[d];
        if (!integers)
            real_range(n, from, to, &low[d], &step[d]);
        else
            integer_range(n, one_range ? smallest : from, one_range ? largest : to, &low[d], &step[d]);
    }
}

bool sq_valid(Element e, size_t dims, const float *image) noexcept
{
    if (sq_image_bytes(e, dims) == 0)
        return true;
    const float *step = image + dims;
    return all_finite(image, 2 * dims) && std::none_of(step, step + dims, [](float s) { return s < 0; });
}

float sq_encode(Element e, size_t dims, const float *image, const float *x, uint8_t *code) noexcept
{
    const float *low = image, *step = image + dims;
    const float top = (float)levels(e);
    Error error;
    switch (e) {
    case Element::SQ6:
        for (size_t d = 0; d < dims; d += 4) {
            unsigned c[4] = {0, 0, 0, 0};
            size_t n = std::min<size_t>(4, dims - d);
            for (size_t i = 0; i < n; i++) {
                c[i] = nearest_code(x[d + i], low[d + i], step[d + i], top);
                error.add(x[d + i], decode(low[d + i], step[d + i], c[i]));
            }
            pack6(c, n, code + d / 4 * 3);
        }
        break;
    case Element::SQ8:
        for (size_t d = 0; d < dims; d++) {
            unsigned c = nearest_code(x[d], low[d], step[d], top);
            error.add(x[d], decode(low[d], step[d], c));
            code[d] = (uint8_t)c;
        }
        break;
    case Element::FP16:
        encode16<float_to_half, half_to_float>(x, dims, code, &error);
        break;
    case Element::BF16:
        encode16<float_to_bf16, bf16_to_float>(x, dims, code, &error);
        break;
    case Element::FP32:
        std::memcpy(code, x, dims * sizeof(float));
        break;
    }
    return error.norm();
}

void sq_decode(Element e, size_t dims, const float *image, const uint8_t *code, float *x) noexcept
{
    const float *low = image, *step = image + dims;
    switch (e) {
    case Element::SQ6:
        for (size_t d = 0; d < dims; d += 4) {
            unsigned c[4];
            size_t n = std::min<size_t>(4, dims - d);
            unpack6(code + d / 4 * 3, n, c);
            for (size_t i = 0; i < n; i++)
                x[d + i] = decode(low[d + i], step[d + i], c[i]);
        }
        break;
    case Element::SQ8:
        for (size_t d = 0; d < dims; d++)
            x[d] = decode(low[d], step[d], code[d]);
        break;
    case Element::FP16:
        decode16<half_to_float>(code, dims, x);
        break;
    case Element::BF16:
        decode16<bf16_to_float>(code, dims, x);
        break;
    case Element::FP32:
        std::memcpy(x, code, dims * sizeof(float));
        break;
    }
}

} // namespace vq
