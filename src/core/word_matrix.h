// A matrix of 16-bit words with a scale a row, multiplied by vectors in integers: half the time of one of IEEE halfs, of the same size and as exact,
// and the same result on every CPU.
//
//     out_i = scale_i * sum over j of m_ij x_j,     x_j = unit (2048 a_j + b_j)
//
// The digits a and b are -1024..1024, and unit is max |x| / 2^21: a coordinate is off by 2^-22 of the largest one at most, as much as a float sum is.
// The words of a row are as large as sums allow, that fit 32 bits: about 14 bits and a sign. A unit row of 784 dimensions is then off by 2^-13.5.
//
// Layout: scale of each row, as float | the words as Kernels::word_dots reads them. Rows are padded to a multiple of 16, columns to an even number.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vq {

constexpr size_t kMostSide = 1448;   // rows, and columns, of a matrix
constexpr size_t kTimesTogether = 5; // vectors that read the matrix once

size_t word_matrix_bytes(size_t rows, size_t columns) noexcept;

// The words of a row of `columns` finite floats. Returns its scale, with which it is as long as it was.
float round_to_words(const float *row, size_t columns, int16_t *words) noexcept;

// m: word_matrix_bytes bytes, 64-byte aligned, cleared before the first row is put. i < rows.
void word_matrix_put(uint8_t *m, size_t rows, size_t columns, size_t i, const int16_t *words,
                     float scale) noexcept;

// True if all scales are finite; words may be any.
bool word_matrix_valid(const uint8_t *m, size_t rows) noexcept;

// y[v] = m x[v] for v < n, n at most kTimesTogether: `columns` floats become `rows` floats, which do not overlap. What comes of a vector does not depend
// on the others. y is finite where |x| is (as a float), and zero where no coordinate is above kLeastRounded; of an x that is not finite, no y is.
void word_matrix_times(const uint8_t *m, size_t rows, size_t columns, const float *const *x, size_t n,
                       float *const *y) noexcept;

} // namespace vq
