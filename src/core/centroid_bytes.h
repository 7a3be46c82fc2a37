// Centroids rounded to bytes: the scores of all of them within a thousandth or so, at a fraction of what reading them takes. So the lists that a
// query visits are known but for those that are nearly as near as the last one.
#pragma once

#include "core/space.h"

#include <cstddef>
#include <cstdint>

namespace vq {

// A view of n centroids; all memory belongs to the caller.
struct CentroidBytes
{
    size_t n;                    // at least 1
    size_t dims;                 // 1 to 16,384
    const uint8_t *book;         // as Kernels::byte_dots reads them
    const float *unit;           // of each: what one stands for; arrays are padded() long
    const float *norm_sq;        // ||c||^2
    const float *minus_mean_dot; // -<R m, c>
    float most_unit, most_norm_sq;

    static size_t padded(size_t n) { return (n + 15) / 16 * 16; }
};

// Bytes of memory for n centroids.
size_t centroid_bytes_size(size_t n, size_t dims) noexcept;

// get(arg, i, c) writes centroid i, dims floats. memory: centroid_bytes_size bytes, 4-byte aligned. scratch: 2 * dims floats.
CentroidBytes make_centroid_bytes(size_t n, size_t dims, void *memory, float *scratch,
                                  void (*get)(const void *arg, size_t i, float *c, CentroidTerms *terms),
                                  const void *arg) noexcept;

// lower[i], for i < n: a bound of the score of centroid i (ListTerms::add), `width` standard errors of its rounding below it, and finite; lower
// has room for padded(n). query.overflow must be false. scratch: centroid_bytes_scratch bytes, 4-byte aligned.
size_t centroid_bytes_scratch(size_t n, size_t dims) noexcept;
void bound_by_bytes(const CentroidBytes &centroids, Metric metric, const SpaceQuery &query, float width,
                    float *lower, void *scratch) noexcept;

// The same for up to kBoundTogether queries at once, which reads the centroids once for all. Bounds of query q begin at lower + q * stride, with
// stride >= padded(n); scratch is that of each one after the other.
constexpr size_t kBoundTogether = 5;
void bound_by_bytes(const CentroidBytes &centroids, Metric metric, const SpaceQuery *const *queries,
                    size_t count, float width, float *lower, size_t stride, void *scratch) noexcept;

} // namespace vq
