#include "vectors.h"

#include "core/kmeans.h"
#include "core/random.h"
#include "simd/kernels.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

namespace vq::bench {

namespace {

constexpr size_t kSamplePerList = 64; // as src/ivf/build/train.cpp
constexpr size_t kLeastSample = 10000;
constexpr uint64_t kSeed = 0x5651;

// The first file of the folder whose name begins so; empty if there is none.
std::string find(const std::string &folder, const std::string &begin)
{
    std::vector<std::string> found;
    std::error_code error;
    for (const auto &entry : std::filesystem::directory_iterator(folder, error)) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(begin) && name.ends_with(".npy"))
            found.push_back(entry.path().string());
    }
    std::sort(found.begin(), found.end());
    return found.empty() ? "" : found[0];
}

void make_unit(Matrix *m)
{
    for (size_t i = 0; i < m->rows; i++) {
        float *x = m->row(i);
        const float norm = std::sqrt(simd::kernels().dot(x, x, m->dims));
        for (size_t d = 0; norm > 0 && d < m->dims; d++)
            x[d] /= norm;
    }
}

void shift(Matrix *m, const std::vector<float> &by, float sign)
{
    for (size_t i = 0; i < m->rows; i++)
        simd::kernels().axpy(sign, by.data(), m->row(i), m->dims);
}

void sort_by_list(Lists *lists)
{
    lists->first.assign(lists->count + 1, 0);
    for (uint32_t list : lists->of_row)
        lists->first[list + 1]++;
    std::partial_sum(lists->first.begin(), lists->first.end(), lists->first.begin());
    std::vector<uint32_t> next = lists->first;
    lists->rows.resize(lists->of_row.size());
    for (uint32_t row = 0; row < lists->of_row.size(); row++)
        lists->rows[next[lists->of_row[row]]++] = row;
}

// The nearest centroid of each row.
std::vector<uint32_t> assign(const Matrix &rows, const Matrix &centroids)
{
    std::vector<float> norms, scratch(kmeans_assign_scratch_floats(centroids.rows));
    for (size_t i = 0; i < centroids.rows; i++)
        norms.push_back(simd::kernels().dot(centroids.row(i), centroids.row(i), centroids.dims));
    std::vector<uint32_t> list(rows.rows);
    kmeans_assign(rows.data.data(), rows.rows, rows.dims, centroids.data.data(), norms.data(), centroids.rows,
                  list.data(), nullptr, scratch.data());
    return list;
}

void shrink(const Matrix &sample, const std::vector<uint32_t> &list, Matrix *centroids)
{
    double cosine = 0;
    for (size_t i = 0; i < sample.rows; i++)
        cosine += simd::kernels().dot(sample.row(i), centroids->row(list[i]), sample.dims);
    for (float &v : centroids->data)
        v *= (float)(cosine / (double)sample.rows);
}

} // namespace

bool read_vectors(const std::string &folder, size_t max_queries, VectorSet *set)
{
    const std::string base = find(folder, "base_"), queries = find(folder, "query_"),
                      truth = find(folder, "gt_");
    size_t truth_rows = 0, truth_columns = 0;
    std::vector<uint32_t> ids;
    if (base.empty() || !read_npy(base.c_str(), &set->base) || queries.empty() ||
        !read_npy(queries.c_str(), &set->queries) || truth.empty() ||
        !read_npy_ids(truth.c_str(), &ids, &truth_rows, &truth_columns) || truth_columns < kNeighbours ||
        set->base.dims != set->queries.dims) {
        std::fprintf(stderr, "%s: needs base_*.npy, query_*.npy and gt_*.npy with ten neighbours a query\n",
                     folder.c_str());
        return false;
    }
    set->name = std::filesystem::path(folder).filename().string();
    const std::string told = std::filesystem::path(truth).filename().string();
    set->metric = told.starts_with("gt_l2") ? Metric::L2 : Metric::InnerProduct;
    set->spherical = told.starts_with("gt_cos");
    set->queries.rows = std::min({set->queries.rows, truth_rows, max_queries});
    set->queries.data.resize(set->queries.rows * set->queries.dims);
    for (size_t q = 0; q < set->queries.rows; q++)
        set->truth.insert(set->truth.end(), &ids[q * truth_columns], &ids[q * truth_columns] + kNeighbours);
    if (set->spherical)
        make_unit(&set->base), make_unit(&set->queries);
    return true;
}

Centres centres_named(const std::string &name)
{
    return name == "unit" ? Centres::Unit : Centres::Shrunk;
}

Lists make_lists(const VectorSet &set, size_t count, Centres centres)
{
    const size_t rows = set.base.rows, dims = set.base.dims;
    Lists lists;
    lists.count =
        count ? count
              : std::max<size_t>(1, (size_t)std::min(6 * std::sqrt((double)rows), (double)rows / 100));
    lists.order.resize(rows);
    std::iota(lists.order.begin(), lists.order.end(), 0u);
    Random random(42);
    for (size_t i = 0; i + 1 < rows; i++)
        std::swap(lists.order[i], lists.order[i + random.below(rows - i)]);

    const size_t sampled = std::min(rows, std::max(kSamplePerList * lists.count, kLeastSample));
    Matrix sample{sampled, dims, {}};
    std::vector<double> sum(dims);
    for (size_t i = 0; i < sampled; i++) {
        const float *x = set.base.row(lists.order[i]);
        sample.data.insert(sample.data.end(), x, x + dims);
        for (size_t d = 0; d < dims; d++)
            sum[d] += x[d];
    }
    for (size_t d = 0; d < dims; d++)
        lists.mean.push_back((float)(sum[d] / (double)sampled));

    KmeansOptions options;
    options.dims = dims;
    options.rows = sampled;
    options.clusters = lists.count;
    options.spherical = set.spherical;
    options.seed = kSeed;
    Matrix centroids{lists.count, dims, std::vector<float>(lists.count * dims)};
    std::vector<double> scratch(kmeans_scratch_bytes(options) / sizeof(double) + 1);
    if (!set.spherical)
        shift(&sample, lists.mean, -1);
    (void)kmeans_train(options, sample.data.data(), centroids.data.data(), scratch.data());
    if (!set.spherical)
        shift(&centroids, lists.mean, 1);
    if (set.spherical && centres == Centres::Shrunk)
        shrink(sample, assign(sample, centroids), &centroids);
    lists.of_row = assign(set.base, centroids);
    sort_by_list(&lists);
    lists.centroids = std::move(centroids.data);
    return lists;
}

} // namespace vq::bench
