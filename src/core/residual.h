// What the codecs of residuals share.
#pragma once

#include "core/codec.h"

#include <cmath>
#include <cstring>

namespace vq {

constexpr double kLeastCosine = 0.1;      // of r and r~: below it the code says nothing
constexpr double kScaleRounding = 0x1p-9; // relative error of a scale stored as bfloat16, at most

// Parts of images and of scratch memory begin at multiples of 64 bytes.
constexpr size_t padded(size_t bytes) noexcept
{
    return (bytes + 63) / 64 * 64;
}

// ||r||, also where its square does not fit float. Not by a kernel: codes depend on it, and must be the same on every CPU.
inline double residual_norm(const float *r, size_t n) noexcept
{
    double sum[4] = {};
    for (size_t i = 0; i < n; i++)
        sum[i % 4] += (double)r[i] * r[i];
    return std::sqrt((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

// Code of column i where columns are four bits: two a byte, the first one low.
inline size_t nibble(const uint8_t *code, size_t i) noexcept
{
    return i % 2 == 0 ? code[i / 2] & 15 : code[i / 2] >> 4;
}

// Sums of table entries must fit float. Tables that would not are left all zero, and bounds so wide that every row is
// looked at exactly.
constexpr double kTableLimit = 1e37;
inline void tables_say_nothing(QueryHead *head) noexcept
{
    head->table_error = head->table_weight = 1e18f;
}

// A training row, dims floats in the original space.
inline const float *training_vector(const TrainingSet &set, size_t row, size_t dims) noexcept
{
    return set.vectors + (set.which ? set.which[row] : row) * dims;
}

// Its residual.
inline void training_residual(const TrainingSet &set, size_t row, size_t dims, float *out) noexcept
{
    const float *x = training_vector(set, row, dims), *c = set.centroids + set.lists[row] * dims;
    for (size_t d = 0; d < dims; d++)
        out[d] = x[d] - c[d];
}

// One training run of codec C, as views into the caller's memory. Image: what C's image begins with; Layout: C's own, of
// scratch.
template <class C, class Image, class Layout>
struct TrainingRun
{
    const CodecOptions &options;
    const TrainingSet &set;
    const Progress &progress;
    Layout l;
    Image *h;
    uint8_t *scratch;

    // Clears the image but for magic and dims.
    TrainingRun(const CodecOptions &o, const TrainingSet &s, const Progress &p, const Layout &layout,
                uint8_t *image, void *memory) noexcept
        : options(o), set(s), progress(p), l(layout), h(reinterpret_cast<Image *>(image)),
          scratch(static_cast<uint8_t *>(memory))
    {
        std::memset(image, 0, C::image_bytes(o, s.rows));
        h->magic = Image::kMagic;
        h->dims = o.dims;
    }
};

} // namespace vq
