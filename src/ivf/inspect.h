// Opening an index for the SQL functions that look into it. They show what rows look like, so they are its
// owner's alone.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "storage/lockdefs.h"
#include "utils/rel.h"
}

namespace vq::ivf {

// Whether an index belongs to one of the engine's access methods.
bool is_ours(Relation index);

struct Inspected
{
    Relation heap;
    Relation rel; // the index, under AccessShareLock
    LOCKMODE heap_lock;
};

// Locks the table, then the index. Errors: WRONG_OBJECT_TYPE if it is not an index of ours,
// INSUFFICIENT_PRIVILEGE if the user does not own it, FEATURE_NOT_SUPPORTED for another session's temporary
// index, OBJECT_NOT_IN_PREREQUISITE_STATE for one that is not valid or not here (unlogged, on a standby).
Inspected inspect_open(Oid index, LOCKMODE heap_lock);
void inspect_close(const Inspected &target);

} // namespace vq::ivf
