// Refinement: Lloyd rounds over all rows, in which a row is compared only with the centroids nearest to the one it has. A row
// leaves its cluster for a neighbour or not at all: with 48 candidates all but a few rows in a thousand go where they would
// with 1,000.
#include "core/kmeans_work.h"

#include <cmath>
#include <cstring>

namespace vq::kmeans_detail {
namespace {

struct Range // centroids first..first + n - 1
{
    size_t first, n;
};

// The groups near one group, as up to kNearGroups runs of centroids. Products of its centroids with theirs are in
// work.distances, `stride` floats a centroid, kGroup of them a run.
struct Neighbourhood
{
    size_t runs;
    Range run[kNearGroups];
    size_t stride;
};

struct Near
{
    float distance;
    uint32_t centroid;
    bool operator<(const Near &b) const noexcept
    {
        return distance != b.distance ? distance < b.distance : centroid < b.centroid;
    }
};

size_t group_count(const Work &work) noexcept
{
    return (work.options.clusters + kGroup - 1) / kGroup;
}

Range group_range(const Work &work, size_t group) noexcept
{
    return {group * kGroup, std::min(kGroup, work.options.clusters - group * kGroup)};
}

// Keeps the `wanted` smallest in a heap.
void keep_nearest(Near *heap, size_t *n, size_t wanted, Near candidate) noexcept
{
    if (*n < wanted) {
        heap[(*n)++] = candidate;
        std::push_heap(heap, heap + *n);
    } else if (candidate < heap[0]) {
        std::pop_heap(heap, heap + *n);
        heap[*n - 1] = candidate;
        std::push_heap(heap, heap + *n);
    }
}

// Norms, and the mean of every group of consecutive centroids; after the hierarchical start those lie
// together.
void place_groups(Work &work) noexcept
{
    size_t dims = work.options.dims;
    for (size_t g = 0; g < group_count(work) && work_done(work, kGroup * dims); g++) {
        Range range = group_range(work, g);
        float *centre = work.centres + g * dims;
        squared_norms(work.centroids + range.first * dims, range.n, dims, work.norms + range.first);
        std::fill(centre, centre + dims, 0.0f);
        for (size_t j = 0; j < range.n; j++)
            simd::kernels().axpy(1.0f / (float)range.n, work.centroids + (range.first + j) * dims, centre,
                                 dims);
    }
}

// Fills *hood: the groups near this one, and the scalar products of its centroids with theirs.
bool find_neighbourhood(Work &work, size_t group, Neighbourhood *hood) noexcept
{
    const simd::Kernels &kernels = simd::kernels();
    size_t dims = work.options.dims, groups = group_count(work);
    Near nearest[kNearGroups];
    size_t n = 0, wanted = near_groups(work.options);
    for (size_t g = 0; g < groups; g++) {
        float distance = groups == wanted ? (float)g
                         : g == group
                             ? -1.0f
                             : kernels.l2sq(work.centres + g * dims, work.centres + group * dims, dims);
        keep_nearest(nearest, &n, wanted, {distance, (uint32_t)g});
    }
    Range own = group_range(work, group);
    hood->runs = n;
    hood->stride = kGroup * wanted;
    for (size_t i = 0; i < n; i++) {
        Range run = hood->run[i] = group_range(work, nearest[i].centroid);
        kernels.dot_block(work.centroids + own.first * dims, own.n, dims, work.centroids + run.first * dims,
                          run.n, dims, dims, work.distances + i * kGroup, hood->stride);
        if (!work_done(work, own.n * run.n * dims))
            return false;
    }
    return true;
}

// The centroids nearest to `centroid`, itself first; their coordinates side by side in work.near.
size_t gather_near(Work &work, const Neighbourhood &hood, size_t centroid, uint32_t *id, float *norm) noexcept
{
    size_t dims = work.options.dims, n = 0, wanted = std::min(kNear, work.options.clusters) - 1;
    const float *products = work.distances + centroid % kGroup * hood.stride;
    Near heap[kNear];
    for (size_t i = 0; i < hood.runs; i++)
        for (size_t j = 0; j < hood.run[i].n; j++) {
            size_t other = hood.run[i].first + j;
            float distance = work.norms[other] - 2.0f * products[i * kGroup + j];
            if (n == wanted && !(distance <= heap[0].distance))
                continue;
            if (other != centroid)
                keep_nearest(heap, &n, wanted, {distance, (uint32_t)other});
        }
    id[0] = (uint32_t)centroid;
    for (size_t i = 0; i < n; i++)
        id[i + 1] = heap[i].centroid;
    for (size_t i = 0; i <= n; i++) {
        norm[i] = work.norms[id[i]];
        std::memcpy(work.near + i * dims, work.centroids + id[i] * dims, dims * sizeof(float));
    }
    return n + 1;
}

// Sends the rows of one cluster to the nearest of its candidates. Returns how many left through *moved.
bool assign_cluster(Work &work, const Neighbourhood &hood, size_t centroid, size_t *moved) noexcept
{
    size_t dims = work.options.dims, lo = work.start[centroid], hi = work.start[centroid + 1];
    if (lo == hi)
        return true;
    uint32_t id[kNear];
    float norm[kNear];
    size_t k = gather_near(work, hood, centroid, id, norm);
    for (size_t p = lo; p < hi; p += kBlockRows) {
        size_t n = std::min(kBlockRows, hi - p);
        gather_rows(work, work.order + p, n, work.rows);
        simd::kernels().dot_block(work.rows, n, dims, work.near, k, dims, dims, work.products, k);
        for (size_t r = 0; r < n; r++) {
            float best = INFINITY;
            size_t winner = smallest(work.products + r * k, norm, k, &best);
            winner = winner < k ? winner : 0;
            *moved += winner != 0;
            work.label[p + r] = id[winner];
            accumulate(work, work.sums, id[winner], work.rows + r * dims, work.order[p + r]);
        }
        if (!work_done(work, n * k * dims))
            return false;
    }
    return true;
}

bool assign_all(Work &work, size_t *moved) noexcept
{
    size_t dims = work.options.dims, k = work.options.clusters;
    place_groups(work);
    std::fill(work.sums, work.sums + k * dims, 0.0f);
    std::fill(work.count, work.count + k, 0u);
    *moved = 0;
    for (size_t g = 0; g < group_count(work); g++) {
        Range range = group_range(work, g);
        Neighbourhood hood;
        if (!find_neighbourhood(work, g, &hood))
            return false;
        for (size_t j = 0; j < range.n; j++)
            if (!assign_cluster(work, hood, range.first + j, moved))
                return false;
    }
    return true;
}

} // namespace

bool refine_clusters(Work &work) noexcept
{
    int rounds = refine_rounds(work.options);
    for (int round = 1; round <= rounds; round++) {
        size_t moved;
        if (!assign_all(work, &moved))
            return false;
        bool settled = moved * 1000 < work.options.rows; // so few no longer change the error
        float relax = settled || round == rounds ? 1.0f : kRelax;
        if (!move_centroids(work, work.centroids, work.sums, work.options.clusters, relax) && settled)
            break;
        partition(work, 0, work.options.rows, work.options.clusters);
    }
    return true;
}

uint64_t refine_cost(const KmeansOptions &o) noexcept
{
    uint64_t near = std::min(kNear, o.clusters), looked_at = std::min(kGroup * near_groups(o), o.clusters);
    return (uint64_t)refine_rounds(o) * o.dims * (o.rows * near + o.clusters * (looked_at + 2));
}

} // namespace vq::kmeans_detail
