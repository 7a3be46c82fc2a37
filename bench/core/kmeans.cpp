// k-means on real vectors against ten full Lloyd rounds from random rows: seconds, inertia, imbalance.
//   make -C bench/core kmeans && build/bench/kmeans FILE.npy CLUSTERS [ROWS_PER_CLUSTER [ITERATIONS [nolloyd]]]
// FILE.npy: a 2-d C-order array of uint8, float16 or float32. Inertia is per row: on the sample and on the
// whole file.
#include "npy.h"

#include "core/kmeans.h"
#include "core/random.h"
#include "simd/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numeric>
#include <vector>

using namespace vq;

namespace {

// CPU time: other work on the machine does not count.
double now()
{
    return (double)std::clock() / CLOCKS_PER_SEC;
}

void normalize_rows(Matrix *m)
{
    for (size_t i = 0; i < m->rows; i++) {
        float *x = m->row(i);
        float norm = std::sqrt(simd::kernels().dot(x, x, m->dims));
        for (size_t d = 0; norm > 0 && d < m->dims; d++)
            x[d] /= norm;
    }
}

struct Assignment
{
    std::vector<uint32_t> list;
    std::vector<float> distance;
    double inertia = 0, imbalance = 0;
};

Assignment assign(const Matrix &m, const std::vector<float> &centroids, size_t clusters)
{
    Assignment a;
    a.list.resize(m.rows);
    a.distance.resize(m.rows);
    std::vector<float> norms(clusters), scratch(kmeans_assign_scratch_floats(clusters));
    for (size_t j = 0; j < clusters; j++)
        norms[j] = simd::kernels().dot(&centroids[j * m.dims], &centroids[j * m.dims], m.dims);
    kmeans_assign(m.data.data(), m.rows, m.dims, centroids.data(), norms.data(), clusters, a.list.data(),
                  a.distance.data(), scratch.data());
    std::vector<double> count(clusters);
    for (size_t i = 0; i < m.rows; i++)
        a.inertia += a.distance[i], count[a.list[i]]++;
    for (double c : count)
        a.imbalance += c * c;
    a.inertia /= (double)m.rows;
    a.imbalance *= (double)clusters / (double)m.rows / (double)m.rows;
    return a;
}

// The reference: every round compares every row with every centroid.
void naive_lloyd(const Matrix &m, size_t clusters, int rounds, bool spherical, std::vector<float> *centroids)
{
    centroids->assign(m.data.begin(), m.data.begin() + (ptrdiff_t)(clusters * m.dims));
    for (int round = 0; round < rounds; round++) {
        Assignment a = assign(m, *centroids, clusters);
        std::vector<float> sum(clusters * m.dims);
        std::vector<uint32_t> count(clusters);
        for (size_t i = 0; i < m.rows; i++) {
            simd::kernels().axpy(1.0f, m.row(i), &sum[a.list[i] * m.dims], m.dims);
            count[a.list[i]]++;
        }
        for (size_t j = 0; j < clusters; j++) {
            const float *s = &sum[j * m.dims];
            float divisor = spherical ? std::sqrt(simd::kernels().dot(s, s, m.dims)) : (float)count[j];
            for (size_t d = 0; count[j] && d < m.dims; d++)
                (*centroids)[j * m.dims + d] = s[d] / divisor;
        }
    }
}

void report(const char *what, double seconds, const Matrix &sample, const Matrix &all,
            const std::vector<float> &centroids, size_t clusters)
{
    Assignment s = assign(sample, centroids, clusters), a = assign(all, centroids, clusters);
    std::printf("%-16s %8.3f s   inertia sample %.6g all %.6g   imbalance sample %.3f all %.3f\n", what,
                seconds, s.inertia, a.inertia, s.imbalance, a.imbalance);
    std::fflush(stdout);
}

} // namespace

int main(int argc, char **argv)
{
    Matrix all;
    if (argc < 3 || !read_npy(argv[1], &all)) {
        std::fprintf(stderr, "usage: kmeans FILE.npy CLUSTERS [ROWS_PER_CLUSTER [ITERATIONS [nolloyd]]]\n");
        return 2;
    }
    KmeansOptions options;
    options.dims = all.dims;
    options.clusters = std::strtoul(argv[2], nullptr, 10);
    options.iterations = argc > 4 ? std::atoi(argv[4]) : 10;
    options.rows =
        std::min(all.rows, options.clusters * (argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 64));

    // A random sample, in random order.
    std::vector<uint32_t> order(all.rows);
    std::iota(order.begin(), order.end(), 0u);
    Random random(42);
    Matrix sample{options.rows, all.dims, {}};
    for (size_t i = 0; i < options.rows; i++) {
        std::swap(order[i], order[i + random.below(all.rows - i)]);
        sample.data.insert(sample.data.end(), all.row(order[i]), all.row(order[i]) + all.dims);
    }
    size_t scratch_bytes = kmeans_scratch_bytes(options);
    std::printf("%s: %zu of %zu rows x %zu, %zu clusters, kernels %s, scratch %.1f MB\n", argv[1],
                options.rows, all.rows, all.dims, options.clusters, simd::kernels().name,
                (double)scratch_bytes / 1e6);
    std::vector<float> centroids(options.clusters * all.dims);
    for (bool spherical : {false, true}) {
        if (spherical)
            normalize_rows(&sample), normalize_rows(&all);
        if (argc <= 5) {
            double start = now();
            naive_lloyd(sample, options.clusters, 10, spherical, &centroids);
            report(spherical ? "lloyd, spherical" : "lloyd, 10 rounds", now() - start, sample, all, centroids,
                   options.clusters);
        }
        for (uint64_t seed : {1, 2}) {
            std::vector<double> scratch(scratch_bytes / sizeof(double) + 1);
            options.spherical = spherical;
            options.seed = seed;
            double start = now();
            if (!kmeans_train(options, sample.data.data(), centroids.data(), scratch.data()))
                return 1;
            report(spherical ? "train, spherical" : "train", now() - start, sample, all, centroids,
                   options.clusters);
        }
    }
    return 0;
}
