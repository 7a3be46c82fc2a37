// Moving rows of a group: open rows into tiles (sealing), and everything of a group into a fresh run
// (rewriting). Each step leaves a readable index; a crash between two may leave pages that nothing refers to,
// never a row that is lost or twice.
#pragma once

#include "ivf/store/directory.h"
#include "ivf/store/page_reserve.h"
#include "ivf/write/append.h"

namespace vq::ivf {

// Whether a group's open pages are so many, beside its pages of tiles, that it is worth rewriting. With fine records, which are most of what
// there is to write, twice as many.
inline bool has_many_open_pages(const Index &index, uint32_t open_pages, uint32_t tile_pages)
{
    const double share = index.has_fine() ? 0.25 : 0.125;
    return open_pages >= 2 && open_pages > share * tile_pages;
}

// Rows of lists that fill whole tiles become tiles, the rest goes to fresh open pages. The caller holds the group's lock. Where there is no room for them,
// rows stay where they are.
void seal_group(Relation rel, Relation heap, const Index &index, uint32_t group, PageReserve *reserve);

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

// What an insert does about a group's open pages, after a row that added one; nothing if another backend maintains the group. Where they are many beside
// its tiles, and the file has the room, or may be made longer for it, the group is rewritten. Or else, when there are about one and a half tiles of open
// rows for each of its lists, and at least 4 pages, it is sealed.
void keep_chain_short(Relation rel, Relation heap, const Index &index, uint32_t group,
                      const Appended &appended);

} // namespace vq::ivf
