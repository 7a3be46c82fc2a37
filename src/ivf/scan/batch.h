// The lists that a scan visits together. A search takes its lists in the query's order, a batch at a time: at first as many as
// its settings or target ask for, then, if the executor wants more rows than those hold, as many again as so far.
#pragma once

#include "ivf/row/route.h"
#include "ivf/scan/scan_query.h"
#include "ivf/scan/scan_stats.h"
#include "ivf/store/sublists.h"

namespace vq::ivf {

struct ProbedList
{
    uint32_t list;
    float add;      // list_add of the row scores
    float distance; // |q' - c| with the tables' error
    ListEntry
        entry; // as the directory had it when the list was first visited: all passes see the same extents
    const Sublists *sublists; // null: all of it is read
    uint32_t *tiles;          // one bit a tile of the sub-lists, a word an extent: to be read now
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
    BlockNumber open_head;
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
    ProbedGroup *groups; // that the lists are in, each once
    uint32_t group_count;
    int32_t *slot_of_list; // place of every list of the index in `lists`, -1: not in this batch
    BatchPart part;
    MemoryContext sublist_memory; // directories of sub-lists, null until there are some
};

// Where a search stands in the query's order of lists.
struct Probing
{
    Router router;
    uint32_t first;   // lists of the first batch
    uint32_t most;    // that the search may visit
    uint32_t visited; // lists of all batches so far
};

// Ranks the lists. Memory of all functions: the current context, which must live as long as the scan.
void begin_probing(Probing *probing, Batch *batch, Relation rel, const ScanQuery &query);

// Goes on to the next batch: what was left out of this one, or further lists. False when there are no more.
bool next_batch(Relation rel, const ScanQuery &query, Probing *probing, Batch *batch, ScanStats *stats);

// Reads the directories of the batch's lists and chooses the tiles to be read first: Whole or Nearest. (sublist_scan.cpp)
void choose_nearest(Relation rel, const ScanQuery &query, Batch *batch, ScanStats *stats);

// From Nearest to Rest.
void choose_rest(Batch *batch);

} // namespace vq::ivf
