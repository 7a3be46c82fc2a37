// How much of what a refine code leaves out may lie along a direction. Formulas: docs/formulas.md, Bounds of refine codes.
#pragma once

#include "core/scalar_quantizer.h"

namespace vq {

// The cell of rows that have one code: row = x~ +- half in each coordinate, unless it was clamped to the trained range.
struct RefineCell
{
    float *half; // dims floats; the caller's
    float scale; // a power of two that brings the largest of them into 1..2
    double norm; // ||half||
};

// Of SQ6 and SQ8 all cells are alike. half: dims floats that the cell keeps. With FP32 the cell is a point.
RefineCell refine_cell(Element e, size_t dims, const float *image, float *half) noexcept;

// Of the other formats the cell depends on the decoded code x: fills cell->half anew. Nothing happens with SQ6 and SQ8.
void refine_cell_of(Element e, size_t dims, const float *x, RefineCell *cell) noexcept;

// <row - x~, u> for the unit vector u along `direction`, of that length (> 0), at most: four standard deviations of a row that lies
// anywhere in its cell, but not more than ||row - x~|| = error. direction may be scratch, dims floats.
double error_along(const RefineCell &cell, const float *direction, double length, double error, size_t dims,
                   float *scratch) noexcept;

} // namespace vq
