// Tables whose rows are on other servers, or in tables of other names.
#pragma once

#include "pg/postgres_cpp.h"

namespace vq::pg {

// Whether Citus has distributed the table: its rows are in shards, and an index of the table itself has none. False where there is
// no Citus.
bool is_distributed(Oid table);

} // namespace vq::pg
