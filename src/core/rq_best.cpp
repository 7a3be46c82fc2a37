// Residual quantizer: which continuations survive a layer of the beam search.
#include "core/rq_best.h"

#include <algorithm>
#include <cmath>

namespace vq::rq {

namespace {

// The n-th smallest (n >= 1) of sixteen.
float nth_least(const float x[kSorted], size_t n) noexcept
{
    uint8_t place[kSorted];
    simd::kernels().order16(x, kSorted, place);
    return x[place[n - 1]];
}

// least: which of score[which[0]], .., score[which[n - 1]] are the `wanted` (below kSorted) smallest, in order; of equals the
// first comes first. Returns how many there are: n, if that is less.
size_t least_of(const float *score, uint16_t *which, size_t n, size_t wanted, uint16_t *least) noexcept
{
    uint16_t some[kSorted];
    size_t kept = 0; // in order; they stand before later ones, so that of equals the first stays first
    for (size_t i = 0; i < n;) {
        const size_t more = std::min(kSorted - kept, n - i);
        float x[kSorted];
        std::fill_n(x, kSorted, INFINITY);
        std::copy_n(least, kept, some);
        std::copy_n(which + i, more, some + kept);
        for (size_t j = 0; j < kept + more; j++)
            x[j] = score[some[j]];
        uint8_t place[kSorted];
        simd::kernels().order16(x, kept + more, place);
        kept = std::min(kept + more, wanted);
        for (size_t j = 0; j < kept; j++)
            least[j] = some[place[j]];
        i += more;
    }
    return kept;
}

// The same of up to kSorted, as mostly; at least kBeam places of `least` are written. which: kSorted places behind the n-th are
// overwritten. No loop's length changes from call to call: processors that guess such lengths wrong lose more than the work takes.
size_t least_of_few(const float *score, uint16_t *which, size_t n, size_t wanted, uint16_t *least) noexcept
{
    std::fill_n(which + n, kSorted, (uint16_t)0);
    float x[2 * kSorted];
    for (size_t j = 0; j < kSorted; j++)
        x[j] = score[which[j]];
    std::fill_n(x + n, kSorted, INFINITY);
    uint8_t place[kSorted];
    simd::kernels().order16(x, n, place);
    for (size_t j = 0; j < kBeam; j++)
        least[j] = which[place[j]];
    return std::min(n, wanted);
}

// The beginning that the score with this number belongs to. Comparisons take less time than a division.
uint16_t parent_of(uint32_t number, uint32_t pitch) noexcept
{
    uint32_t parent = 0;
    for (uint32_t b = 1; b < kBeam; b++)
        parent += number >= b * pitch;
    return (uint16_t)parent;
}

} // namespace

// The sixteen minima belong to sixteen different continuations. So at least `wanted` continuations are not above the wanted-th
// smallest minimum, and those above it cannot be among the best: six or so remain to be looked at.
Best best_of_scores(const RqImage &h, const float *score, const float least[kSorted], size_t count,
                    size_t wanted) noexcept
{
    const uint32_t pitch = (uint32_t)(16 * blocks(h.codewords));
    uint16_t which[kBeam * kMostCodewords + kSorted], chosen[kBeam];
    size_t found = simd::kernels().at_most(score, count * pitch, nth_least(least, wanted), which);
    if (pitch != h.codewords) // a damaged image may make padding look near
        found = (size_t)(std::remove_if(which, which + found,
                                        [&](uint16_t w) { return w % pitch >= h.codewords; }) -
                         which);
    Best best = {(found <= kSorted ? least_of_few : least_of)(score, which, found, wanted, chosen), {}};
    for (size_t b = 0; b < best.count; b++) {
        const uint16_t parent = parent_of(chosen[b], pitch);
        best.found[b] = {parent, (uint16_t)(chosen[b] - parent * pitch)};
    }
    return best;
}

} // namespace vq::rq
