// When a page that was taken out of the index may be used again.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/transam.h"
#include "utils/rel.h"
}

namespace vq::pg {

// True if no snapshot on this server can be old enough to read a page that was freed when `deleted_by` was
// the next xid.
bool snapshots_passed(Relation heap, FullTransactionId deleted_by);

// Makes standbys cancel (or wait for) queries whose snapshots are that old, before the page's new content
// reaches them. GenericXLog has no conflict record; nbtree's page-reuse record names a relation and an xid
// and touches no page, so it serves us as it is.
void log_page_reuse(Relation index, Relation heap, BlockNumber block, FullTransactionId deleted_by);

} // namespace vq::pg
