// Seeded random orthogonal rotation in O(D log D): four rounds of random sign flips, a fast Walsh-Hadamard transform on the
// first (even rounds) or last (odd rounds) 2^floor(log2 D) coordinates, and, where D is no power of two, a Kac step
// (a, b) -> ((a+b), (a-b)) / sqrt 2 on the two halves (docs/formulas.md, Random rotation).
#pragma once

#include <cstddef>
#include <cstdint>

namespace vq {

constexpr size_t kRotationRounds = 4;

// D for vectors of `dims` dimensions (1..16000): at least 64, and a multiple of 8. Inputs are padded with zeros.
constexpr size_t rotation_dims(size_t dims) noexcept
{
    return dims <= 64 ? 64 : (dims + 7) / 8 * 8;
}

// Bytes of the sign bits that define a rotation of D dimensions.
constexpr size_t rotation_bytes(size_t D) noexcept
{
    return kRotationRounds * (D / 8);
}

// Fills `signs` (rotation_bytes(D) bytes) from the seed.
void rotation_init(uint64_t seed, size_t D, uint8_t *signs) noexcept;

// In place on D floats; preserves L2 norms and inner products up to float rounding. The caller has padded with zeros.
void rotate(const uint8_t *signs, size_t D, float *x) noexcept;

} // namespace vq
