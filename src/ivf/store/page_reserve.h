// Pages set aside for a piece of work before it begins: sealing and rewriting write many pages, and are put off where there is
// no room, rather than fail half-way.
#pragma once

#include "ivf/store/free_pages.h"

namespace vq::ivf {

// Freed pages that may be reused and, for the rest, new ones at the end of the file. On disk they look taken, each by a WAL record,
// so that nobody else takes them; a crash or an error leaves them to VACUUM.
struct PageReserve
{
    Relation rel;
    Relation heap; // whose snapshots are asked about
    BlockNumber *blocks;
    uint32_t count, capacity;
    uint32_t used; // of the blocks, from the first on
};

// Memory: 4 bytes a page, in the current context. Ended by reserve_end; after an error VACUUM finds the pages.
void reserve_begin(PageReserve *reserve, Relation rel, Relation heap);

// Sees to it that `pages` pages are set aside and not used yet. False if there is no room for them: *why says so; what could be had
// stays in the reserve, and *why is in the current context. Locks: each page for a moment; no LWLock may be held.
bool reserve_pages(PageReserve *reserve, uint32_t pages, const char **why);

// One of the pages, pinned and not locked, for nobody else to see or write; its content is not defined. If all are used, another
// one is got, with an error where there is no room.
Buffer reserve_take(PageReserve *reserve);

// Gives back what was not used.
void reserve_end(PageReserve *reserve);

} // namespace vq::ivf
