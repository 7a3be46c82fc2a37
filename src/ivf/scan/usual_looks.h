// How many rows the last searches of an index looked at, in this session. So many candidates a search keeps, and a few more: to keep
// more takes time for each code, to keep too few takes another pass over all of them.
#pragma once

#include "pg/postgres_cpp.h"

namespace vq::ivf {

// 0 where nothing is known.
uint32_t usual_looks(Oid index);

// A search of it has ended that looked at so many rows.
void remember_looks(Oid index, uint64_t looked_at);

// All of it.
void forget_looks();

} // namespace vq::ivf
