// Product quantizer: rotation, codebooks and threshold from a sample of residuals.
#include "core/pq_image.h"

#include "core/random.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace vq {

namespace pq {

namespace {

// Rounds of Lloyd's algorithm, begun by k-means++; more of them change the error by less than 0.5 %.
constexpr int kRounds = 12;

float square_distance(const float *x, const float *block, size_t k, size_t width) noexcept
{
    float sum = 0;
    for (size_t d = 0; d < width; d++) {
        const float e = x[d] - block[kCentroids * (1 + d) + k];
        sum += e * e;
    }
    return sum;
}

void set_centroid(float *block, size_t k, const float *x, size_t width) noexcept
{
    float norm_sq = 0;
    for (size_t d = 0; d < width; d++) {
        block[kCentroids * (1 + d) + k] = x[d];
        norm_sq += x[d] * x[d];
    }
    block[k] = norm_sq / 2;
}

// k-means++ (Arthur and Vassilvitskii 2007) on at most kStartRows rows.
void start(const float *x, size_t n, size_t width, Random &random, float *block) noexcept
{
    constexpr size_t kStartRows = 1024;
    const size_t rows = std::min(n, kStartRows), step = n / rows;
    float nearest_sq[kStartRows];
    std::fill(nearest_sq, nearest_sq + rows, INFINITY);
    size_t chosen = random.below(rows);
    for (size_t k = 0; k < kCentroids; k++) {
        set_centroid(block, k, x + chosen * step * width, width);
        double total = 0;
        for (size_t i = 0; i < rows; i++) {
            const float d = square_distance(x + i * step * width, block, k, width);
            nearest_sq[i] = std::min(nearest_sq[i], d);
            total += nearest_sq[i];
        }
        double left = random.uniform() * total;
        for (chosen = 0; chosen + 1 < rows && (left -= nearest_sq[chosen]) > 0;)
            chosen++;
    }
}

struct Cells // sums of one Lloyd round
{
    double sum[kCentroids][kMaxSubDims];
    size_t count[kCentroids];
};

void move_centroids(const Cells &cells, size_t width, float *block) noexcept
{
    for (size_t k = 0; k < kCentroids; k++) {
        if (cells.count[k] == 0)
            continue;
        float mean[kMaxSubDims];
        for (size_t d = 0; d < width; d++)
            mean[d] = (float)(cells.sum[k][d] / (double)cells.count[k]);
        set_centroid(block, k, mean, width);
    }
}

// An empty cell's centroid goes to a row of the fullest cell. Where rows repeat, several centroids may stay equal.
void fill_empty(const float *x, size_t n, size_t width, const uint8_t *codes, Cells &cells, Random &random,
                float *block) noexcept
{
    for (size_t k = 0; k < kCentroids; k++) {
        if (cells.count[k] > 0)
            continue;
        const size_t fullest =
            (size_t)(std::max_element(cells.count, cells.count + kCentroids) - cells.count);
        size_t i = random.below(n);
        for (size_t tries = 0; tries < n && codes[i] != fullest; tries++)
            i = (i + 1) % n;
        set_centroid(block, k, x + i * width, width);
        cells.count[fullest] /= 2;
    }
}

} // namespace

void train_codebook(const float *x, size_t n, size_t width, uint64_t seed, float *block,
                    uint8_t *codes) noexcept
{
    const auto &kernels = simd::kernels();
    Random random(seed);
    start(x, n, width, random, block);
    for (int round = 0; round < kRounds; round++) {
        Cells cells = {};
        for (size_t i = 0; i < n; i++) {
            const float *row = x + i * width;
            kernels.nearest_codes(row, block, width, width, codes + i);
            const uint8_t k = codes[i];
            cells.count[k]++;
            for (size_t d = 0; d < width; d++)
                cells.sum[k][d] += row[d];
        }
        move_centroids(cells, width, block);
        fill_empty(x, n, width, codes, cells, random, block);
    }
}

} // namespace pq

using namespace pq;

