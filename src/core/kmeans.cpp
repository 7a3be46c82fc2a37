// Coarse clustering, outermost layer: scratch, scaling, what all phases share, and the flat assignment.
#include "core/kmeans.h"

#include "core/kmeans_work.h"
#include "core/magnitude.h"

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstring>

namespace vq {
namespace kmeans_detail {

bool work_done(Work &work, uint64_t multiply_adds) noexcept
{
    constexpr uint64_t kReport = 1 << 25; // 1 ms with AVX-512, some 20 ms without any vector unit
    work.done += multiply_adds;
    if (!work.options.progress || work.stopped || work.done - work.reported < kReport)
        return !work.stopped;
    work.reported = work.done;
    double share = (double)work.done / (double)std::max<uint64_t>(work.planned, 1);
    work.stopped = !work.options.progress(work.options.progress_arg, std::min(share, 1.0));
    return !work.stopped;
}

void gather_rows(const Work &work, const uint32_t *rows, size_t n, float *to) noexcept
{
    size_t dims = work.options.dims;
    for (size_t i = 0; i < n; i++, to += dims) {
        const float *from = work.sample + rows[i] * dims;
        if (work.scale == 1.0f)
            std::memcpy(to, from, dims * sizeof(float));
        else
            for (size_t d = 0; d < dims; d++)
                to[d] = from[d] * work.scale;
    }
}

bool normalize(float *x, size_t n) noexcept
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    if (!(sum > 0) || !std::isfinite(sum))
        return false;
    double inverse = 1.0 / std::sqrt(sum);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(x[i] * inverse);
    return true;
}

size_t smallest(const float *products, const float *norms, size_t n, float *best) noexcept
{
    // Lanes that the compiler turns into vectors; each remembers the first position of its own minimum.
    constexpr size_t kLanes = 8;
    float lane[kLanes];
    uint32_t at[kLanes];
    for (size_t l = 0; l < kLanes; l++)
        lane[l] = *best, at[l] = (uint32_t)n;
    size_t j = 0;
    for (; j + kLanes <= n; j += kLanes)
        for (size_t l = 0; l < kLanes; l++) {
            float v = norms[j + l] - 2.0f * products[j + l];
            bool less = v < lane[l];
            lane[l] = less ? v : lane[l];
            at[l] = less ? (uint32_t)(j + l) : at[l];
        }
    size_t winner = n;
    for (size_t l = 0; l < kLanes; l++)
        if (lane[l] < *best || (lane[l] == *best && at[l] < winner))
            *best = lane[l], winner = at[l];
    for (; j < n; j++) {
        float v = norms[j] - 2.0f * products[j];
        if (v < *best)
            *best = v, winner = j;
    }
    return winner;
}

namespace {

// An empty cluster takes half of a large one: its centroid goes between the centroid of that one and one of its rows. Each
// cluster gives at most once a round. False if nothing changed.
bool reseed_empty(Work &work, float *centroids, size_t k) noexcept
{
    const simd::Kernels &kernels = simd::kernels();
    size_t dims = work.options.dims;
    if (std::find(work.count, work.count + k, 0u) == work.count + k)
        return false;
    // Heap of clusters by size, largest first; equal sizes by number so that the result does not depend on
    // the library.
    auto smaller = [&](uint32_t a, uint32_t b) {
        return work.count[a] != work.count[b] ? work.count[a] < work.count[b] : a > b;
    };
    size_t heap = 0;
    bool seeded = false;
    for (size_t j = 0; j < k; j++)
        if (work.count[j])
            work.next[heap++] = (uint32_t)j;
    std::make_heap(work.next, work.next + heap, smaller);
    for (size_t j = 0; j < k; j++) {
        if (work.count[j])
            continue;
        float *empty = centroids + j * dims, *c = nullptr;
        while (!c && heap) {
            std::pop_heap(work.next, work.next + heap, smaller);
            size_t donor = work.next[--heap];
            gather_rows(work, &work.member[donor], 1, empty);
            if (work.options.spherical)
                (void)normalize(empty, dims);
            // Repeated rows cannot be told apart: such a cluster has nothing to give.
            const float *at = centroids + donor * dims;
            if (kernels.l2sq(empty, at, dims) > kCopy * kernels.dot(at, at, dims))
                c = centroids + donor * dims;
        }
        if (!c)
            return seeded;
        seeded = true;
        float part = 0.25f + 0.5f * (float)work.random.uniform();
        for (size_t d = 0; d < dims; d++) {
            float away = part * (empty[d] - c[d]);
            empty[d] = c[d] + away;
            c[d] -= 0.25f * away;
        }
        if (work.options.spherical)
            (void)(normalize(c, dims) && normalize(empty, dims));
    }
    return seeded;
}

} // namespace

bool move_centroids(Work &work, float *centroids, float *sums, size_t k, float relax) noexcept
{
    size_t dims = work.options.dims;
    for (size_t j = 0; j < k && work_done(work, dims); j++) {
        if (!work.count[j])
            continue;
        float *c = centroids + j * dims, *mean = sums + j * dims;
        float inverse = 1.0f / (float)work.count[j];
        for (size_t d = 0; d < dims; d++)
            mean[d] *= inverse;
        // Scaled before the step: the mean of unit vectors is short, and a step past it would swing too far.
        if (work.options.spherical && !normalize(mean, dims))
            continue;
        if (relax != 1.0f) {
            for (size_t d = 0; d < dims; d++)
                mean[d] = c[d] + relax * (mean[d] - c[d]);
            if (work.options.spherical && !normalize(mean, dims))
                continue;
        }
        if (largest_bits(mean, dims) < kInfinityBits)
            std::memcpy(c, mean, dims * sizeof(float));
    }
    return reseed_empty(work, centroids, k);
}

void partition(Work &work, size_t lo, size_t hi, size_t k) noexcept
{
    // American flag sort: count, then send each row straight to its bucket. Nearly sorted input hardly moves.
    uint32_t *start = work.start, *next = work.next, *label = work.label, *order = work.order;
    std::fill(start, start + k + 1, 0u);
    for (size_t p = lo; p < hi; p++)
        start[label[p] + 1]++;
    start[0] = (uint32_t)lo;
    for (size_t j = 0; j < k; j++) {
        start[j + 1] += start[j];
        next[j] = start[j];
    }
    for (size_t j = 0; j < k; j++)
        while (next[j] < start[j + 1]) {
            uint32_t p = next[j], home = label[p];
            if (home == j) {
                next[j]++;
                continue;
            }
            uint32_t q = next[home]++;
            std::swap(label[p], label[q]);
            std::swap(order[p], order[q]);
        }
}

} // namespace kmeans_detail

