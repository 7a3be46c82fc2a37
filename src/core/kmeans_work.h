// What the files kmeans*.cpp share; nobody else includes it. One training run as views into the caller's
// scratch.
#pragma once

#include "core/kmeans.h"
#include "core/random.h"
#include "simd/kernels.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace vq::kmeans_detail {

constexpr size_t kBlockRows = 64;   // rows scored together: 96 kB at 384 dims, less than an L2 cache
constexpr size_t kBlockLists = 256; // centroids scored against them in one call
constexpr size_t kLeaf = 64;        // up to so many clusters plain Lloyd rounds are the cheapest start
constexpr size_t kMaxBranch = 256;  // cells of one split: sqrt(65,536)
constexpr size_t kGroup = 64;       // neighbouring centroids that look for their neighbours together
constexpr size_t kNearGroups = 32;  // groups looked at, at most: all of them up to 2,048 clusters
constexpr size_t kNear = 48;        // candidates of a row: the centroids nearest to its last one
constexpr float kCopy = 1e-6f;      // ||a - b||^2 / ||b||^2 below which rounding cannot tell a from b

struct Work
{
    const KmeansOptions &options;
    const float *sample;
    float scale; // power of two that brings the sample near 1, so that squares neither overflow nor vanish

    float *centroids; // clusters x dims, the caller's
    float *sums;      // clusters x dims
    float *centres;   // groups x dims: mean of each group of centroids
    float *rows;      // kBlockRows x dims: gathered, scaled rows
    float *near;      // kNear x dims: gathered candidates
    float *products;  // kBlockRows x kBlockLists
    float *distances; // kGroup x (kGroup * kNearGroups): centroid to centroid

    uint32_t *order;  // sample rows in working order; one cluster's rows stand together
    uint32_t *label;  // cluster of order[p]
    uint32_t *start;  // clusters + 1: where a cluster begins in `order`
    uint32_t *next;   // clusters: cursors of the partition, heap of the re-seeding
    uint32_t *count;  // clusters: rows assigned in this round
    uint32_t *member; // clusters: the last row assigned
    float *norms;     // clusters: ||c||^2

    Random random;
    uint64_t done, planned, reported; // multiply-adds
    bool stopped;                     // by the callback, which is not called again
};

// Counts work and calls back every few milliseconds. False = stop, now and ever after.
bool work_done(Work &work, uint64_t multiply_adds) noexcept;

// Copies n rows of the sample, scaled, next to each other.
void gather_rows(const Work &work, const uint32_t *rows, size_t n, float *to) noexcept;

// To unit length; false, changing nothing, if x has no direction.
bool normalize(float *x, size_t n) noexcept;

// The position j < n of the smallest norms[j] - 2 products[j] below *best, which becomes that; of equals the first, never a
// NaN. n, and *best stays, if none is below it.
size_t smallest(const float *products, const float *norms, size_t n, float *best) noexcept;

// Adds a gathered row to its cluster's mean.
inline void accumulate(Work &work, float *sums, size_t cluster, const float *row, uint32_t id) noexcept
{
    simd::kernels().axpy(1.0f, row, sums + cluster * work.options.dims, work.options.dims);
    work.count[cluster]++;
    work.member[cluster] = id;
}

// Ends a round: c += relax * (mean - c) for k centroids, from sums, count and member. relax = 1 is Lloyd's step; a longer one
// saves rounds. Empty clusters take half of large ones: true if any did. Centroids that would not be finite keep their place.
bool move_centroids(Work &work, float *centroids, float *sums, size_t k, float relax) noexcept;

// Sorts order[lo, hi) and label with it by label (0..k-1), in place; start[0..k] gets the positions.
void partition(Work &work, size_t lo, size_t hi, size_t k) noexcept;

// Hierarchical start (kmeans_start.cpp): fills centroids and labels from scratch. Needs rows > clusters.
[[nodiscard]] bool start_clusters(Work &work) noexcept;
uint64_t start_cost(const KmeansOptions &options) noexcept;

// Lloyd rounds over candidates (kmeans_refine.cpp). Entry: order partitioned by label.
[[nodiscard]] bool refine_clusters(Work &work) noexcept;
uint64_t refine_cost(const KmeansOptions &options) noexcept;

// Rounds of the two phases out of options.iterations.
constexpr int start_rounds(const KmeansOptions &o) noexcept
{
    return o.clusters <= kLeaf ? std::max(1, o.iterations) : std::max(1, o.iterations * 3 / 10);
}
constexpr int refine_rounds(const KmeansOptions &o) noexcept
{
    return o.clusters <= kLeaf ? 0 : std::max(1, o.iterations * 7 / 10);
}

// How many groups the neighbours of a group's centroids are looked for in: so many that this costs no more than comparing
// rows with centroids, but at least half of kNearGroups. (At 8,192 clusters of 14 rows, 16 groups take a quarter less time
// than 32, for an error .3 % larger; with 32 it is .5 % larger than with all groups.)
constexpr size_t near_groups(const KmeansOptions &o) noexcept
{
    size_t groups = (o.clusters + kGroup - 1) / kGroup;
    if (groups <= kNearGroups)
        return groups;
    return std::clamp(o.rows * kNear / (o.clusters * kGroup), kNearGroups / 2, kNearGroups);
}

// So many times as far as to the mean a centroid moves: Lloyd's rounds move it a little in the same direction again and
// again. Measured on arxiv-minilm-384 (1,180 clusters) and fashion-mnist-784 (600): 1.6 reaches in 4 rounds what 1.0 does in 8
// and more; 1.9 unbalances the clusters. The last round is always 1.0.
constexpr float kRelax = 1.5f;

} // namespace vq::kmeans_detail
