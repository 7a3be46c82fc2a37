// Making files of an index longer without an error where there is no room.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "common/relpath.h"
#include "storage/block.h"
#include "utils/rel.h"
}

namespace vq::ivf {

// What was added to a fork.
struct Added
{
    BlockNumber first;
    uint32_t count; // zero pages; they are there to stay, and nobody knows of them yet
    const char
        *why; // null if they are all that was wanted; else what the file system said, in the current context
};

// Adds `count` zero pages to a fork, which is created where it is not there yet, or as many as there is room for.
//
// PostgreSQL has no way to ask for room: a file that cannot grow is an ERROR, and VACUUM cannot have a subtransaction to catch it
// in. It is caught here, because here it is known what it leaves behind: smgrextend passes by the buffers, so that there are
// no pins, buffer locks or half-read pages, but only the lock on extending, which is taken and given back outside. All other
// errors go on.
//
// No LWLock may be held: an ERROR forgets how many of them interrupts wait for.
Added extend_fork(Relation rel, ForkNumber fork, uint32_t count);

} // namespace vq::ivf
