#include "core/halves.h"

#include "simd/kernels.h"

#include <algorithm>
#include <cmath>

namespace vq {

namespace {

constexpr int kRounds = 8;
constexpr size_t kSampled = 1024; // vectors that the direction is found from, at most

struct Cut
{
    const float *rows;
    size_t dims;
    AlongCut *which;
    size_t n, left;

    const float *row(size_t i) const { return rows + which[i].row * dims; }
};

void mean_of(const Cut &cut, size_t first, size_t end, float *mean)
{
    std::fill_n(mean, cut.dims, 0.0f);
    for (size_t i = first; i < end; i++)
        simd::kernels().axpy(1.0f / (float)(end - first), cut.row(i), mean, cut.dims);
}

void subtract(float *from, const float *what, size_t dims)
{
    simd::kernels().axpy(-1, what, from, dims);
}

// From the mean to the vector that is farthest from it.
void first_direction(const Cut &cut, float *mean, float *direction)
{
    mean_of(cut, 0, cut.n, mean);
    size_t farthest = 0;
    float most = -1;
    for (size_t i = 0; i < cut.n; i++) {
        const float distance = simd::kernels().l2sq(cut.row(i), mean, cut.dims);
        if (distance > most)
            most = distance, farthest = i;
    }
    std::copy_n(cut.row(farthest), cut.dims, direction);
    subtract(direction, mean, cut.dims);
}

void order_along(const Cut &cut, const float *direction)
{
    for (size_t i = 0; i < cut.n; i++) {
        const float key = simd::kernels().dot(cut.row(i), direction, cut.dims);
        cut.which[i].key = std::isfinite(key) ? key : 0;
    }
    std::nth_element(
        cut.which, cut.which + cut.left, cut.which + cut.n,
        [](const AlongCut &a, const AlongCut &b) { return a.key != b.key ? a.key < b.key : a.row < b.row; });
}

// Brings a sample to the front, evenly spaced.
size_t sample(AlongCut *which, size_t n)
{
    const size_t sampled = std::min(n, kSampled);
    for (size_t i = 0; i < sampled; i++)
        std::swap(which[i], which[i * n / sampled]);
    return sampled;
}

} // namespace

void cut_in_halves(const float *rows, size_t dims, AlongCut *which, size_t n, size_t left,
                   float *scratch) noexcept
{
    float *direction = scratch, *low = direction + dims, *high = low + dims;
    const size_t sampled = sample(which, n);
    const Cut cut = {rows, dims, which, sampled, std::clamp(left * sampled / n, (size_t)1, sampled - 1)};
    first_direction(cut, low, direction);
    for (int round = 0; round < kRounds; round++) {
        order_along(cut, direction);
        mean_of(cut, 0, cut.left, low);
        mean_of(cut, cut.left, cut.n, high);
        std::copy_n(high, dims, direction);
        subtract(direction, low, dims);
    }
    order_along({rows, dims, which, n, left}, direction);
}

} // namespace vq