using namespace kmeans_detail;

namespace {

constexpr size_t kAlign = 64;

// Hands out parts of the scratch; with base == 0 only their size counts.
struct Carver
{
    uintptr_t base;
    size_t used = 0;

    template <typename T>
    T *take(size_t n) noexcept
    {
        T *at = (T *)(base + used);
        used += (n * sizeof(T) + kAlign - 1) / kAlign * kAlign;
        return at;
    }
};

size_t carve(Work &work, uintptr_t base) noexcept
{
    size_t dims = work.options.dims, rows = work.options.rows, k = work.options.clusters;
    size_t groups = (k + kGroup - 1) / kGroup;
    Carver carver{base};
    work.sums = carver.take<float>(k * dims);
    work.centres = carver.take<float>(groups * dims);
    work.rows = carver.take<float>(std::min(kBlockRows, rows) * dims);
    work.near = carver.take<float>(std::min(kNear, k) * dims);
    work.products = carver.take<float>(kBlockRows * std::min(kBlockLists, k));
    work.distances = carver.take<float>(kGroup * kGroup * near_groups(work.options));
    work.order = carver.take<uint32_t>(rows);
    work.label = carver.take<uint32_t>(rows);
    work.start = carver.take<uint32_t>(k + 1);
    work.next = carver.take<uint32_t>(k);
    work.count = carver.take<uint32_t>(k);
    work.member = carver.take<uint32_t>(k);
    work.norms = carver.take<float>(k);
    return carver.used;
}

Work make_work(const KmeansOptions &options, const float *sample, float *centroids) noexcept
{
    return Work{.options = options,
                .sample = sample,
                .scale = 1.0f,
                .centroids = centroids,
                .sums = nullptr,
                .centres = nullptr,
                .rows = nullptr,
                .near = nullptr,
                .products = nullptr,
                .distances = nullptr,
                .order = nullptr,
                .label = nullptr,
                .start = nullptr,
                .next = nullptr,
                .count = nullptr,
                .member = nullptr,
                .norms = nullptr,
                .random = Random(options.seed),
                .done = 0,
                .planned = 0,
                .reported = 0,
                .stopped = false};
}

// 1 if the largest coordinate lies between 2^-32 and 2^32, else the power of two that brings it into 1..2.
float scale_of(Work &work) noexcept
{
    size_t dims = work.options.dims;
    uint32_t bits = 0;
    for (size_t i = 0; i < work.options.rows && work_done(work, dims); i++)
        bits = largest_bits(work.sample + i * dims, dims, bits);
    const float largest = std::bit_cast<float>(bits);
    return largest > 0x1p-32f && largest < 0x1p32f ? 1.0f : scale_to_one(bits);
}

// No more rows than clusters: every row is a centroid, the surplus repeats them shrunk by up to a thousandth.
void copy_rows(const KmeansOptions &o, const float *sample, float *centroids) noexcept
{
    Random random(o.seed);
    for (size_t j = 0; j < o.clusters; j++) {
        float *c = centroids + j * o.dims;
        if (!o.rows) {
            std::fill(c, c + o.dims, 0.0f);
            continue;
        }
        std::memcpy(c, sample + j % o.rows * o.dims, o.dims * sizeof(float));
        if (j >= o.rows)
            for (size_t d = 0; d < o.dims; d++)
                c[d] *= 1.0f - (float)random.uniform() / 1024.0f;
        if (o.spherical)
            (void)normalize(c, o.dims);
    }
}

} // namespace

