// Work that VACUUM would rather leave undone than fail for: a VACUUM that fails does not advance relfrozenxid.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/transam.h"
#include "utils/rel.h"
}

namespace vq::ivf {

// Runs work(arg) in a subtransaction: null if it came to its end, else the error, in the current memory context. In a VACUUM with parallel workers,
// which can have no subtransactions, errors go on.
ErrorData *in_subtransaction(void (*work)(void *), void *arg);

// The same, within the memory that autovacuum may use, where it is autovacuum. What was written to pages stays. A cancel goes on, after
// clean_up(arg) was called as after any error.
ErrorData *attempt(void (*work)(void *), void (*clean_up)(void *), void *arg);

// Makes pages that this VACUUM has freed ripe, as far as running snapshots let it, by using up xids; waits a little for those. Returns whether
// what was freed when `next` was the next xid may be reused. Not in a VACUUM with parallel workers.
bool ripen_now(Relation heap, FullTransactionId next);

} // namespace vq::ivf
