// Residual quantizer: the codes of unit vectors, by beam search with the table of codewords' products.
#include "core/rq_best.h"
#include "core/rq_products.h"

#include <algorithm>
#include <cstring>

namespace vq::rq {

namespace {

constexpr size_t kCopied = 16; // numbers that are copied at once

// Beginnings of one row's code, and how they came about.
struct Beam
{
    size_t count = 1;
    float error[kBeam] = {1};           // what each leaves of the unit vector: the squared norm
    uint32_t place[kBeam][kMostLayers]; // of each, for each layer's codeword, the place of its products
};

// A row in two bytes a dimension: bytes in units of unit[0], and what these leave in units of unit[1]. With one byte, codes would
// leave some .02 % more of the square.
void round_twice(const float *row, size_t width, int8_t *bytes, float unit[2]) noexcept
{
    const auto &k = simd::kernels();
    float left[kBatchFloats];
    std::copy_n(row, width, left);
    unit[0] = k.round_to_bytes(left, width, bytes);
    k.take_rows_off(&bytes, unit, 1, width, left);
    unit[1] = k.round_to_bytes(left, width, bytes + width);
}

// The terms of all layers' codewords, `all` of them, for n rows: squared norm less twice the product with the row.
void row_terms(const RqImage &h, const float *rows, size_t n, size_t all, float *terms) noexcept
{
    const size_t width = 4 * quads(h.dims), each = all / h.layers;
    int8_t bytes[2 * kBatchFloats];
    float unit[2 * kMostTogether];
    alignas(64) int32_t dots[2 * kMostTogether * kMostTerms];
    size_t rounded = 0;
    do // n >= 1, which GCC's warnings do not know
        round_twice(rows + rounded * width, width, bytes + 2 * rounded * width, unit + 2 * rounded);
    while (++rounded < n);
    codeword_dots(h, bytes, 2 * n, dots);
    const auto add = [&](size_t row, size_t m, const float *to, float *out) {
        simd::kernels().terms_of_dots(dots + row * all + m * each, scales(h, m), to, 2 * unit[row], each,
                                      out);
    };
    for (size_t i = 0; i < n; i++)
        for (size_t m = 0; m < h.layers; m++) {
            float *out = terms + i * all + m * each;
            add(2 * i, m, norms_sq(h, m), out);
            add(2 * i + 1, m, out, out);
        }
}

// One row on its way through the layers.
struct Search
{
    Search(const RqImage &image, const uint16_t *table, float *row) noexcept
        : h(image), products(table), terms(row), p(image)
    {
    }

    const RqImage &h;
    const uint16_t *products;
    float *terms; // with the products of all codewords that all beginnings share
    const ProductPlaces p;
    size_t settled = 0; // so many layers; the beginnings differ from this one on
    Beam beams[2];
    Candidate from[kMostLayers][kBeam]; // how the beginnings of each length came about

    void layer(size_t m, size_t wanted) noexcept;
    void go_on(size_t m, const Best &best, const float *score) noexcept;
    void settle(size_t m) noexcept;
    void codes(uint8_t *codes) const noexcept;
};

void Search::layer(size_t m, size_t wanted) noexcept
{
    const Beam &beam = beams[m % 2];
    alignas(64) float score[kBeam * kMostCodewords], least[kSorted];
    simd::kernels().product_scores(terms + m * p.n, m > 0 ? products + p.of_layer(m) : products,
                                   beam.place[0] + settled, beam.count, kMostLayers, m - settled, p.n,
                                   beam.error, score, least);
    Best best = best_of_scores(h, score, least, beam.count, wanted);
    if (best.count == 0) // a damaged image may give NaN
        best = {1, {}};
    go_on(m, best, score);
}

// Makes the best continuations the beginnings of the next layer.
void Search::go_on(size_t m, const Best &best, const float *score) noexcept
{
    const Beam &old = beams[m % 2];
    Beam &beam = beams[(m + 1) % 2];
    beam.count = best.count;
    for (size_t b = 0; b < best.count; b++) {
        const Candidate &c = from[m][b] = best.found[b];
        beam.error[b] = score[c.parent * p.n + c.codeword];
        for (size_t i = settled / kCopied * kCopied; i < m; i += kCopied)
            std::memcpy(beam.place[b] + i, old.place[c.parent] + i, kCopied * sizeof(uint32_t));
        beam.place[b][m] = p.of(m, c.codeword);
    }
    if (m + 1 < p.layers)
        settle(m + 1);
}

// Adds to the terms of the layers from m on what first codewords that all beginnings share have with them.
void Search::settle(size_t m) noexcept
{
    const Beam &beam = beams[m % 2];
    for (; settled < m; settled++) {
        const uint32_t place = beam.place[0][settled];
        for (size_t b = 1; b < beam.count; b++)
            if (beam.place[b][settled] != place)
                return;
        simd::kernels().add_halves(products + place + p.of_layer(m), terms + m * p.n, (p.layers - m) * p.n);
    }
}

// Of the best beginning, which is the first one.
void Search::codes(uint8_t *codes) const noexcept
{
    for (size_t m = p.layers, b = 0; m-- > 0; b = from[m][b].parent)
        codes[m] = (uint8_t)from[m][b].codeword;
}

void take_codes_off(const RqImage &h, const void *tables, const uint8_t *codes, float *x) noexcept
{
    const ProductPlaces p(h);
    const int8_t *bytes[kMostLayers];
    float scale[kMostLayers];
    for (size_t m = 0; m < p.layers; m++) {
        bytes[m] = p.bytes(tables, m, codes[m]);
        scale[m] = scales(h, m)[codes[m]];
    }
    simd::kernels().take_rows_off(bytes, scale, p.layers, p.width, x);
}

} // namespace

void choose_by_products(const RqImage &h, const void *tables, size_t n, float *rows, size_t wanted,
                        uint8_t *codes) noexcept
{
    const ProductPlaces p(h);
    const size_t all = p.layers * p.n;
    alignas(64) float terms[kMostTogether * kMostTerms];
    row_terms(h, rows, n, all, terms);
    for (size_t i = 0; i < n; i++, codes += h.layers) {
        Search s(h, static_cast<const uint16_t *>(tables), terms + i * all);
        for (size_t m = 0; m < h.layers; m++)
            s.layer(m, m + 1 < h.layers ? wanted : 1);
        s.codes(codes);
        take_codes_off(h, tables, codes, rows + i * p.width);
    }
}

} // namespace vq::rq
