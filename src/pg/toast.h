// Fetching out-of-line values of one table again and again: the TOAST table, its index and one scan stay
// open, where the ordinary detoaster opens, locks and closes all of it for every value. Half of a rerank's
// time goes into that for vectors of over 2 kB. What is read is published (recent_values.h).
#pragma once

#include "pg/recent_values.h"

extern "C" {
#include "access/genam.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/snapshot.h"
}

namespace vq::pg {

struct ToastReader // zero at first
{
    RecentValues recent;
    Relation table; // the TOAST table; null until first used
    Relation *indexes;
    int index_count;
    IndexScanDesc scan;
    bool positioned; // the scan stands on a page, which stays pinned
    TupleTableSlot *slot;
    SnapshotData snapshot;
};

// The value behind `value` if it is an uncompressed out-of-line datum of `bytes` bytes (varlena header included), else null,
// also if its chunks look wrong: the ordinary detoaster then finds the words for it. Read only; valid until as many further
// values were read as a scan publishes. All values of a reader have as many bytes as the first. Memory: opens things in the
// current context, which must live until toast_close.
const struct varlena *toast_read(ToastReader *reader, Datum value, Size bytes);

// Which blocks of the TOAST table (reader->table then) hold the chunks of such a value: the first `most` of them, in order, to blocks; returns how
// many. 0 for any other value.
int toast_blocks(ToastReader *reader, Datum value, Size bytes, BlockNumber *blocks, int most);

// Lets go of the pages that were read last. Before control leaves the scan: VACUUM of the TOAST table, or its
// replay, would wait for an open cursor's pins.
void toast_rest(ToastReader *reader);

void toast_close(ToastReader *reader);

} // namespace vq::pg
