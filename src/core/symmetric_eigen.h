// Eigenvalues and eigenvectors of a real symmetric matrix: Householder reduction to tridiagonal form, then QL
// steps with implicit shifts (Golub and Van Loan, Matrix Computations, 4th ed., sections 8.3.1 and 8.3.3).
//
// Our own few lines instead of Eigen or LAPACK: those allocate, and without exceptions a failed allocation
// ends the process, which in a database server ends every session; and they can't be interrupted.
#pragma once

#include "core/progress.h"

#include <cstddef>

namespace vq {

// Floats of scratch that symmetric_eigen needs.
size_t symmetric_eigen_scratch_floats(size_t n) noexcept;

// a: n x n floats, row-major, symmetric and finite, n >= 1; overwritten: row i becomes the unit eigenvector of values[i].
// values: n floats, descending. The caller owns all memory. Rows are orthonormal to about n * 2^-23 whatever the
// spectrum (repeated and zero eigenvalues too). Returns false only if progress asked to stop.
[[nodiscard]] bool symmetric_eigen(float *a, size_t n, float *values, float *scratch,
                                   const Progress &progress) noexcept;

} // namespace vq