namespace {

constexpr size_t kTrainingRows = 32768; // 2,048 a centroid; half as many lower recall by .003
constexpr size_t kGaussianRows = 8192;
constexpr size_t kTriedRows = 512;      // training rows that a threshold is tried on, at most
constexpr size_t kTriedFloats = 262144; // and so many dimensions in all, but at least 32 rows
constexpr float kThresholds[] = {0, .05f, .1f, .15f, .2f};
constexpr double kWorthwhile = 0.99; // a threshold is taken if it leaves less than this share of the error

size_t usable_rows(size_t rows) noexcept
{
    return std::min(rows, kTrainingRows);
}

uint32_t rotation_kind(const CodecOptions &options, size_t rows) noexcept
{
    const uint32_t wanted = (uint32_t)options.value[ProductQuantizer::kRotation];
    return rows < ProductQuantizer::kMinTrainingRows ? (uint32_t)ProductQuantizer::kRandom : wanted;
}

struct Layout // of the scratch memory
{
    size_t rows;
    size_t space_dims;
    size_t codes; // offsets in bytes; residuals come first
    size_t column;
    size_t rotation;
    size_t bytes;
};

Layout layout(const CodecOptions &options, size_t rows) noexcept
{
    Layout l = {};
    const uint32_t kind = rotation_kind(options, rows);
    const bool fallback = rows < ProductQuantizer::kMinTrainingRows;
    l.rows = fallback ? kGaussianRows : usable_rows(rows);
    l.space_dims = space_dims_of(kind, options.dims);
    const size_t row_floats = fallback ? kMaxSubDims : l.space_dims;
    l.codes = padded(l.rows * row_floats * sizeof(float));
    l.column = l.codes + padded(l.rows);
    l.rotation = l.column + padded(l.rows * kMaxSubDims * sizeof(float));
    l.bytes = l.rotation +
              (kind == ProductQuantizer::kTrained ? padded(pca_rotation_scratch_bytes(options.dims)) : 0);
    return l;
}

struct Trainer : TrainingRun<ProductQuantizer, PqImage, Layout>
{
    using TrainingRun::TrainingRun;
    float *rows() const noexcept { return reinterpret_cast<float *>(scratch); }
};

double rms_norm(const Trainer &t) noexcept
{
    double sum = 0;
    for (size_t i = 0; i < t.l.rows * t.l.space_dims; i++)
        sum += (double)t.rows()[i] * t.rows()[i];
    return std::sqrt(sum / (double)t.l.rows);
}

// A training residual. One whose square does not fit float would make all others vanish beside it: it counts as zero, which
// tells codebooks nothing.
void usable_residual(const Trainer &t, size_t row, float *out) noexcept
{
    constexpr double kLongest = 1e18;
    training_residual(t.set, row, t.options.dims, out);
    if (!(residual_norm(out, t.options.dims) <= kLongest))
        std::memset(out, 0, t.options.dims * sizeof(float));
}

// Fills t.rows() with residuals in codec space.
bool rotate_residuals(Trainer &t) noexcept
{
    const size_t dims = t.options.dims, D = t.l.space_dims;
    float residual[kMaxDims];
    // The rotation is trained on residuals in the original space; dims <= D.
    for (size_t i = 0; i < t.l.rows; i++)
        usable_residual(t, i, t.rows() + i * dims);
    uint8_t *image = const_cast<uint8_t *>(rotation(*t.h));
    if (t.h->rotation == ProductQuantizer::kRandom)
        rotation_init(t.options.seed, D, image);
    else if (!pca_rotation_train(t.rows(), t.l.rows, dims, t.h->sub_dims, image, t.scratch + t.l.rotation,
                                 t.progress))
        return false;
    for (size_t i = 0; i < t.l.rows; i++) {
        usable_residual(t, i, residual);
        ProductQuantizer::transform(reinterpret_cast<const uint8_t *>(t.h), residual, t.rows() + i * D);
        if (i % 512 == 0 && !t.progress.go_on(.5 * (double)i / (double)t.l.rows))
            return false;
    }
    return true;
}

// Trains one subspace, on a copy of its coordinates row after row: Lloyd's rounds read them many times.
void train_column(Trainer &t, size_t j) noexcept
{
    const size_t w = width(*t.h, j);
    float *column = reinterpret_cast<float *>(t.scratch + t.l.column);
    for (size_t i = 0; i < t.l.rows; i++)
        std::memcpy(column + i * w, t.rows() + i * t.l.space_dims + j * t.h->sub_dims, w * sizeof(float));
    train_codebook(column, t.l.rows, w, t.options.seed + j, const_cast<float *>(codebook(*t.h, j)),
                   t.scratch + t.l.codes);
}

// Codebooks are trained on what they will be given: residuals of unusual length are brought to the typical one.
void apply_gains(Trainer &t) noexcept
{
    const size_t D = t.l.space_dims;
    for (size_t i = 0; i < t.l.rows; i++) {
        float *r = t.rows() + i * D;
        const double norm = residual_norm(r, D), g = norm > 0 ? gain(*t.h, norm) : 1;
        for (size_t d = 0; g != 1 && d < D; d++)
            r[d] = (float)(r[d] * g);
    }
}

bool train_codebooks(Trainer &t) noexcept
{
    const size_t n = columns(t.l.space_dims, t.h->sub_dims);
    for (size_t j = 0; j < n; j++) {
        if (!t.progress.go_on(.5 + .5 * (double)j / (double)n))
            return false;
        train_column(t, j);
    }
    return true;
}

struct Encoded // some training rows
{
    double error;           // mean of (sigma / norm)^2
    double scale_per_error; // scale / sigma, which 99 of 100 rows do not exceed
};

// In the i-th of n equal parts of the sample, the first row that differs from its centroid, for one that does not tells
// nothing; the last row if there is none.
size_t telling_row(const Trainer &t, size_t i, size_t n) noexcept
{
    const size_t D = t.l.space_dims, end = (i + 1) * t.l.rows / n;
    size_t row = i * t.l.rows / n;
    while (row + 1 < end && !(residual_norm(t.rows() + row * D, D) > 0))
        row++;
    return row;
}

Encoded encode_some(const Trainer &t) noexcept
{
    const uint8_t *image = reinterpret_cast<const uint8_t *>(t.h);
    const size_t D = t.l.space_dims,
                 n = std::min({t.l.rows, kTriedRows, std::max(kTriedFloats / D, (size_t)32)});
    float zero[kMaxDims] = {}, direction[kMaxDims], scale_per_error[kTriedRows];
    uint8_t code[kMaxDims];
    double error = 0;
    size_t counted = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t row = telling_row(t, i, n);
        const float *r = t.rows() + row * D;
        if (t.set.toward_vector)
            ProductQuantizer::transform(image, training_vector(t.set, row, t.options.dims), direction);
        RowCode c =
            ProductQuantizer::encode(image, r, zero, t.set.toward_vector ? direction : r, code, nullptr);
        const double norm = residual_norm(r, D);
        if (!(c.scale > 0) || !(norm > 0) || !(c.sigma > 0))
            continue;
        error += (double)c.sigma * c.sigma / (norm * norm);
        scale_per_error[counted++] = c.scale / c.sigma;
    }
    if (counted == 0)
        return {0, std::sqrt((double)D) / t.h->typical_norm};
    float *high = scale_per_error + counted * 99 / 100;
    std::nth_element(scale_per_error, high, scale_per_error + counted);
    return {error / (double)counted, *high};
}

