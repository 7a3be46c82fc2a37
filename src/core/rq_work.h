// What the files of the training share; nobody else includes it. One training run as views into the caller's scratch.
#pragma once

#include "core/kmeans.h"
#include "core/rq_products.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace vq::rq_detail {

using namespace vq::rq;

struct Layout // of the scratch memory: the rows, then offsets in bytes of what follows
{
    size_t rows;          // how many there are
    size_t norms;         // a float a row
    size_t which;         // numbers of the rows in the sample
    size_t codes;         // a byte a row and layer
    size_t centroids;     // of one layer
    size_t bytes_of_rows; // kMostTogether rows, rounded to bytes
    size_t tables;        // those of rq_products.h; of no size where they do not pay
    size_t kmeans;        // scratch of the clustering; Users lie in the same place
    size_t distances;     // a float a row, behind Users
    size_t adam;          // scratch of Adam, behind Users too
    size_t bytes;         // of all
};

struct Trainer : TrainingRun<ResidualQuantizer, RqImage, Layout>
{
    using TrainingRun::TrainingRun;
    size_t rows = 0; // of the sample, without those that equal their centroid or are set aside
    size_t width = 4 * quads(options.dims); // floats of a row: dims, then zeros
    const void *tables = nullptr;           // of products, for codewords as they are now

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

// For each codeword of a layer, the rows that have it: how many, and their sum. In the scratch of the clustering.
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

// How many rows to work on between two calls of progress, so that a few milliseconds pass if a row takes `products`
// multiplications a dimension.
inline size_t rows_between_calls(const Trainer &t, size_t products) noexcept
{
    return std::max<size_t>(1, (size_t)100'000'000 / (t.width * products));
}

// Options of kmeans_train for the start of a layer's clustering.
KmeansOptions clustering(const CodecOptions &options, size_t rows) noexcept;

// The unit vector along a training row's residual, with zeros up to a whole group of four dimensions. False if the residual is
// zero or does not fit.
bool read_unit(const Trainer &t, size_t row, float *out) noexcept;

// Stores codeword k: bytes in units of 1/127 of its largest coordinate, and that unit as its scale; or rounded to the few levels
// of rq_coordinates.h.
void set_codeword(RqImage *h, size_t layer, size_t k, const float *c) noexcept;

// Trains codewords layer by layer (rq_layers.cpp), on the unit vectors in scratch; fills trained_layers.
[[nodiscard]] bool train_layers(Trainer &t, const Part &part) noexcept;

// Makes the tables of products anew, for `rows` rows that are to be encoded with the codewords as they are now; or forgets the old
// ones, where rows are so few that they do not pay.
void remake_tables(Trainer &t, size_t rows) noexcept;

// Chooses the codes of the n (1..rows_together) training rows from `first` on; the rows in scratch become what they leave.
void encode_together(Trainer &t, size_t first, size_t n, size_t beam) noexcept;

// Moves codewords to where they suit the rows that have them (rq_refit.cpp): encodes all rows, then refit_codes.
[[nodiscard]] bool refit(Trainer &t, const Part &part) noexcept;

// The part of refit that follows encoding. Expects that the rows in scratch are what their codes leave.
[[nodiscard]] bool refit_codes(Trainer &t, const Part &part) noexcept;

// Encodes some rows: fills scale_per_error, mean_share and weights_norm.
[[nodiscard]] bool measure(Trainer &t) noexcept;

} // namespace vq::rq_detail
