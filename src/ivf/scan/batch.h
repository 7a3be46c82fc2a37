// The lists that a scan begins to visit together. A search takes its lists in the query's order, a batch at a time. Batches stand
// side by side: their lists are disjoint, each remembers which of its rows were taken, and the scan takes the best candidate of
// all of them.
#pragma once

#include "ivf/row/route.h"
#include "ivf/scan/candidates.h"
#include "ivf/scan/scan_query.h"
#include "ivf/scan/scan_stats.h"
#include "ivf/store/sublists.h"

namespace vq::ivf {

struct ProbedList
{
    uint32_t list;
    float add;          // list_add of the row scores
    float distance;     // |q' - c| with the tables' error
    const void *tables; // of the query about the list's origin; begin with a QueryHead
    ListEntry
        entry; // as the directory had it when the list was first visited: all passes see the same extents
    const Sublists *sublists; // null: all of it is read
    uint32_t *tiles;          // one bit a tile of the sub-lists, a word an extent: to be read
};

// Whether bounds of the list's rows can be computed in float. If not they say nothing (NaN would even lose
// the row): every row is then looked at exactly. Far beyond any data that is not meant to test this.
inline bool fits_float(const ProbedList &list)
{
    return list.distance < 1e15f && std::fabs(list.add) < 1e30f;
}

struct ProbedGroup
{
    uint32_t group;
    BlockNumber open_head; // from the same copy of the record as its lists' entries
    int32_t *slots;        // place of each list of the group in the batch, -1: not in it
};

// Which rows of its lists a batch is about.
enum class BatchPart
{
    Whole,   // all of them
    Nearest, // those of the nearest sub-lists, and those that belong to no sub-list
    Rest     // what Nearest left out
};

struct Batch
{
    ProbedList *lists; // by nearness
    uint32_t list_count;
    ProbedGroup *groups; // that the lists are in, each once; none in a Rest
    uint32_t group_count;
    BatchPart part;
    uint16_t number; // of the search's batches
    bool
        has_taken; // rows of it were taken from the candidates: all up to `taken`, in the order of candidates
    Candidate taken;
};

// The lists that come next in the query's order, at most `count`. Memory: in the current context.
Batch *open_batch(Relation rel, const ScanQuery &query, Router *router, uint32_t count, ScanStats *stats);

// What a batch of the nearest sub-lists left out, as a batch of its own. It looks into the other one.
Batch *open_rest(const Batch &nearest);

// Chooses the tiles of the batch's lists to be read: Whole or Nearest. (sublist_scan.cpp)
void choose_nearest(Relation rel, const ScanQuery &query, Batch *batch, ScanStats *stats);

// tiles: those not chosen of a list, in the current context. (sublist_scan.cpp)
uint32_t *tiles_left(const ProbedList &list);

} // namespace vq::ivf
