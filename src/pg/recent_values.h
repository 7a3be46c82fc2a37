// Values that index scans under way have just read, offered to the distance functions of the same backend: the executor
// computes the distance of every row it is given from the very datums that the scan has read a moment before, and reading an
// out-of-line vector again costs more than the distance.
//
// The contract:
// - A scan publishes what it read (recent_begin, recent_place, recent_name). It is found until the memory context that was
//   current at recent_begin is reset or deleted, on whatever way: an error, the end of a cursor.
// - A value is found by its TOAST pointer (table and value number). The publishing scan's snapshot keeps the row, so no other
//   value can get the same name meanwhile.
// - A pointer from recent_find is read only and valid until control goes back to a scan, or to recent_keep.
// - A distance is that of the row that the scan has given out last (recent_distance_is), for the function that it was made by and a
//   query of the same bytes: the executor asks for just that one, and where it is known the vector is not read at all.
// - Nobody has to ask: a value that is not found is read by the ordinary detoaster, with the same bytes.
// One list for each backend; scans may be nested (a cursor inside a query), the innermost is looked at first.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "fmgr.h"
}

namespace vq::pg {

// A value as it was read; its TOAST pointer names it.
struct RecentValue
{
    Oid table;
    Oid value; // InvalidOid: none
    struct varlena *plain;
};

// The distance between the value and a query, as a function of SQL gives it.
struct RecentDistance
{
    Oid table;
    Oid value; // InvalidOid: none
    PGFunction function;
    const struct varlena *query; // plain
    double distance;
};

// A scan gives out its nearest rows soon after it read them.
constexpr int kRecentValues = 32;
constexpr Size kRecentBytes = 256 * 1024; // fewer values if they are larger than that allows

// What one scan publishes. Must stay where it is.
struct RecentValues
{
    RecentValue *ring; // null: not begun
    int capacity;
    int next;
    RecentValue kept;     // by recent_keep
    RecentDistance given; // of the row given out last
    MemoryContext memory;
    RecentValues *outer; // of the scan around this one
};

// bytes: of a plain value, header included; all that are published have as many.
void recent_begin(RecentValues *values, Size bytes);

// The place for the next value: it holds none until recent_name says which one was written to `plain`.
RecentValue *recent_place(RecentValues *values);
inline void recent_name(RecentValue *place, Oid table, Oid value)
{
    place->table = table;
    place->value = value;
}

// The distance of the value behind an out-of-line datum. query: must stay as long as the scan, or until the next call.
void recent_distance_is(RecentValues *values, const struct varlena *datum, PGFunction function,
                        const struct varlena *query, double distance);
// Whether the distance of two datums is known; then it is what that function would return for them.
bool recent_distance(PGFunction function, const struct varlena *a, const struct varlena *b, double *distance);

// The value behind an out-of-line datum if a scan under way has it, else null.
const struct varlena *recent_find(const struct varlena *datum);

// Lets the innermost scan under way, if there is one, keep a copy of `plain` under the name of the out-of-line datum
// `original` until another one is kept: a query's own vector, which the executor would otherwise fetch again for every row it
// shows the distance of.
void recent_keep(const struct varlena *original, const struct varlena *plain);

} // namespace vq::pg
