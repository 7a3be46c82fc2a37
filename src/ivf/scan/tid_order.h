// Orders of row ids.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "storage/itemptr.h"
}

namespace vq::ivf {

// The order of the table.
inline bool tid_before(const ItemPointerData &a, const ItemPointerData &b)
{
    const BlockNumber x = ItemPointerGetBlockNumberNoCheck(&a), y = ItemPointerGetBlockNumberNoCheck(&b);
    return x != y ? x < y : a.ip_posid < b.ip_posid;
}

// A row's place where the first ones shall be drawn from all over the table (see twins.h). Two rows may have the same.
inline uint32_t drawn_place(const ItemPointerData &tid)
{
    const uint32_t x = ItemPointerGetBlockNumberNoCheck(&tid) * 0x9E3779B1u +
                       ItemPointerGetOffsetNumberNoCheck(&tid) * 0x7F4A7C15u;
    return (x ^ x >> 15) * 0x2C1B3C6Du;
}

} // namespace vq::ivf
