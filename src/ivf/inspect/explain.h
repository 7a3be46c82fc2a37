// What EXPLAIN ANALYZE says of an index scan, from PostgreSQL 18 on; before, modules cannot add to it.
#pragma once

namespace vq::ivf {

// From _PG_init.
void init_explain();

} // namespace vq::ivf
