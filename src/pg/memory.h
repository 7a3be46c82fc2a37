// Memory of the current context for the core.
#pragma once

#include "pg/postgres_cpp.h"

namespace vq::pg {

// Starts at a multiple of 64, as prepared queries must and wide kernels like it. Not to be given to pfree: it goes with its context.
inline void *aligned_palloc(size_t bytes)
{
    return (void *)TYPEALIGN(64, palloc_extended(bytes + 64, MCXT_ALLOC_HUGE));
}

} // namespace vq::pg
