// The tables of the levels, for dispatch.cpp only. A file whose architecture does not apply compiles to
// nothing.
#pragma once

#include "simd/kernels.h"

namespace vq::simd {

extern const Kernels kScalar;
#if defined(__x86_64__)
extern const Kernels kAvx2;
extern const Kernels kAvx512;
// The one entry that VPOPCNTDQ gains; dispatch.cpp puts it over a copy of kAvx512.
uint32_t bit_planes_dot_vpopcntdq(const uint8_t *code, const uint8_t *planes, size_t bytes,
                                  unsigned nplanes) noexcept;
#elif defined(__aarch64__)
extern const Kernels kNeon;
#endif

} // namespace vq::simd
