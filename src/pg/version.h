// The version of this library against that of the extension's SQL objects in the current database.
#pragma once

#include "pg/postgres_cpp.h"

namespace vq::pg {

// As in vector_quant.control, which the Makefile reads.
extern const char kLibraryVersion[];

// A library that is newer than the SQL objects serves them: symbols are never removed or given other arguments.
// An older one lacks what newer objects call. Does nothing outside a transaction, while a session starts, and where
// the extension is not installed.
// Errors: OBJECT_NOT_IN_PREREQUISITE_STATE if the library is older, with the way out as a hint.
void require_library_not_older();

} // namespace vq::pg
