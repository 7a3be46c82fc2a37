#include "core/pca_rotation.h"

#include "core/magnitude.h"
#include "core/symmetric_eigen.h"
#include "core/word_matrix.h"
#include "simd/kernels.h"

#include <algorithm>
#include <bitset>
#include <cfloat>
#include <cmath>
#include <cstring>

namespace vq {
namespace {

constexpr size_t kAlign = 64;
constexpr size_t kMaxOutputs = 1 << 16; // their numbers are of 16 bits
static_assert(kMostSide * kMostSide <= kPcaMaxEntries);
constexpr size_t kMaxRows = 16384;           // more rows hardly move the axes; evenly spaced ones are taken
constexpr size_t kChunk = 512;               // rows transposed at a time
constexpr size_t kChunkStride = kChunk + 16; // coordinates 2,048 bytes apart would share the sets of a cache
constexpr size_t kTile = 64;                 // coordinates of a tile of the moments
constexpr size_t kTranspose = 16;            // coordinates transposed together
constexpr double kFloor = 1e-6;              // of the largest variance: lesser ones count as this
constexpr float kTiny = 0x1p-60f;            // of the largest coordinate: smaller ones count as zero

constexpr size_t aligned(size_t bytes) noexcept
{
    return (bytes + kAlign - 1) / kAlign * kAlign;
}

size_t block_count(size_t dims) noexcept
{
    size_t block = pca_block_dims(dims);
    return (dims + block - 1) / block;
}

// One block of dimensions and what an image has of it: a matrix whose rows are outputs, in the order of their numbers.
struct Block
{
    size_t first, width;
    size_t matrix; // where it begins
};

// The numbers of the outputs of all blocks come first; of one block they are 0, 1, 2, .. and left out.
size_t numbers_bytes(size_t dims) noexcept
{
    return block_count(dims) > 1 ? aligned(dims * sizeof(uint16_t)) : 0;
}

Block block_of(size_t dims, size_t number) noexcept
{
    const size_t whole = pca_block_dims(dims), first = number * whole;
    return {first, std::min(whole, dims - first),
            numbers_bytes(dims) + number * word_matrix_bytes(whole, whole)};
}

uint16_t output_number(const uint8_t *image, size_t i) noexcept
{
    uint16_t number;
    std::memcpy(&number, image + i * sizeof number, sizeof number);
    return number;
}

struct Subspace
{
    double sum; // of the logarithms of its axes' variances
    uint32_t number;
    uint32_t axes;
};

// Views of the scratch; with base == 0 only its size counts.
struct Scratch
{
    float *moments;     // block x block; later the eigenvectors
    float *columns;     // block x kChunkStride: rows transposed
    float *tile;        // kTile x kTile
    float *eigen;       // of symmetric_eigen
    float *variance;    // dims: of all blocks' axes
    int16_t *axes;      // dims x block, in the order of the blocks: words of word_matrix.h
    float *scale;       // dims: of these
    uint32_t *order;    // dims: axes by variance
    uint32_t *output;   // dims: axis of each output
    Subspace *subspace; // dims at most
    size_t bytes;
};

Scratch carve(size_t dims, uintptr_t base) noexcept
{
    const size_t block = pca_block_dims(dims);
    size_t used = 0;
    auto take = [&](size_t bytes) {
        uintptr_t at = base + used;
        used += aligned(bytes);
        return at;
    };
    Scratch s{};
    s.moments = (float *)take(block * block * sizeof(float));
    s.columns = (float *)take(block * kChunkStride * sizeof(float));
    s.tile = (float *)take(kTile * kTile * sizeof(float));
    s.eigen = (float *)take(symmetric_eigen_scratch_floats(block) * sizeof(float));
    s.variance = (float *)take(dims * sizeof(float));
    s.axes = (int16_t *)take(dims * block * sizeof(int16_t));
    s.scale = (float *)take(dims * sizeof(float));
    s.order = (uint32_t *)take(dims * sizeof(uint32_t));
    s.output = (uint32_t *)take(dims * sizeof(uint32_t));
    s.subspace = (Subspace *)take(dims * sizeof(Subspace));
    s.bytes = used;
    return s;
}

// The rows that are used, and the factor that keeps their squares from overflowing or vanishing.
struct Sample
{
    const float *rows;
    size_t n, used, dims;
    float scale;

