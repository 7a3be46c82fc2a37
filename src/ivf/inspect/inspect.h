// Opening an index for the SQL functions that look into it. They show what rows look like, so they are its
// owner's alone.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/tupdesc.h"
#include "fmgr.h"
#include "storage/lockdefs.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
#include "utils/tuplestore.h"
}

namespace vq::ivf {

// The row type that a function's call wants.
TupleDesc result_row_type(FunctionCallInfo fcinfo);

// The rows that a set-returning function's call gives back.
struct ResultRows
{
    Tuplestorestate *store;
    TupleDesc desc;
};
// Errors: FEATURE_NOT_SUPPORTED where the caller takes no set.
ResultRows begin_rows(FunctionCallInfo fcinfo);

// Whether an index belongs to one of the engine's access methods.
bool is_ours(Relation index);

// Errors: WRONG_OBJECT_TYPE if it does not.
void check_is_ours(Relation index);

struct Inspected
{
    Relation heap;
    Relation rel; // the index, under AccessShareLock
    LOCKMODE heap_lock;
    Oid user; // the caller and what he had set; errors bring both back
    int security;
    int guc_level;
    MemoryContext memory; // of all that is allocated until inspect_close; current from inspect_open on
    MemoryContext outer;
};

// Locks the table, then the index: waits for a REINDEX or DROP under way. From here to inspect_close the session is the
// table's owner, as in VACUUM and amcheck, because expressions and predicates of the index may run; settings changed
// with GUC_ACTION_SAVE last as long.
// Errors: UNDEFINED_TABLE if there is no such index (any more), WRONG_OBJECT_TYPE if it is not an index of ours,
// INSUFFICIENT_PRIVILEGE if the user does not own it, FEATURE_NOT_SUPPORTED for another session's temporary
// index, OBJECT_NOT_IN_PREREQUISITE_STATE for one that is not valid or not here (unlogged, on a standby; of a distributed table, unless
// `empty_shells`).
Inspected inspect_open(Oid index, LOCKMODE heap_lock, bool empty_shells = false);
void inspect_close(const Inspected &target);

// Closes it and makes the row that a function returns: values of its columns, in `target.memory` where they are pointers.
Datum inspect_return(const Inspected &target, TupleDesc desc, const Datum *values, const bool *nulls);

// The name of a relation with its schema, quoted as SQL wants it.
const char *qualified_name(Oid rel);

// What asks the shards of a table that Citus has distributed.
const char *shards_query(Oid table);

// The transaction's snapshot, registered, to hold the index against its table. Errors: T_R_SERIALIZATION_FAILURE if
// it is older than the index and may not be able to judge rows whose HOT chains the build skipped.
Snapshot inspect_snapshot(Relation rel);

} // namespace vq::ivf
