#include "core/centroid_bytes.h"

#include "simd/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace vq {

namespace {

size_t quads_of(size_t dims)
{
    return (dims + 3) / 4;
}

// So many centroids at a time: their dots with kBoundTogether queries stay in the first-level cache until they have become bounds.
size_t dots_at_once(size_t n)
{
    return std::min<size_t>(CentroidBytes::padded(n), 1024);
}

// Puts the bytes of centroid i where Kernels::byte_dots wants them; those of missing dimensions stand for 0, as do the query's.
void put_bytes(uint8_t *book, size_t quads, size_t i, size_t dims, const int8_t *bytes)
{
    uint8_t *to = book + i / 16 * 64 * quads + i % 16 * 4;
    for (size_t d = 0; d < dims; d++)
        to[d / 4 * 64 + d % 4] = (uint8_t)(bytes[d] + 128);
}

// Of one query: lower = add + (the centroid's term - scale * its unit * dot).
struct BoundTerms
{
    float add, scale;
};

// unit: what one of the query's bytes stands for.
BoundTerms bound_terms(const CentroidBytes &c, Metric metric, const SpaceQuery &query, float unit,
                       float width) noexcept
{
    // Rounding is uniform within a unit: of variance 1/12. And sums of floats are rounded.
    const float most_dot = std::sqrt(query.norm_sq) * std::sqrt(c.most_norm_sq);
    const float rounded = metric == Metric::L2 ? query.norm_sq + c.most_norm_sq : most_dot;
    const float error =
        std::sqrt((query.norm_sq * c.most_unit * c.most_unit + c.most_norm_sq * unit * unit) / 12) +
        sum_rounding(c.dims) * rounded;
    if (metric == Metric::L2)
        return {query.norm_sq - 2 * width * error, 2 * unit};
    return {-query.mean_dot - width * error, unit};
}

} // namespace

size_t centroid_bytes_size(size_t n, size_t dims) noexcept
{
    const size_t padded = CentroidBytes::padded(n);
    return 3 * padded * sizeof(float) + padded * 4 * quads_of(dims);
}

CentroidBytes make_centroid_bytes(size_t n, size_t dims, void *memory, float *scratch,
                                  void (*get)(const void *arg, size_t i, float *c, CentroidTerms *terms),
                                  const void *arg) noexcept
{
    const size_t padded = CentroidBytes::padded(n), quads = quads_of(dims);
    float *unit = static_cast<float *>(memory), *norm_sq = unit + padded, *minus_mean_dot = norm_sq + padded;
    uint8_t *book = reinterpret_cast<uint8_t *>(minus_mean_dot + padded);
    std::memset(memory, 0, 3 * padded * sizeof(float));
    std::memset(book, 128, padded * 4 * quads);
    CentroidBytes made = {n, dims, book, unit, norm_sq, minus_mean_dot, 0, 0};
    for (size_t i = 0; i < n; i++) {
        CentroidTerms terms;
        get(arg, i, scratch, &terms);
        int8_t *bytes = reinterpret_cast<int8_t *>(scratch + dims);
        unit[i] = simd::kernels().round_to_bytes(scratch, dims, bytes);
        put_bytes(book, quads, i, dims, bytes);
        norm_sq[i] = terms.norm_sq;
        minus_mean_dot[i] = -terms.mean_dot;
        made.most_unit = std::max(made.most_unit, unit[i]);
        made.most_norm_sq = std::max(made.most_norm_sq, terms.norm_sq);
    }
    return made;
}

size_t centroid_bytes_scratch(size_t n, size_t dims) noexcept
{
    return dots_at_once(n) * sizeof(int32_t) + 4 * quads_of(dims);
}

void bound_by_bytes(const CentroidBytes &c, Metric metric, const SpaceQuery *const *queries, size_t count,
                    float width, float *lower, size_t stride, void *scratch) noexcept
{
    const auto &k = simd::kernels();
    const size_t padded = CentroidBytes::padded(c.n), quads = quads_of(c.dims), most = dots_at_once(c.n);
    const float *terms = metric == Metric::L2 ? c.norm_sq : c.minus_mean_dot;
    int32_t *dots = static_cast<int32_t *>(scratch);
    int8_t *bytes = reinterpret_cast<int8_t *>(dots + count * most);
    BoundTerms of[kBoundTogether];
    for (size_t q = 0; q < count; q++) {
        int8_t *to = bytes + q * 4 * quads;
        std::memset(to + c.dims / 4 * 4, 0, 4 * quads - c.dims / 4 * 4);
        const float unit = k.round_to_bytes(queries[q]->moved, c.dims, to);
        of[q] = bound_terms(c, metric, *queries[q], unit, width);
    }
    for (size_t i = 0; i < padded; i += most) {
        const size_t n = std::min(most, padded - i);
        k.byte_dots(bytes, count, 4 * quads, c.book + i * 4 * quads, n / 16, 64 * quads, quads, dots, most);
        for (size_t q = 0; q < count; q++) {
            k.finite_terms(dots + q * most, c.unit + i, terms + i, of[q].scale, n, of[q].add,
                           lower + q * stride + i);
        }
    }
}

void bound_by_bytes(const CentroidBytes &c, Metric metric, const SpaceQuery &query, float width, float *lower,
                    void *scratch) noexcept
{
    const SpaceQuery *queries[] = {&query};
    bound_by_bytes(c, metric, queries, 1, width, lower, CentroidBytes::padded(c.n), scratch);
}

} // namespace vq