    const float *row(size_t i) const noexcept { return rows + i * n / used * dims; }
};

// The power of two that brings the largest coordinate into 1..2. False if progress asked to stop.
bool find_scale(Sample &sample, const Part &part) noexcept
{
    uint32_t bits = 0;
    for (size_t i = 0, since = 0; i < sample.used; i++) {
        bits = largest_bits(sample.row(i), sample.dims, bits);
        since += sample.dims;
        if (since >= (1 << 22)) {
            since = 0;
            if (!part.go_on(0))
                return false;
        }
    }
    sample.scale = scale_to_one(bits);
    return true;
}

// columns[d][r] = coordinate first + d of row from + r, for r < count; the rest of the chunk is not looked at.
void transpose(const Sample &sample, size_t first, size_t width, size_t from, size_t count,
               float *columns) noexcept
{
    for (size_t d = 0; d < width; d += kTranspose) {
        size_t some = std::min(kTranspose, width - d);
        for (size_t r = 0; r < count; r++) {
            const float *row = sample.row(from + r) + first + d;
            for (size_t j = 0; j < some; j++) {
                float v = row[j] * sample.scale;
                columns[(d + j) * kChunkStride + r] = std::fabs(v) < kTiny ? 0.0f : v;
            }
        }
    }
}

// Adds the chunk's products of coordinates i.. and j.. to the lower triangle.
void add_tile(const Scratch &s, size_t width, size_t count, size_t i, size_t j) noexcept
{
    size_t rows = std::min(kTile, width - i), columns = std::min(kTile, width - j);
    simd::kernels().dot_block(s.columns + i * kChunkStride, rows, kChunkStride, s.columns + j * kChunkStride,
                              columns, kChunkStride, count, s.tile, kTile);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            s.moments[(i + r) * width + j + c] += s.tile[r * kTile + c];
}

// Second moments of the coordinates first .. first + width - 1: width x width, whole.
bool second_moments(const Sample &sample, size_t first, size_t width, const Scratch &s,
                    const Part &part) noexcept
{
    std::fill(s.moments, s.moments + width * width, 0.0f);
    for (size_t from = 0; from < sample.used; from += kChunk) {
        size_t count = std::min(kChunk, sample.used - from);
        transpose(sample, first, width, from, count, s.columns);
        for (size_t i = 0; i < width; i += kTile) {
            for (size_t j = 0; j <= i; j += kTile)
                add_tile(s, width, count, i, j);
            if (!part.go_on((double)from / (double)sample.used))
                return false;
        }
    }
    for (size_t i = 0; i < width; i++)
        for (size_t j = 0; j < i; j++)
            s.moments[j * width + i] = s.moments[i * width + j];
    return true;
}

// Axes and variances of one block of dimensions.
bool find_axes(const Sample &sample, size_t first, const Scratch &s, const Part &part) noexcept
{
    const size_t block = pca_block_dims(sample.dims), width = std::min(block, sample.dims - first);
    // For the shares of progress: an eigenvector takes about the time of twenty rows, whose products are faster.
    double share = (double)sample.used / (double)(sample.used + 20 * width);
    Part moments{part.whole, part.from, part.share * share},
        eigen{part.whole, part.from + moments.share, part.share - moments.share};
    if (!second_moments(sample, first, width, s, moments) ||
        !symmetric_eigen(s.moments, width, s.variance + first, s.eigen, {Part::call, &eigen}))
        return false;
    for (size_t i = first; i < first + width; i++)
        s.scale[i] = round_to_words(s.moments + (i - first) * width, width, s.axes + i * block);
    return true;
}

// Chooses the axis of each output. Axes in descending order of variance go to the subspace with the smallest sum among those
// with room; of equals, to the first. So subspaces get their first, widest axes in the order of their numbers.
void deal_axes(const Scratch &s, size_t dims, size_t sub_dims) noexcept
{
    const size_t subspaces = (dims + sub_dims - 1) / sub_dims;
    for (size_t i = 0; i < dims; i++)
        s.order[i] = (uint32_t)i;
    std::sort(s.order, s.order + dims, [&](uint32_t a, uint32_t b) {
        return s.variance[a] != s.variance[b] ? s.variance[a] > s.variance[b] : a < b;
    });
    for (size_t i = 0; i < subspaces; i++)
        s.subspace[i] = {0, (uint32_t)i, 0};
    const double floor = std::max(kFloor * (double)s.variance[s.order[0]], (double)FLT_MIN);
    auto later = [](const Subspace &a, const Subspace &b) {
        return a.sum != b.sum ? a.sum > b.sum : a.number > b.number;
    };
    size_t open = subspaces; // those with room, a heap by `later`: in order of numbers they already are one
    for (size_t i = 0; i < dims; i++) {
        std::pop_heap(s.subspace, s.subspace + open, later);
        Subspace &to = s.subspace[open - 1];
        size_t first = to.number * sub_dims;
        s.output[first + to.axes++] = s.order[i];
        to.sum += std::log(std::max((double)s.variance[s.order[i]], floor) / floor);
        if (to.axes == std::min(sub_dims, dims - first))
            open--;
        else
            std::push_heap(s.subspace, s.subspace + open, later);
    }
}

void write_image(const Scratch &s, size_t dims, uint8_t *image) noexcept
{
    const size_t block = pca_block_dims(dims);
    std::memset(image, 0, pca_rotation_bytes(dims));
    for (size_t b = 0; b < block_count(dims); b++) {
        const Block of = block_of(dims, b);
        size_t row = 0;
        for (size_t i = 0; i < dims; i++) {
            const size_t axis = s.output[i];
            if (axis / block != b)
                continue;
            const uint16_t number = (uint16_t)i;
            if (numbers_bytes(dims) > 0)
                std::memcpy(image + (of.first + row) * sizeof number, &number, sizeof number);
            word_matrix_put(image + of.matrix, of.width, of.width, row++, s.axes + axis * block,
                            s.scale[axis]);
        }
    }
}

// Whether each output has a number.
bool numbers_valid(const uint8_t *image, size_t dims) noexcept
{
    std::bitset<kMaxOutputs> found;
    for (size_t i = 0; i < dims; i++) {
        const size_t number = output_number(image, i);
        if (number >= dims || found[number])
            return false;
        found[number] = true;
    }
    return true;
}

} // namespace

size_t pca_block_dims(size_t dims) noexcept
{
    size_t block = dims;
    for (size_t blocks = 2; dims * block > kPcaMaxEntries; blocks++)
        block = (dims + blocks - 1) / blocks;
    return block;
}

size_t pca_rotation_bytes(size_t dims) noexcept
{
    const Block last = block_of(dims, block_count(dims) - 1);
    return last.matrix + word_matrix_bytes(last.width, last.width);
}

size_t pca_rotation_scratch_bytes(size_t dims) noexcept
{
    return carve(dims, 0).bytes;
}

bool pca_rotation_train(const float *rows, size_t n, size_t dims, size_t sub_dims, uint8_t *image,
                        void *scratch, const Progress &progress) noexcept
{
    const Scratch s = carve(dims, (uintptr_t)scratch);
    const size_t block = pca_block_dims(dims);
    Sample sample{.rows = rows, .n = n, .used = std::min(n, kMaxRows), .dims = dims, .scale = 1.0f};
    if (!find_scale(sample, {progress, 0, 0}))
        return false;
    for (size_t first = 0; first < dims; first += block) {
        const double all = (double)dims, share = (double)std::min(block, dims - first) / all;
        if (!find_axes(sample, first, s, {progress, (double)first / all, share}))
            return false;
    }
    deal_axes(s, dims, sub_dims);
    write_image(s, dims, image);
    return true;
}

bool pca_rotation_valid(const uint8_t *image, size_t bytes, size_t dims) noexcept
{
    if (dims == 0 || dims > kMaxOutputs || bytes != pca_rotation_bytes(dims))
        return false;
    for (size_t b = 0; b < block_count(dims); b++) {
        const Block of = block_of(dims, b);
        if (!word_matrix_valid(image + of.matrix, of.width))
            return false;
    }
    return numbers_bytes(dims) == 0 || numbers_valid(image, dims);
}

// At most kTimesTogether vectors times the matrix of a block, whose outputs are all there are.
static void apply_block(const uint8_t *image, const Block &of, const float *const *x, size_t n,
                        float *const *y) noexcept
{
    const float *from[kTimesTogether] = {};
    for (size_t v = 0; v < n; v++)
        from[v] = x[v] + of.first;
    word_matrix_times(image + of.matrix, of.width, of.width, from, n, y);
}

// The same of one block of several: its outputs go where their numbers say.
static void scatter_block(const uint8_t *image, const Block &of, const float *const *x, size_t n,
                          float *const *y) noexcept
{
    float outputs[kTimesTogether][kMostSide], *to[kTimesTogether] = {};
    for (size_t v = 0; v < n; v++)
        to[v] = outputs[v];
    apply_block(image, of, x, n, to);
    for (size_t i = 0; i < of.width; i++) {
        const size_t number = output_number(image, of.first + i);
        for (size_t v = 0; v < n; v++)
            y[v][number] = outputs[v][i];
    }
}

void pca_rotation_apply(const uint8_t *image, size_t dims, const float *const *x, size_t n,
                        float *const *y) noexcept
{
    const size_t blocks = block_count(dims);
    const auto apply = blocks == 1 ? apply_block : scatter_block;
    for (size_t done = 0; done < n; done += kTimesTogether)
        for (size_t b = 0; b < blocks; b++)
            apply(image, block_of(dims, b), x + done, std::min(n - done, kTimesTogether), y + done);
}

} // namespace vq
