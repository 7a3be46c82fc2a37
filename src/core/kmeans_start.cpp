// Start of the clustering: the rows are split into some sqrt(k) cells, each cell gets its share of the
// clusters, and is split again until plain Lloyd rounds are cheap. Costs rows * sqrt(k) a round instead of
// rows * k, and since clusters are dealt by row count the lists come out more even than from random rows.
#include "core/kmeans_work.h"

#include <cmath>
#include <cstring>

namespace vq::kmeans_detail {
namespace {

constexpr size_t kBranchRows = 128; // rows for each cell, enough to find the cells
constexpr int kBranchRounds = 6;
constexpr int kMaxDepth = 6; // below it cells are cut by count: only repeated rows resist six splits

constexpr size_t branch_count(size_t k) noexcept
{
    size_t b = 2;
    while (b < kMaxBranch && b * b < k)
        b++;
    return b;
}

// Labels order[lo, hi) with the nearest of k <= kMaxBranch centroids; where sums != nullptr it gets the sums of their rows.
bool assign_rows(Work &work, size_t lo, size_t hi, const float *centroids, size_t k, float *sums) noexcept
{
    size_t dims = work.options.dims;
    squared_norms(centroids, k, dims, work.norms);
    if (sums) {
        std::fill(sums, sums + k * dims, 0.0f);
        std::fill(work.count, work.count + k, 0u);
    }
    for (size_t p = lo; p < hi; p += kBlockRows) {
        size_t n = std::min(kBlockRows, hi - p);
        gather_rows(work, work.order + p, n, work.rows);
        simd::kernels().dot_block(work.rows, n, dims, centroids, k, dims, dims, work.products, k);
        for (size_t r = 0; r < n; r++) {
            float best = INFINITY;
            size_t winner = smallest(work.products + r * k, work.norms, k, &best);
            winner = winner < k ? winner : 0;
            work.label[p + r] = (uint32_t)winner;
            if (sums)
                accumulate(work, sums, winner, work.rows + r * dims, work.order[p + r]);
        }
        if (!work_done(work, n * k * dims))
            return false;
    }
    return true;
}

// Lloyd rounds on order[lo, hi) from its first k rows.
bool lloyd(Work &work, size_t lo, size_t hi, float *centroids, float *sums, size_t k, int rounds,
           float last_relax) noexcept
{
    gather_rows(work, work.order + lo, k, centroids);
    for (size_t j = 0; work.options.spherical && j < k; j++)
        (void)normalize(centroids + j * work.options.dims, work.options.dims);
    for (int round = 1; round <= rounds; round++) {
        if (!assign_rows(work, lo, hi, centroids, k, sums))
            return false;
        (void)move_centroids(work, centroids, sums, k, round < rounds ? kRelax : last_relax);
    }
    return true;
}

// Cuts order[lo, hi) into b cells; border[0..b] gets their positions.
bool make_cells(Work &work, size_t lo, size_t hi, size_t b, int depth, uint32_t *border) noexcept
{
    if (depth >= kMaxDepth) {
        for (size_t i = 0; i <= b; i++)
            border[i] = (uint32_t)(lo + (hi - lo) * i / b);
        return true;
    }
    // The cells' centroids live where the sums of the refinement will be: 2 b <= clusters.
    float *cells = work.sums, *sums = work.sums + b * work.options.dims;
    size_t enough = std::min(hi, lo + b * kBranchRows);
    if (!lloyd(work, lo, enough, cells, sums, b, kBranchRounds, 1.0f) ||
        !assign_rows(work, lo, hi, cells, b, nullptr))
        return false;
    partition(work, lo, hi, b);
    std::copy(work.start, work.start + b + 1, border);
    return true;
}

// Trains centroids first..first + k - 1 on order[lo, hi), hi - lo >= k, and labels those rows.
bool split(Work &work, size_t lo, size_t hi, size_t first, size_t k, int depth) noexcept
{
    if (k <= kLeaf) {
        float last = work.options.clusters <= kLeaf ? 1.0f : kRelax;
        float *centroids = work.centroids + first * work.options.dims;
        if (!lloyd(work, lo, hi, centroids, work.sums, k, start_rounds(work.options), last))
            return false;
        for (size_t p = lo; p < hi; p++)
            work.label[p] += (uint32_t)first;
        return true;
    }
    size_t b = branch_count(k);
    uint32_t border[kMaxBranch + 1];
    if (!make_cells(work, lo, hi, b, depth, border))
        return false;
    // Shares of the clusters are rounded as they add up, so that none is lost; a cell too small for one joins the next.
    size_t from = lo, given = 0;
    for (size_t i = 0; i < b; i++) {
        size_t upto = (size_t)((uint64_t)k * (border[i + 1] - lo) / (hi - lo));
        if (upto == given)
            continue;
        if (!split(work, from, border[i + 1], first + given, upto - given, depth + 1))
            return false;
        from = border[i + 1];
        given = upto;
    }
    return true;
}

} // namespace

bool start_clusters(Work &work) noexcept
{
    return split(work, 0, work.options.rows, 0, work.options.clusters, 0);
}

uint64_t start_cost(const KmeansOptions &o) noexcept
{
    uint64_t lists = 0, k = o.clusters;
    for (; k > kLeaf; k /= branch_count(k))
        lists += branch_count(k) + kBranchRounds * std::min<uint64_t>(branch_count(k) * kBranchRows, o.rows) *
                                       branch_count(k) / o.rows;
    return o.rows * o.dims * (lists + k * (uint64_t)start_rounds(o));
}

} // namespace vq::kmeans_detail
