// Coarse clustering: Lloyd's k-means on float vectors. The rows are split hierarchically into cells that hold their share of
// the clusters, then Lloyd rounds with GEMM assignment compare a row with the 48 centroids nearest to its last one. On real
// embeddings the error is within 1 % of ten full rounds, at a tenth of the work or less, and the lists are more even.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vq {

struct KmeansOptions
{
    size_t dims = 0;     // floats a row
    size_t rows = 0;     // sample rows, below 2^32
    size_t clusters = 0; // wanted, >= 1; may exceed rows
    int iterations = 10; // Lloyd rounds: 3/10 of them inside the cells, 7/10 over all rows
    // Centroids are scaled to unit length (rows are unit vectors). One whose mean is zero keeps its place.
    bool spherical = false;
    uint64_t seed = 1;
    // Called between blocks of work (every few milliseconds) with the share done, 0..1; false stops the training.
    bool (*progress)(void *arg, double done) = nullptr;
    void *progress_arg = nullptr;
};

// Bytes of scratch that kmeans_train needs, for maintenance_work_mem: 8 a row, 4 * dims + 24 a cluster, and 112 rows and
// up to 1 MB for blocks of work.
size_t kmeans_scratch_bytes(const KmeansOptions &options) noexcept;

// Trains options.clusters centroids into `centroids` (clusters x dims floats, row-major) from `sample` (rows x dims, finite).
// `scratch` has kmeans_scratch_bytes() bytes, 8-byte aligned; the caller owns all memory. Deterministic for a seed.
// Empty clusters are re-seeded by splitting large ones. rows < clusters: the surplus centroids repeat sample rows
// with a small perturbation (rows == 0: all zero), so that every centroid is finite; lists of such centroids may stay empty.
// Returns false only if progress asked to stop; centroids are then unspecified.
[[nodiscard]] bool kmeans_train(const KmeansOptions &options, const float *sample, float *centroids,
                                void *scratch) noexcept;

// norms[i] = ||c_i||^2 of n centroids (n x dims floats, row-major).
void squared_norms(const float *centroids, size_t n, size_t dims, float *norms) noexcept;

// Nearest centroid (squared L2) of each of n rows: list[i], and, where distance != nullptr, distance[i].
// Equal distances go to the first.
// norms: by squared_norms. scratch: kmeans_assign_scratch_floats(nc) floats.
size_t kmeans_assign_scratch_floats(size_t clusters) noexcept;
void kmeans_assign(const float *rows, size_t n, size_t dims, const float *centroids, const float *norms,
                   size_t clusters, uint32_t *list, float *distance, float *scratch) noexcept;

} // namespace vq
