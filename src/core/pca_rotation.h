// A trained rotation for product quantization: principal axes, dealt to subspaces so that their variances balance
// (docs/formulas.md, Balanced principal axes).
//
// y = P x with orthonormal P: output i is the dot product of x with an axis. Up to 1,448 dimensions the axes are
// those of the whole covariance matrix; above, they are found inside equal blocks of consecutive dimensions, so that the
// matrix stays within kPcaMaxEntries numbers. Axes are words with a scale each (core/word_matrix.h): all outputs together are off by
// about 2^-13 of |x|, the same linear map for rows, centroids and queries, so a squared distance is off by 2^-17 of itself (784 dimensions; "Kernels and core" in
// bench/README.md has what bytes instead of words would do).
//
// Subspace s holds outputs [s * sub_dims, min((s + 1) * sub_dims, dims)). Subspaces come in descending order of
// their largest axis' variance, so that the widest look-up tables are the first ones; a shorter subspace stays the
// last. The widest axis of a subspace is its first output.
//
// Image: a matrix a block, whose rows are the block's outputs in order. Of several blocks, before these: uint16 numbers of their outputs, padded to
// 64 bytes.
#pragma once

#include "core/progress.h"

#include <cstddef>
#include <cstdint>

namespace vq {

constexpr size_t kPcaMaxEntries = (size_t)1 << 21; // words of an image's axes: 4 MB

// Dimensions of a block: dims itself where dims^2 <= kPcaMaxEntries, else dims / blocks rounded up, with the fewest
// blocks that fit. The last block may be shorter.
size_t pca_block_dims(size_t dims) noexcept;

size_t pca_rotation_bytes(size_t dims) noexcept;
size_t pca_rotation_scratch_bytes(size_t dims) noexcept;

// Computes the second moments (about zero) of n >= 1 rows, their eigenvectors, and how these are dealt. rows: n x dims floats,
// row-major, finite, of any magnitude; of more than 16,384, so many evenly spaced ones are used. image:
// pca_rotation_bytes(dims), scratch: pca_rotation_scratch_bytes(dims), both 64-byte aligned. sub_dims: 1..8. Deterministic.
// Returns false only if progress asked to stop.
[[nodiscard]] bool pca_rotation_train(const float *rows, size_t n, size_t dims, size_t sub_dims,
                                      uint8_t *image, void *scratch, const Progress &progress) noexcept;

// True if each output has a number and scales are finite (`bytes` must be pca_rotation_bytes(dims)).
bool pca_rotation_valid(const uint8_t *image, size_t bytes, size_t dims) noexcept;

// y[v] = P x[v] for v < n, dims floats each, none overlapping: several together take half the time each, with the same result. y is finite where |x| is
// (as a float), else nowhere within the block.
void pca_rotation_apply(const uint8_t *image, size_t dims, const float *const *x, size_t n,
                        float *const *y) noexcept;

} // namespace vq
