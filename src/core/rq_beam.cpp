// Residual quantizer: the codes of unit vectors, by beam search over residuals. Rows go through the layers together, so that a layer's
// codewords are fetched from memory once for many rows. (256 codewords of 384 dimensions are 98 kB; all layers together exceed
// a second-level cache.)
#include "core/rq_best.h"
#include "core/rq_products.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace vq::rq {

namespace {

constexpr size_t kMostBeams = kBeam * kMostTogether;

// The surviving beginnings of one row's code. What each leaves of the unit vector lies in one of the row's kBeam places.
struct Beam
{
    float error[kBeam] = {}; // squared norm of that
    float unit[kBeam] = {};  // and what a unit of its bytes stands for
    uint8_t place[kBeam] = {};
    uint8_t codes[kBeam][kMostLayers] = {};
};

simd::Codebook codebook(const RqImage &h, size_t layer) noexcept
{
    return {book(h, layer), scales(h, layer), norms_sq(h, layer), blocks(h.codewords), quads(h.dims)};
}

// least: of each of a row's beginnings; those of the first become those of all.
void least_of_all(float *least, size_t count) noexcept
{
    for (size_t b = 1; b < count; b++)
        for (size_t j = 0; j < kSorted; j++)
            least[j] = std::min(least[j], least[b * kSorted + j]);
}

// The best codewords of a layer for each of n (1..kMostTogether) rows that have one beginning, the empty one: `rows` are what
// it leaves, of squared norm `error`. bytes: scratch, as many bytes as floats in rows.
void best_alone(const RqImage &h, size_t layer, const float *rows, size_t n, float error, size_t wanted,
                int8_t *bytes, Best *best) noexcept
{
    const auto &k = simd::kernels();
    const size_t width = 4 * quads(h.dims), pitch = 16 * blocks(h.codewords);
    alignas(64) float score[kMostTogether * kMostCodewords], least[kMostTogether * kSorted];
    float unit[kMostTogether], errors[kMostTogether];
    std::fill_n(errors, kMostTogether, error);
    for (size_t i = 0; i < n; i++)
        unit[i] = k.round_to_bytes(rows + i * width, width, bytes + i * width);
    k.codeword_scores(bytes, n, codebook(h, layer), unit, errors, score, least);
    for (size_t i = 0; i < n; i++)
        best[i] = best_of_scores(h, score + i * pitch, least + i * kSorted, 1, wanted);
}

// A continuation that survives the layer.
struct Child
{
    uint8_t row, b; // the b-th best of its row
    uint8_t parent;
    uint16_t codeword;
};

// Which of a row's places are in use while a layer's children are written.
struct Places
{
    uint8_t children[kBeam] = {}; // of each parent: how many are still to be written
    bool taken[kBeam] = {};
    uint8_t next = 0; // places before it are taken
};

// Beams of all rows of a batch, and their scratch.
struct Search
{
    explicit Search(const RqImage &image) noexcept : h(image), width(4 * quads(image.dims)) {}

    const RqImage &h;
    const size_t width;           // floats of a row
    Beam beams[2][kMostTogether]; // before and after a layer
    Best best[kMostTogether];     // of a layer
    Child children[kMostBeams];   // of all rows
    alignas(64) float left[kBeam * kBatchFloats];
    alignas(64) int8_t bytes[kBeam * kBatchFloats]; // in the order of the beams

    float *left_of(size_t row, size_t place) noexcept { return left + (row * kBeam + place) * width; }
    int8_t *bytes_of(size_t row, size_t b) noexcept { return bytes + (row * kBeam + b) * width; }
    void start(size_t n, const float *rows, size_t wanted) noexcept;
    void layer(size_t n, size_t layer, size_t count, size_t wanted) noexcept; // after the first
    size_t line_up(size_t n) noexcept;
    void go_on(size_t n, size_t layer) noexcept;
};

// The first layer, of all rows at once. Their bytes lie where those of the children will, which are written after the scores.
void Search::start(size_t n, const float *rows, size_t wanted) noexcept
{
    for (size_t i = 0; i < n; i++)
        std::memcpy(left_of(i, 0), rows + i * width, width * sizeof(float));
    best_alone(h, 0, rows, n, 1, wanted, bytes, best);
    go_on(n, 0);
}

// Scores are looked through while they are in the first-level cache.
void Search::layer(size_t n, size_t layer, size_t count, size_t wanted) noexcept
{
    alignas(64) float score[kBeam * kMostCodewords], least[kBeam * kSorted];
    for (size_t i = 0; i < n; i++) {
        const Beam &beam = beams[layer % 2][i];
        simd::kernels().codeword_scores(bytes_of(i, 0), count, codebook(h, layer), beam.unit, beam.error,
                                        score, least);
        least_of_all(least, count);
        best[i] = best_of_scores(h, score, least, count, wanted);
    }
    go_on(n, layer);
}

// Puts the children of all rows in the order of their codewords' blocks, for the bytes of a block's codewords lie in the same
// cache lines. Returns how many there are.
size_t Search::line_up(size_t n) noexcept
{
    uint8_t ends[blocks(kMostCodewords)] = {};
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < best[i].count; b++)
            ends[best[i].found[b].codeword / 16]++;
    for (size_t j = 1; j < blocks(kMostCodewords); j++)
        ends[j] = (uint8_t)(ends[j] + ends[j - 1]);
    for (size_t i = n; i-- > 0;)
        for (size_t b = best[i].count; b-- > 0;) {
            const Candidate &c = best[i].found[b];
            children[--ends[c.codeword / 16]] = {(uint8_t)i, (uint8_t)b, (uint8_t)c.parent, c.codeword};
        }
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += best[i].count;
    return count;
}

