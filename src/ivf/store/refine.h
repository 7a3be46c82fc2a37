// The refine part of a fine record: how far off the code is, then the code (core/scalar_quantizer.h). Where rows lie in clusters far apart,
// the code is of the row less the nearest of several places, whose number (a byte) stands before it: so ranges and rounding are of
// the clusters' size. Places are among the rows as they are in the table, and have nothing to do with the lists' origins.
#pragma once

#include "core/refine_bound.h"
#include "ivf/store/index.h"

namespace vq::ivf {

constexpr uint32_t kMostPlaces = 16;

// The refine image: that of the scalar quantizer, then the places (meta.refine_places x dims floats).
size_t refine_image_bytes(const MetaPage &meta);
bool valid_refine_image(const MetaPage &meta, const float *image);
// Of a row's refine part.
uint32_t refine_part_bytes(const MetaPage &meta);

// The number of the place nearest to x, of meta.refine_places > 0.
uint8_t nearest_place(const MetaPage &meta, const float *places, const float *x);

// The quantizer's code of a row, dims floats, less the nearest place. Returns how far off it is, rounded up, 0: not at all.
float encode_refined(const MetaPage &meta, const float *image, const float *x, uint8_t *code);

// x: dims floats. part: refine_part_bytes.
void put_refined(const Index &index, const float *x, uint8_t *part);
// The row that the code stands for, dims floats to `x`, and its cell, where it depends on the code. Returns how far off it is.
// Errors: INDEX_CORRUPTED, of that block.
float get_refined(Relation rel, const Index &index, BlockNumber block, const uint8_t *part, float *x,
                  RefineCell *cell);

} // namespace vq::ivf
