// Residual quantizer: the codes of unit vectors, by beam search. Rows go through the layers together, so that a layer's
// codewords (98 kB of 256 in 384 dimensions; all layers are more than a second-level cache) are fetched once for many.
#include "core/rq_image.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace vq::rq {

namespace {

constexpr size_t kMostBeams = kBeam * kMostTogether;

struct Candidate // a beginning of a code, one layer longer
{
    uint16_t parent;
    uint16_t codeword;
};

constexpr size_t kSorted = 16; // together, by simd::Kernels::order16

// The best few, in order; the first of equals stays first.
struct Best
{
    size_t count;
    Candidate found[kBeam];
};

// Beginnings of one row's code. What each leaves lies in one of kBeam places.
struct Beam
{
    float error[kBeam];
    float unit[kBeam]; // of what it leaves in bytes
    uint8_t place[kBeam];
    uint8_t codes[kBeam][kMostLayers] = {};
};

// The n-th smallest (n >= 1) of sixteen.
float nth_least(const float x[kSorted], size_t n) noexcept
{
    uint8_t place[kSorted];
    simd::kernels().order16(x, place);
    return x[place[n - 1]];
}

// The `wanted` (fewer than kSorted) least of n scores, which are score[which[0]] and so on; in order, the first of equals
// first. Returns how many there are.
size_t least_of(const float *score, const uint16_t *which, size_t n, size_t wanted, uint16_t *least) noexcept
{
    uint16_t some[kSorted];
    size_t kept = 0; // in order, and from earlier places than what follows
    for (size_t i = 0; i < n;) {
        const size_t more = std::min(kSorted - kept, n - i);
        float x[kSorted];
        std::fill_n(x, kSorted, INFINITY);
        std::copy_n(least, kept, some);
        std::copy_n(which + i, more, some + kept);
        for (size_t j = 0; j < kept + more; j++)
            x[j] = score[some[j]];
        uint8_t place[kSorted];
        simd::kernels().order16(x, place);
        kept = std::min(kept + more, wanted);
        for (size_t j = 0; j < kept; j++)
            least[j] = some[place[j]];
        i += more;
    }
    return kept;
}

// The best ways in which `count` beginnings go on, given their products with the codewords. Of sixteen sets of candidates
// the `wanted` smallest minima are candidates themselves, so none above the last of these needs a look: six or so remain.
Best best_of_layer(const RqImage &h, size_t layer, const int32_t *dots, const float *unit, const float *error,
                   size_t count, size_t wanted) noexcept
{
    const uint32_t pitch = (uint32_t)(16 * blocks(h.codewords));
    const auto &k = simd::kernels();
    alignas(64) float score[kBeam * kMostCodewords], least[16];
    std::fill_n(least, 16, INFINITY);
    for (size_t b = 0; b < count; b++)
        k.codeword_scores(dots + b * pitch, scales(h, layer), norms_sq(h, layer), pitch, 2 * unit[b],
                          error[b], score + b * pitch, least);
    uint16_t which[kBeam * kMostCodewords], chosen[kBeam];
    const size_t found = k.at_most(score, count * pitch, nth_least(least, wanted), which);
    Best best = {least_of(score, which, found, wanted, chosen), {}};
    for (size_t b = 0; b < best.count; b++)
        best.found[b] = {(uint16_t)(chosen[b] / pitch), (uint16_t)(chosen[b] % pitch)};
    return best;
}

// Beams of all rows of a batch, and their scratch.
struct Search
{
    explicit Search(const RqImage &image) noexcept : h(image), width(4 * quads(image.dims)) {}

    const RqImage &h;
    const size_t width;           // floats of a row
    Beam beams[2][kMostTogether]; // before and after a layer
    alignas(64) float left[kBeam * kBatchFloats];
    alignas(64) int8_t bytes[kBeam * kBatchFloats]; // in the order of the beams
    alignas(64) int32_t dots[kMostBeams * kMostCodewords];

