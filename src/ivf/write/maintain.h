// Moving rows of a group: open rows into tiles (sealing), and everything of a group into a fresh run
// (rewriting). Each step leaves a readable index; a crash between two may leave pages that nothing refers to,
// never a row that is lost or twice.
#pragma once

#include "ivf/store/directory.h"

namespace vq::ivf {

// Pages of a group's open chain above which an insert seals: about one and a half tiles of rows for each of
// its lists, at least 4.
uint32_t seal_limit(const Index &index);

// Seals if no other backend maintains the group: rows of lists that fill whole tiles become tiles, the rest
// goes to fresh open pages.
void try_seal(Relation rel, Relation heap, const Index &index, uint32_t group);

// Copies every live row of the group to a fresh run of tiles and frees the old pages. The caller holds the
// group's lock.
void rewrite_group(Relation rel, Relation heap, const Index &index, uint32_t group);

} // namespace vq::ivf
