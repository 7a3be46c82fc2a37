// Work that VACUUM would rather leave undone than fail for: a VACUUM that fails does not advance relfrozenxid.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/transam.h"
#include "utils/rel.h"
}

namespace vq::ivf {

// Runs work(arg), in a subtransaction, so that an error ends it alone; and within the memory that autovacuum may use, where it is
// autovacuum. What it wrote to pages stays. Returns null if it came to its end, else the error, in the current memory context. A cancel goes
// on, after clean_up(arg) was called. In a VACUUM with parallel workers, which can have no subtransactions, all errors go on.
ErrorData *attempt(void (*work)(void *), void (*clean_up)(void *), void *arg);

// Makes pages that this VACUUM has freed ripe, as far as running snapshots let it, by using up xids; waits a little for those. Returns whether
// what was freed when `next` was the next xid may be reused. Not in a VACUUM with parallel workers.
bool ripen_now(Relation heap, FullTransactionId next);

} // namespace vq::ivf