    float *left_of(size_t row, size_t place) noexcept { return left + (row * kBeam + place) * width; }
    void start(size_t row, const float *unit) noexcept;
    void go_on(size_t row, size_t layer, const Best &best) noexcept;
};

void Search::start(size_t row, const float *unit) noexcept
{
    Beam &beam = beams[0][row];
    beam.error[0] = 1;
    beam.place[0] = 0;
    beam.unit[0] = simd::kernels().round_to_bytes(unit, width, bytes + row * width);
    std::memcpy(left_of(row, 0), unit, width * sizeof(float));
}

// A parent's last child takes its place, the others the places of parents that have none: no more than kBeam are needed.
void Search::go_on(size_t row, size_t layer, const Best &best) noexcept
{
    const auto &k = simd::kernels();
    const Beam &from = beams[layer % 2][row];
    Beam &to = beams[(layer + 1) % 2][row];
    size_t children[kBeam] = {};
    for (size_t b = 0; b < best.count; b++)
        children[best.found[b].parent]++;
    bool taken[kBeam] = {};
    for (size_t parent = 0; parent < kBeam; parent++)
        if (children[parent] > 0)
            taken[from.place[parent]] = true;
    size_t next = 0;
    for (size_t b = 0; b < best.count; b++) {
        const Candidate &c = best.found[b];
        size_t place = from.place[c.parent];
        if (--children[c.parent] > 0) {
            while (taken[next])
                next++;
            taken[place = next] = true;
        }
        to.place[b] = (uint8_t)place;
        float *out = left_of(row, place);
        to.error[b] = take_off(h, layer, c.codeword, left_of(row, from.place[c.parent]), out);
        if (layer + 1 < h.layers)
            to.unit[b] = k.round_to_bytes(out, width, bytes + (row * best.count + b) * width);
        std::memcpy(to.codes[b], from.codes[c.parent], kMostLayers); // all: quicker than some
        to.codes[b][layer] = (uint8_t)c.codeword;
    }
}

} // namespace

float take_off(const RqImage &h, size_t layer, size_t k, const float *x, float *left) noexcept
{
    return simd::kernels().take_off(x, book(h, layer) + place(h, k, 0), scales(h, layer)[k], quads(h.dims),
                                    left);
}

size_t rows_together(const RqImage &h) noexcept
{
    return std::min(kBatchFloats / (4 * quads(h.dims)), kMostTogether);
}

void nearest_codewords(const RqImage &h, size_t layer, const float *rows, size_t n, int8_t *bytes,
                       uint8_t *codes) noexcept
{
    const size_t width = 4 * quads(h.dims), pitch = 16 * blocks(h.codewords);
    const auto &k = simd::kernels();
    int32_t dots[kMostTogether * kMostCodewords];
    float unit[kMostTogether];
    for (size_t i = 0; i < n; i++)
        unit[i] = k.round_to_bytes(rows + i * width, width, bytes + i * width);
    k.byte_dots(bytes, n, width, book(h, layer), blocks(h.codewords), quads(h.dims), dots, pitch);
    const float error = 0;
    for (size_t i = 0; i < n; i++)
        codes[i] =
            (uint8_t)best_of_layer(h, layer, dots + i * pitch, unit + i, &error, 1, 1).found[0].codeword;
}

void choose_codes(const RqImage &h, size_t n, float *rows, size_t wanted, uint8_t *codes) noexcept
{
    const size_t pitch = 16 * blocks(h.codewords);
    Search s(h);
    for (size_t i = 0; i < n; i++)
        s.start(i, rows + i * s.width);
    size_t count = 1; // beginnings of each row
    for (size_t m = 0; m < h.layers; m++) {
        simd::kernels().byte_dots(s.bytes, n * count, s.width, book(h, m), blocks(h.codewords), quads(h.dims),
                                  s.dots, pitch);
        const size_t next = m + 1 < h.layers ? wanted : 1;
        for (size_t i = 0; i < n; i++) {
            const Beam &beam = s.beams[m % 2][i];
            s.go_on(i, m,
                    best_of_layer(h, m, s.dots + i * count * pitch, beam.unit, beam.error, count, next));
        }
        count = next;
    }
    for (size_t i = 0; i < n; i++) {
        const Beam &best = s.beams[h.layers % 2][i];
        std::memcpy(codes + i * h.layers, best.codes[0], h.layers);
        std::memcpy(rows + i * s.width, s.left_of(i, best.place[0]), s.width * sizeof(float));
    }
}

} // namespace vq::rq
