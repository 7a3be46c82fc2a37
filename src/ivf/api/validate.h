// amvalidate and amproperty.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "access/amapi.h"
}

namespace vq::ivf {

// Whether an operator class of ours holds together; says at INFO what does not.
bool validate(Oid opclass);

// What the index can do that only the access method knows.
bool property(Oid index, int attno, IndexAMProperty prop, const char *propname, bool *res, bool *isnull);

} // namespace vq::ivf
