// Bounds of a tile's rows for every instruction set; see wide_vectors.h for the rules and for `L`.
#pragma once

#include "simd/kernels.h"
#include "simd/wide_vectors.h"

#include <cstdint>

namespace vq::simd {

namespace {

template <class L>
typename L::F load_up_to(const float *p, size_t m) noexcept
{
    return m == L::kWidth ? L::load(p) : L::load_first(p, m);
}

// The first m < kWidth elements of a bfloat16 array.
template <class L>
typename L::F bf16_up_to(const uint16_t *p, size_t m) noexcept
{
    if (m == L::kWidth)
        return L::bf16(reinterpret_cast<const uint8_t *>(p));
    uint8_t rest[2 * L::kWidth] = {};
    __builtin_memcpy(rest, p, m * sizeof *p);
    return L::bf16(rest);
}

// Rows are independent, so the lanes are the rows. Products and sums stay separate operations, in the scalar
// order.
template <class L, bool kOfEach>
uint32_t bounds_of_tile(const TileBounds &bounds, float lower[kTileRows]) noexcept
{
    using F = typename L::F;
    constexpr size_t W = L::kWidth;
    const TileBounds b = bounds; // a copy, which storing to lower cannot change
    uint32_t mask = 0;
    for (size_t v = 0; v < b.rows; v += W) {
        const size_t m = b.rows - v < W ? b.rows - v : W;
        F inner = F(b.mul) * L::from_int(b.acc + v) + F(b.offset);
        F scaled = bf16_up_to<L>(b.scale + v, m) * inner;
        F list_add, error_width;
        if constexpr (kOfEach) {
            list_add = load_up_to<L>(b.list_adds + v, m);
            error_width = load_up_to<L>(b.error_widths + v, m);
        } else {
            list_add = F(b.list_add);
            error_width = F(b.error_width);
        }
        F estimate = (load_up_to<L>(b.add + v, m) + list_add) + scaled;
        F bound = estimate - error_width * bf16_up_to<L>(b.err + v, m);
        L::store(lower + v, bound);
        mask |= L::below(bound, F(b.threshold)) << v;
    }
    return b.rows < kTileRows ? mask & ((1u << b.rows) - 1) : mask;
}

template <class L>
uint32_t tile_bounds(const TileBounds &bounds, float lower[kTileRows]) noexcept
{
    return bounds.list_adds ? bounds_of_tile<L, true>(bounds, lower)
                            : bounds_of_tile<L, false>(bounds, lower);
}

} // namespace

} // namespace vq::simd
