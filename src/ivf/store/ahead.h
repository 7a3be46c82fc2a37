// Telling the kernel of pages that will be wanted soon, so that it reads several at a time. Where all pages are in shared buffers that costs
// more than it gains, so it begins when one had to be read.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "utils/rel.h"
}

namespace vq::ivf {

struct Ahead
{
    Relation rel;
    uint32_t most;     // by the tablespace's effective_io_concurrency; known where distance is not 0
    uint32_t distance; // how many pages ahead of the one at hand are told of: 0 while none has to be read
    int64_t reads;     // of this backend, when it was last looked
};

void ahead_begin(Ahead *ahead, Relation rel);

// How many pages ahead are to be told of now.
uint32_t ahead_distance(Ahead *ahead);

// Tells of a block, which must exist.
void ahead_tell(Ahead *ahead, BlockNumber block);

} // namespace vq::ivf
