// Which rows a scan has given out, as far as memory goes.
#pragma once

#include "ivf/scan/tid_order.h"

namespace vq::ivf {

struct GivenRows
{
    ItemPointerData *tids;
    uint32_t count;
    uint32_t allocated;
    uint32_t most; // more are not known
    bool all;      // every row given out is among them
};

// bytes: of memory that they may take. Memory of all functions: the context that is current, which must live as long.
void given_begin(GivenRows *given, size_t bytes);
void given_add(GivenRows *given, const ItemPointerData &tid);

inline bool given_is_known(const GivenRows &given)
{
    return given.all;
}

// Before given_has; nothing may be added any more.
void given_sort(GivenRows *given);
bool given_has(const GivenRows &given, const ItemPointerData &tid);

} // namespace vq::ivf
