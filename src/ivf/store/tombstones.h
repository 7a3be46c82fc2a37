// Tombstones: a row of a tile dies in place when the offset number of its row id becomes 0.
#pragma once

#include "ivf/store/page.h"

namespace vq::ivf {

struct Tombstones // offset numbers that are to become 0, page by page
{
    PagePlace *places;
    uint32_t count, capacity;
};

// Memory: grows in the current context.
void tombstones_begin(Tombstones *tombstones);
// place: of a row id's offset number. Those of a page must come one after the other.
void tombstones_add(Tombstones *tombstones, PagePlace place);
// Writes them, one WAL record a page, and forgets them. Locks: one Tile page at a time.
void tombstones_write(Tombstones *tombstones, Relation rel);

} // namespace vq::ivf
