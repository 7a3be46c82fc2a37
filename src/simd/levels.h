// The tables of the levels, for dispatch.cpp only. A file whose architecture does not apply compiles to
// nothing.
#pragma once

#include "simd/kernels.h"

namespace vq::simd {

extern const Kernels kScalar;
#if defined(__x86_64__)
extern const Kernels kAvx2;
extern const Kernels kAvx512;
// The one kernel that VPOPCNTDQ makes faster; dispatch.cpp puts it into a copy of kAvx512.
uint32_t bit_planes_dot_vpopcntdq(const uint8_t *code, const uint8_t *planes, size_t bytes,
                                  unsigned nplanes) noexcept;
// The kernels that VBMI and VNNI make faster; dispatch.cpp puts them into a copy of the level before.
void bytescan8_vbmi(const uint8_t *codes, const uint8_t *lut, size_t rows, uint32_t acc[kTileRows]) noexcept;
void byte_dots_vnni(const int8_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
                    size_t block_stride, size_t quads, int32_t *out, size_t out_stride) noexcept;
void few_bit_dots_vnni(const int8_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
                       size_t block_stride, unsigned bits, size_t quads, int32_t *out,
                       size_t out_stride) noexcept;
void word_dots_vnni(const int16_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
                    size_t pairs, int32_t *out, size_t out_stride) noexcept;
void codeword_scores_vnni(const int8_t *x, size_t nx, const Codebook &book, const float *unit,
                          const float *error, float *score, float *least) noexcept;
#elif defined(__aarch64__)
extern const Kernels kNeon;
#endif

} // namespace vq::simd
