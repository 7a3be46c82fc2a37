// What the files of the training share; nobody else includes it. One training run as views into the caller's scratch.
#pragma once

#include "core/kmeans.h"
#include "core/rq_image.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace vq::rq_detail {

using namespace vq::rq;

struct Layout // of the scratch memory
{
    size_t rows;
    size_t norms; // offsets in bytes; rows come first
    size_t which;
    size_t codes;
    size_t centroids;
    size_t bytes_of_rows;
    size_t kmeans;    // or what the refits need
    size_t distances; // behind that of the refits
    size_t adam;      // the same place
    size_t bytes;
};

struct Trainer : TrainingRun<ResidualQuantizer, RqImage, Layout>
{
    using TrainingRun::TrainingRun;
    size_t rows = 0;                        // of the sample that are not their centroid, and not set aside
    size_t width = 4 * quads(options.dims); // floats of a row: dims, then zeros

    float *row(size_t i) const noexcept { return reinterpret_cast<float *>(scratch) + i * width; }
    float *norms() const noexcept { return reinterpret_cast<float *>(scratch + l.norms); }
    uint32_t *which() const noexcept { return reinterpret_cast<uint32_t *>(scratch + l.which); }
    float *distances() const noexcept { return reinterpret_cast<float *>(scratch + l.distances); }
    uint8_t *codes(size_t i) const noexcept { return scratch + l.codes + i * h->layers; }
    float *centroid(size_t k) const noexcept
    {
        return reinterpret_cast<float *>(scratch + l.centroids) + k * width;
    }
};

// Sums of the rows that a codeword is nearest to, in the scratch of the clustering.
struct Users
{
    uint32_t *count;
    float *sum;

    explicit Users(const Trainer &t) noexcept
        : count(reinterpret_cast<uint32_t *>(t.scratch + t.l.kmeans)),
          sum(reinterpret_cast<float *>(t.scratch + t.l.kmeans + padded(t.h->codewords * sizeof(uint32_t))))
    {
        std::fill_n(count, t.h->codewords, 0u);
        std::fill_n(sum, t.h->codewords * t.width, 0.0f);
    }
    void add(const Trainer &t, size_t i, size_t k) const noexcept
    {
        count[k]++;
        simd::kernels().axpy(1, t.row(i), sum + k * t.width, t.width);
    }
};

// So many that work on `products` of a row's dimensions each takes a few milliseconds.
inline size_t rows_between_calls(const Trainer &t, size_t products) noexcept
{
    return std::max<size_t>(1, (size_t)100'000'000 / (t.width * products));
}

// The start of a layer's clustering.
KmeansOptions clustering(const CodecOptions &options, size_t rows) noexcept;

// A training row's residual, of unit length, zero up to a whole group of four dimensions. False if it has none.
bool read_unit(const Trainer &t, size_t row, float *out) noexcept;

// Bytes and scale of codeword k: rounded to 1/127 of its largest coordinate.
void set_codeword(RqImage *h, size_t layer, size_t k, const float *c) noexcept;

// Layer by layer (rq_layers.cpp), from unit vectors in scratch: codewords, and how many layers have them.
[[nodiscard]] bool train_layers(Trainer &t, const Part &part) noexcept;

// Codes of the n (1..rows_together) training rows from `first` on; the rows become what their codes leave.
void encode_together(Trainer &t, size_t first, size_t n, size_t beam) noexcept;

// Codewords moved together (rq_refit.cpp).
[[nodiscard]] bool refit(Trainer &t, const Part &part) noexcept;

// The part of it that follows encoding: rows in scratch are what their codes leave.
[[nodiscard]] bool refit_codes(Trainer &t, const Part &part) noexcept;

// Encodes some rows: fills scale_per_error, mean_share and weights_norm.
[[nodiscard]] bool measure(Trainer &t) noexcept;

} // namespace vq::rq_detail
