// Giving free pages at the end of an index back to the file system.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "utils/rel.h"
}

namespace vq::ivf {

// Truncates an index when the present transaction, a VACUUM's, ends: whatever free pages its file then ends with, if they are
// worth it, and nobody has the index open. first: the first page that may be free. message_level: to say so at.
//
// Old snapshots and standbys do not matter here. The exclusive lock on the index says that no scan is on its way to a freed page: scans
// keep their lock on the index to their transaction's end, and replay takes it on standbys, before the file is truncated
// there, and waits for their scans or cancels them. It is taken if it is free this moment, again and again for a second,
// and let go when somebody waits for it.
//
// Why so late: a VACUUM with parallel workers gets no xid before its end, which the lock needs to be told to standbys; and
// those hold the lock until its transaction's end.
void truncate_later(Relation rel, BlockNumber first, int message_level);

// Whether so many of an index's pages are worth an exclusive lock; as for tables: a sixteenth, or 1,000.
bool worth_truncating(BlockNumber free, BlockNumber blocks);

// From _PG_init.
void init_truncation();

} // namespace vq::ivf
