#include "core/refine_bound.h"

#include "core/magnitude.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace vq {
namespace {

constexpr double kDeviations = 4;

void finish(RefineCell *cell, size_t dims) noexcept
{
    cell->scale = scale_to_one(largest_bits(cell->half, dims));
    double sum = 0;
    for (size_t d = 0; d < dims; d++)
        sum += (double)cell->half[d] * cell->half[d];
    cell->norm = std::sqrt(sum);
}

// Half the distance between neighbours of x in a format whose numbers have `unit` times their power of two between them, and
// nowhere less than twice `least`.
void half_gaps(const float *x, size_t dims, float unit, float least, float *half) noexcept
{
    for (size_t d = 0; d < dims; d++) {
        const float power = std::bit_cast<float>(std::bit_cast<uint32_t>(x[d]) & kInfinityBits);
        half[d] = std::max(power * (unit / 2), least);
    }
}

} // namespace

RefineCell refine_cell(Element e, size_t dims, const float *image, float *half) noexcept
{
    RefineCell cell = {half, 1, 0};
    const bool steps = sq_image_bytes(e, dims) > 0;
    for (size_t d = 0; d < dims; d++)
        half[d] = steps ? image[dims + d] / 2 : 0;
    finish(&cell, dims);
    return cell;
}

void refine_cell_of(Element e, size_t dims, const float *x, RefineCell *cell) noexcept
{
    if (e == Element::FP16)
        half_gaps(x, dims, 0x1p-10f, 0x1p-25f, cell->half);
    else if (e == Element::BF16)
        half_gaps(x, dims, 0x1p-7f, 0x1p-134f, cell->half);
    else
        return;
    finish(cell, dims);
}

double error_along(const RefineCell &cell, const float *direction, double length, double error, size_t dims,
                   float *scratch) noexcept
{
    constexpr double kRounding = 1.0002; // a code may be the nearest one but for rounding
    const float inverse = (float)(1 / length);
    if (error > cell.norm * kRounding || !std::isfinite(inverse) || inverse == 0)
        return error; // clamped: it may point anywhere
    for (size_t d = 0; d < dims; d++)
        scratch[d] = direction[d] * inverse * (cell.half[d] * cell.scale);
    // A coordinate anywhere within +-half has a standard deviation of half / sqrt(3).
    const double variance = (double)simd::kernels().dot(scratch, scratch, dims) / 3;
    return std::min(error, kDeviations * std::sqrt(variance) / cell.scale);
}

} // namespace vq