void set_threshold(PqImage *h, float threshold) noexcept
{
    h->threshold = threshold;
    h->parallel_weight = parallel_weight(h->space_dims, threshold);
}

// The scale already takes the parallel error away: a threshold must lower what remains.
bool choose_threshold(Trainer &t) noexcept
{
    const int32_t wanted = t.options.value[ProductQuantizer::kThreshold];
    if (wanted != ProductQuantizer::kAuto) {
        set_threshold(t.h, (float)wanted / (float)ProductQuantizer::kUnitThreshold);
        t.h->scale_per_error = (float)encode_some(t).scale_per_error;
        return true;
    }
    float best = 0;
    Encoded least = {};
    for (float threshold : kThresholds) {
        if (!t.progress.go_on(1))
            return false;
        set_threshold(t.h, threshold);
        const Encoded now = encode_some(t);
        if (threshold == 0 || now.error < least.error * kWorthwhile)
            best = threshold, least = now;
    }
    set_threshold(t.h, best);
    t.h->scale_per_error = (float)least.scale_per_error;
    return true;
}

// Too few rows: codebooks of a Gaussian, for residuals of unit variance.
void train_untrained(Trainer &t) noexcept
{
    rotation_init(t.options.seed, t.h->space_dims, const_cast<uint8_t *>(rotation(*t.h)));
    Random random(t.options.seed);
    for (size_t i = 0; i < t.l.rows * kMaxSubDims; i++) // enough for subspaces of any width
        t.rows()[i] = (float)random.normal();
    const size_t n = columns(t.h->space_dims, t.h->sub_dims);
    for (size_t j = 0; j < n; j++) {
        float *block = const_cast<float *>(codebook(*t.h, j));
        const size_t w = width(*t.h, j);
        if (j > 0 && w == width(*t.h, 0))
            std::memcpy(block, codebook(*t.h, 0), kCentroids * (1 + w) * sizeof(float));
        else
            train_codebook(t.rows(), t.l.rows, w, t.options.seed, block, t.scratch + t.l.codes);
    }
    const int32_t wanted = t.options.value[ProductQuantizer::kThreshold];
    set_threshold(t.h, wanted > 0 ? (float)wanted / (float)ProductQuantizer::kUnitThreshold : 0);
    t.h->scale_per_error = std::sqrt((float)t.h->space_dims);
}

} // namespace

size_t ProductQuantizer::image_bytes(const CodecOptions &options, size_t rows) noexcept
{
    return image_size(rotation_kind(options, rows), options.dims, (size_t)options.value[kSubDims]);
}

size_t ProductQuantizer::training_rows(const CodecOptions &) noexcept
{
    return kTrainingRows;
}

size_t ProductQuantizer::training_bytes(const CodecOptions &options, size_t rows) noexcept
{
    return layout(options, rows).bytes;
}

bool ProductQuantizer::train(const CodecOptions &options, const TrainingSet &set, uint8_t *image,
                             void *scratch, const Progress &progress) noexcept
{
    Trainer t(options, set, progress, layout(options, set.rows), image, scratch);
    t.h->sub_dims = (uint32_t)options.value[kSubDims];
    t.h->rotation = rotation_kind(options, set.rows);
    t.h->space_dims = (uint32_t)space_dims_of(t.h->rotation, options.dims);
    if (set.rows < kMinTrainingRows) {
        train_untrained(t);
        return true;
    }
    if (!rotate_residuals(t))
        return false;
    t.h->typical_norm = (float)std::max(rms_norm(t), 1e-30);
    apply_gains(t);
    return train_codebooks(t) && choose_threshold(t);
}

} // namespace vq