size_t kmeans_scratch_bytes(const KmeansOptions &options) noexcept
{
    Work work = make_work(options, nullptr, nullptr);
    return carve(work, 0) + kAlign;
}

bool kmeans_train(const KmeansOptions &options, const float *sample, float *centroids, void *scratch) noexcept
{
    if (options.rows <= options.clusters) {
        copy_rows(options, sample, centroids);
        return true;
    }
    Work work = make_work(options, sample, centroids);
    carve(work, ((uintptr_t)scratch + kAlign - 1) / kAlign * kAlign);
    work.planned = options.rows * options.dims + start_cost(options) + refine_cost(options);
    work.scale = scale_of(work);

    // Working order: a random permutation, so that every prefix is a fair subsample.
    for (size_t i = 0; i < options.rows; i++) {
        size_t j = work.random.below(i + 1);
        work.order[i] = work.order[j];
        work.order[j] = (uint32_t)i;
    }
    if (!start_clusters(work))
        return false;
    if (refine_rounds(options)) {
        partition(work, 0, options.rows, options.clusters);
        if (!refine_clusters(work))
            return false;
    }
    if (work.stopped)
        return false;
    if (work.scale != 1.0f && !options.spherical)
        for (size_t i = 0; i < options.clusters * options.dims; i++)
            centroids[i] = std::clamp(centroids[i] / work.scale, -FLT_MAX, FLT_MAX);
    return true;
}

void squared_norms(const float *centroids, size_t n, size_t dims, float *norms) noexcept
{
    for (size_t i = 0; i < n; i++)
        norms[i] = simd::kernels().dot(centroids + i * dims, centroids + i * dims, dims);
}

size_t kmeans_assign_scratch_floats(size_t clusters) noexcept
{
    return kBlockRows * std::min(kBlockLists, clusters);
}

void kmeans_assign(const float *rows, size_t n, size_t dims, const float *centroids, const float *norms,
                   size_t clusters, uint32_t *list, float *distance, float *scratch) noexcept
{
    const simd::Kernels &kernels = simd::kernels();
    size_t width = std::min(kBlockLists, clusters);
    for (size_t i = 0; i < n; i += kBlockRows) {
        size_t nb = std::min(kBlockRows, n - i);
        float best[kBlockRows];
        std::fill(best, best + nb, INFINITY);
        std::fill(list + i, list + i + nb, 0u);
        for (size_t c = 0; c < clusters; c += width) {
            size_t nc = std::min(width, clusters - c);
            kernels.dot_block(rows + i * dims, nb, dims, centroids + c * dims, nc, dims, dims, scratch,
                              width);
            for (size_t r = 0; r < nb; r++) {
                size_t winner = smallest(scratch + r * width, norms + c, nc, &best[r]);
                if (winner < nc)
                    list[i + r] = (uint32_t)(c + winner);
            }
        }
        if (!distance)
            continue;
        // From the difference: -2 <x, c> + ||c||^2 + ||x||^2 is inexact where vectors are long and distances small.
        for (size_t r = 0; r < nb; r++)
            distance[i + r] = std::min(
                kernels.l2sq(rows + (i + r) * dims, centroids + (size_t)list[i + r] * dims, dims), FLT_MAX);
    }
}

} // namespace vq
