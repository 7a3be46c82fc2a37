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

// A value as it was read; its TOAST pointer names it.
struct RecentValue
{
    Oid table;
    Oid value;
    const struct varlena *plain;
};

// Values kept by a reader: a scan gives out its nearest rows soon after it read them, and the executor then
// computes their distances again. The scan's snapshot keeps the rows, so a value's name cannot be reused
// while it is here.
constexpr int kRecentValues = 32;
constexpr Size kRecentBytes = 256 * 1024; // fewer values if they are larger than that allows

struct ToastReader
{
    RecentValue kept; // by toast_keep
    MemoryContext memory;
    RecentValue *recent; // plain: buffers of the reader
    int recent_capacity;
    int recent_next;
    ToastReader *next_active;
    Relation table; // the TOAST table; null until first used
    Relation *indexes;
    int index_count;
    IndexScanDesc scan;
    bool positioned; // the scan stands on a page, which stays pinned
    TupleTableSlot *slot;
    SnapshotData snapshot;
};

void toast_close(ToastReader *reader);

// Lets go of the pages that were read last. Before control leaves the scan: VACUUM of the TOAST table, or its
// replay, would wait for an open cursor's pins.
void toast_rest(ToastReader *reader);

// The value behind an out-of-line datum if a scan that is under way has just read it, else null. Read only;
// valid until control goes back to that scan.
const struct varlena *toast_recent(const struct varlena *datum);

// Lets the innermost scan under way, if there is one, keep a copy of `plain` under the name of the
// out-of-line datum `original` until another one is kept: a query's own vector, which the executor would
// otherwise fetch again for every row it shows the distance of. What toast_recent returned before may be
// overwritten.
void toast_keep(const struct varlena *original, const struct varlena *plain);

// If `value` is an uncompressed out-of-line datum of a table's TOAST table with exactly `bytes` bytes
// (varlena header included), copies it into `out` and returns true; false otherwise, also if chunks look
// wrong: the ordinary detoaster then finds the words for it. Memory: opens things in the current context,
// which must live until toast_close.
const struct varlena *toast_read(ToastReader *reader, Datum value, Size bytes);

} // namespace vq::pg
