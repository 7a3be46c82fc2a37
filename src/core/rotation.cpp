#include "core/rotation.h"

#include "core/random.h"
#include "simd/kernels.h"

#include <bit>

namespace vq {
namespace {

// (a, b) -> (a + b, a - b) * scale on the two halves of x.
void kac_step(float *x, size_t half, float scale) noexcept
{
    float *y = x + half;
    for (size_t i = 0; i < half; i++) {
        float a = x[i], b = y[i];
        x[i] = (a + b) * scale;
        y[i] = (a - b) * scale;
    }
}

} // namespace

void rotation_init(uint64_t seed, size_t D, uint8_t *signs) noexcept
{
    Random random(seed);
    size_t n = rotation_bytes(D);
    for (size_t i = 0; i < n;) {
        uint64_t bits = random.next();
        for (int b = 0; b < 8 && i < n; b++, bits >>= 8)
            signs[i++] = (uint8_t)bits;
    }
}

void rotate(const uint8_t *signs, size_t D, float *x) noexcept
{
    const simd::Kernels &kernels = simd::kernels();
    size_t width = std::bit_floor(D);
    bool whole = width == D;

    // A transform of `width` stretches its part by sqrt(width), a Kac step everything by sqrt 2. Each round
    // undoes both: on one part only they cannot wait for the end, and four rounds at 16,000 dimensions would
    // stretch by 10^8.
    const double shrink = 1.0 / __builtin_sqrt((double)width);
    const float part_scale = (float)shrink, kac_scale = (float)0.70710678118654752;

    for (size_t round = 0; round < kRotationRounds; round++) {
        kernels.flip_signs(x, signs + round * (D / 8), D);
        float *part = round % 2 == 0 ? x : x + (D - width);
        kernels.fwht(part, width);
        for (size_t i = 0; i < width; i++)
            part[i] *= part_scale;
        if (!whole)
            kac_step(x, D / 2, kac_scale);
    }
}

} // namespace vq
