// The table of a level whose float kernels are the wide_*.h ones. Included by the level files only.
#pragma once

#include "simd/kernels.h"
#include "simd/wide_beam.h"
#include "simd/wide_block.h"
#include "simd/wide_bounds.h"
#include "simd/wide_mixed.h"
#include "simd/wide_rotation.h"
#include "simd/wide_subspaces.h"
#include "simd/wide_vectors.h"

namespace vq::simd {

namespace {

// A level's `S` scans with kTables (1 or 2) tables of bytes: template <size_t kTables> scan(codes, lut[kTables], rows, acc).
template <class S>
void fastscan8(const uint8_t *codes, const uint8_t *lut, size_t rows, uint32_t acc[kTileRows]) noexcept
{
    S::template scan<1>(codes, {lut}, rows, acc);
}

template <class S>
void fastscan16(const uint8_t *codes, const uint8_t *lut_lo, const uint8_t *lut_hi, size_t rows,
                uint32_t acc[kTileRows]) noexcept
{
    S::template scan<2>(codes, {lut_lo, lut_hi}, rows, acc);
}

// The other integer kernels, which each level has of its own, are passed in.
template <class L, class S>
constexpr Kernels
wide_table(const char *name, decltype(Kernels::bytescan8) bytescan8,
           decltype(Kernels::bit_planes_dot) bit_planes_dot, decltype(Kernels::byte_dots) byte_dots,
           decltype(Kernels::few_bit_dots) few_bit_dots, decltype(Kernels::word_dots) word_dots,
           decltype(Kernels::codeword_scores) codeword_scores,
           decltype(Kernels::keys_within) keys_within) noexcept
{
    return {
        .name = name,
        .dot = dot<L, float>,
        .l2sq = l2sq<L, float>,
        .l1 = l1<L, float>,
        .dot_norms = dot_norms<L, float>,
        .axpy = axpy<L>,
        .half_dot = dot<L, uint16_t>,
        .half_l2sq = l2sq<L, uint16_t>,
        .half_l1 = l1<L, uint16_t>,
        .half_dot_norms = dot_norms<L, uint16_t>,
        .half_to_float = half_to_float<L>,
        .float_to_half = float_to_half<L>,
        .bf16_dot = bf16_dot<L>,
        .bf16_l2sq = bf16_l2sq<L>,
        .dot_block = dot_block<L>,
        .fwht = fwht<L>,
        .flip_signs = flip_signs<L>,
        .word_dots = word_dots,
        .fastscan8 = fastscan8<S>,
        .fastscan16 = fastscan16<S>,
        .bytescan8 = bytescan8,
        .bit_planes_dot = bit_planes_dot,
        .tile_bounds = tile_bounds<L>,
        .keys_within = keys_within,
        .nearest_codes = nearest_codes<L>,
        .subspace_dots = subspace_dots<L>,
        .byte_dots = byte_dots,
        .few_bit_dots = few_bit_dots,
        .take_off = take_off<L>,
        .round_to_bytes = round_to_bytes<L>,
        .codeword_scores = codeword_scores,
        .product_scores = product_scores<L>,
        .terms_of_dots = terms_of_dots<L>,
        .add_halves = add_halves<L>,
        .take_rows_off = take_rows_off<L>,
        .at_most = at_most<L>,
        .finite_sums = finite_sums<L>,
        .finite_terms = finite_terms<L>,
        .minima = minima<L>,
        .count_at_most = count_at_most<L>,
        .order16 = order16<L>,
    };
}

} // namespace

} // namespace vq::simd
