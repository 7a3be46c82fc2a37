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
    // Free pages that are known, to be taken first, ascending; of them, those before `next` are done with
    const BlockNumber *known;
    uint32_t known_count, next;
    BlockNumber end; // only known pages before it are taken; InvalidBlockNumber = others and new ones, too
    bool in_file;    // no new ones are taken
};

// Memory: 4 bytes a page, in the current context. Ended by reserve_end; after an error VACUUM finds the pages.
void reserve_begin(PageReserve *reserve, Relation rel, Relation heap);

// Free pages to take before others, ascending, which live as long as the reserve.
void reserve_prefer(PageReserve *reserve, const BlockNumber *blocks, uint32_t count);
// From now on only pages are set aside that are known and lie before `end`; those set aside must all be used.
void reserve_limit(PageReserve *reserve, BlockNumber end);
// From now on only pages are set aside that are free already: the file is not made longer.
void reserve_within_file(PageReserve *reserve);

// Sees to it that `pages` pages are set aside and not used yet. False if there is no room for them: *why says so; what could be had
// stays in the reserve, and *why is in the current context. Locks: each page for a moment; no LWLock may be held.
bool reserve_pages(PageReserve *reserve, uint32_t pages, const char **why);

// One of the pages, pinned and not locked, for nobody else to see or write; its content is not defined. If all are used, another
// one is got, with an error where there is no room.
Buffer reserve_take(PageReserve *reserve);

// Which pages will be taken next. Errors: if so many are not set aside.
void reserve_look(const PageReserve *reserve, uint32_t pages, BlockNumber *blocks);

// Takes `pages` contiguous pages, of those that are known or new ones: *first is the first of them. Nobody else sees or writes them, and
// they are not part of the reserve. False if there is no room for them.
bool reserve_range(PageReserve *reserve, uint32_t pages, BlockNumber *first, const char **why);
// The same of known pages before `end` alone.
bool reserve_known_range(PageReserve *reserve, uint32_t pages, BlockNumber end, BlockNumber *first);

// Gives back what was not used.
void reserve_end(PageReserve *reserve);

} // namespace vq::ivf
