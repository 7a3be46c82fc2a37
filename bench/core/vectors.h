// A set of vectors with exact neighbours, clustered into lists as the engine does it: what codes.cpp and
// ivf_search.cpp begin with.
#pragma once

#include "core/codec.h"
#include "npy.h"

#include <ctime>
#include <memory>
#include <string>
#include <vector>

namespace vq::bench {

// CPU time: other work on the machine does not count.
inline double now()
{
    return (double)std::clock() / CLOCKS_PER_SEC;
}

constexpr size_t kNeighbours = 10; // the true ones that are to be found

struct VectorSet
{
    std::string name;
    Metric metric; // L2 or InnerProduct; rows and queries of a cosine set are made unit vectors
    bool spherical;
    Matrix base, queries;
    std::vector<uint32_t> truth; // kNeighbours row numbers a query
};

// folder: base_*.npy, query_*.npy and gt_METRIC_*.npy (METRIC: l2, cos or ip), as for bench/run.sh. Prints what is wrong.
bool read_vectors(const std::string &folder, size_t max_queries, VectorSet *set);

struct Lists
{
    size_t count = 0;
    std::vector<float> mean;      // of the sample
    std::vector<float> centroids; // original space
    std::vector<uint32_t> of_row;
    std::vector<uint32_t> rows;  // row numbers, list by list
    std::vector<uint32_t> first; // count + 1 places in rows
    std::vector<uint32_t> order; // all rows in random order: a sample of n are the first n
};

// Spherical k-means gives unit vectors; the rows of a list lie round a shorter one, and residuals from that are smaller.
enum class Centres
{
    Shrunk, // all brought to one length, as src/ivf/build/train.cpp does: lists rank as before
    Unit
};

Centres centres_named(const std::string &name); // shrunk, unit

// lists = 0: as many as the engine makes, min(6 sqrt(rows), rows / 100).
Lists make_lists(const VectorSet &set, size_t lists, Centres centres);

// Memory at a multiple of 64 bytes.
class Aligned
{
public:
    explicit Aligned(size_t bytes = 0)
        : size_(bytes), data_(static_cast<uint8_t *>(std::aligned_alloc(64, (bytes + 127) / 64 * 64)))
    {
        std::memset(data_.get(), 0, (bytes + 127) / 64 * 64);
    }
    uint8_t *data() const { return data_.get(); }
    size_t size() const { return size_; }

private:
    struct Free
    {
        void operator()(uint8_t *p) const { std::free(p); }
    };
    size_t size_;
    std::unique_ptr<uint8_t, Free> data_;
};

} // namespace vq::bench
