// Fetching out-of-line values of one table again and again: the TOAST table, its index and one scan stay
// open, where the ordinary detoaster opens, locks and closes all of it for every value. Half of a rerank's
// time goes into that for vectors of over 2 kB.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/genam.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
}

namespace vq::pg {

struct ToastReader
{
    Relation table; // the TOAST table; null until first used
    Relation *indexes;
    int index_count;
    IndexScanDesc scan;
    TupleTableSlot *slot;
    SnapshotData snapshot;
};

void toast_close(ToastReader *reader);

// If `value` is an uncompressed out-of-line datum of a table's TOAST table with exactly `bytes` bytes
// (varlena header included), copies it into `out` and returns true; false otherwise, also if chunks look
// wrong: the ordinary detoaster then finds the words for it. Memory: opens things in the current context,
// which must live until toast_close.
bool toast_read(ToastReader *reader, Datum value, struct varlena *out, Size bytes);

} // namespace vq::pg
