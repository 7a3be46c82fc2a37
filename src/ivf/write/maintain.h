// Moving rows of a group: open rows into tiles (sealing), and everything of a group into a fresh run
// (rewriting). Each step leaves a readable index; a crash between two may leave pages that nothing refers to,
// never a row that is lost or twice.
#pragma once

#include "ivf/store/directory.h"
#include "ivf/store/page_reserve.h"

namespace vq::ivf {

// Pages of a group's open chain above which an insert seals: about one and a half tiles of rows for each of
// its lists, at least 4.
uint32_t seal_limit(const Index &index);

// Seals if no other backend maintains the group: rows of lists that fill whole tiles become tiles, the rest
// goes to fresh open pages. Where there is no room for them, rows stay where they are.
void try_seal(Relation rel, Relation heap, const Index &index, uint32_t group);

// Why a group was not rewritten.
struct NoRoom
{
    uint32_t pages;  // that it takes at most
    const char *why; // what the file system said
};

// Copies every live row of the group to a fresh run of tiles and frees the old pages. The caller holds the
// group's lock. reserve: where new pages come from. False, and nothing has happened, where there is no room for them.
bool rewrite_group(Relation rel, Relation heap, const Index &index, uint32_t group, PageReserve *reserve,
                   NoRoom *none);

} // namespace vq::ivf