// Writes what the children leave, and makes them the beginnings of the next layer. A parent's last child is written over the
// parent, the others where parents without children were: so kBeam places suffice.
void Search::go_on(size_t n, size_t layer) noexcept
{
    Places places[kMostTogether];
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < best[i].count; b++) {
            const uint16_t parent = best[i].found[b].parent;
            places[i].children[parent]++;
            places[i].taken[beams[layer % 2][i].place[parent]] = true;
        }
    const size_t count = line_up(n);
    const bool last = layer + 1 == h.layers;
    for (size_t j = 0; j < count; j++) {
        const Child &c = children[j];
        const Beam &from = beams[layer % 2][c.row];
        Beam &to = beams[(layer + 1) % 2][c.row];
        Places &p = places[c.row];
        uint8_t place = from.place[c.parent];
        const float *x = left_of(c.row, place);
        if (--p.children[c.parent] > 0) {
            while (p.taken[p.next])
                p.next++;
            p.taken[place = p.next] = true;
        }
        to.place[c.b] = place;
        to.error[c.b] = simd::kernels().take_off(
            x, book(h, layer) + rq::place(h, c.codeword, 0), scales(h, layer)[c.codeword], quads(h.dims),
            left_of(c.row, place), last ? nullptr : bytes_of(c.row, c.b), &to.unit[c.b]);
        std::memcpy(to.codes[c.b], from.codes[c.parent], kMostLayers); // a fixed size is quicker
        to.codes[c.b][layer] = (uint8_t)c.codeword;
    }
}

} // namespace

void codeword_dots(const RqImage &h, const int8_t *rows, size_t n, int32_t *dots) noexcept
{
    const auto &k = simd::kernels();
    const size_t groups = quads(h.dims), width = 4 * groups, each = 16 * blocks(h.codewords);
    const size_t all = h.layers * each;
    if (each == 16) // a layer is one block
        return k.byte_dots(rows, n, width, book(h, 0), h.layers, layer_bytes(h.dims, h.codewords), groups,
                           dots, all);
    for (size_t m = 0; m < h.layers; m++)
        k.byte_dots(rows, n, width, book(h, m), each / 16, 16 * width, groups, dots + m * each, all);
}

float take_off(const RqImage &h, size_t layer, size_t k, const float *x, float *left) noexcept
{
    return simd::kernels().take_off(x, book(h, layer) + place(h, k, 0), scales(h, layer)[k], quads(h.dims),
                                    left, nullptr, nullptr);
}

size_t rows_together(const RqImage &h) noexcept
{
    return std::min(kBatchFloats / (4 * quads(h.dims)), kMostTogether);
}

void nearest_codewords(const RqImage &h, size_t layer, const float *rows, size_t n, int8_t *bytes,
                       uint8_t *codes) noexcept
{
    Best best[kMostTogether];
    best_alone(h, layer, rows, n, 0, 1, bytes, best);
    for (size_t i = 0; i < n; i++)
        codes[i] = (uint8_t)best[i].found[0].codeword;
}

static void choose_by_residuals(const RqImage &h, size_t n, float *rows, size_t wanted,
                                uint8_t *codes) noexcept
{
    Search s(h);
    s.start(n, rows, wanted); // there are two layers at least
    for (size_t m = 1; m < h.layers; m++)
        s.layer(n, m, wanted, m + 1 < h.layers ? wanted : 1);
    for (size_t i = 0; i < n; i++) {
        const Beam &best = s.beams[h.layers % 2][i];
        std::memcpy(codes + i * h.layers, best.codes[0], h.layers);
        std::memcpy(rows + i * s.width, s.left_of(i, best.place[0]), s.width * sizeof(float));
    }
}

void choose_codes(const RqImage &h, const void *tables, size_t n, float *rows, size_t wanted,
                  uint8_t *codes) noexcept
{
    if (tables)
        choose_by_products(h, tables, n, rows, wanted, codes);
    else
        choose_by_residuals(h, n, rows, wanted, codes);
}

} // namespace vq::rq
