// One ordered scan: its state, shared by scan.cpp (what to hand out next) and collect.cpp (a pass over
// lists).
#pragma once

#include "ivf/scan/candidates.h"
#include "ivf/store/directory.h"
#include "ivf/row/exact.h"
#include "ivf/row/route.h"
#include "ivf/store/sublists.h"

namespace vq::ivf {

// A list being visited.
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

struct Result // an exact score, not yet given out
{
    double score;
    ItemPointerData tid;
};

struct ScanStats // of the last scan of this session
{
    uint64_t lists;
    uint64_t codes;
    uint64_t refined;
    uint64_t reranked;
    uint64_t returned;
    uint64_t passes;
    uint64_t sublists;
    uint64_t sublist_rows; // of those; codes are counted by tiles, which other sub-lists' rows share
};

inline void add_stats(ScanStats *sum, const ScanStats &s)
{
    sum->lists += s.lists;
    sum->codes += s.codes;
    sum->refined += s.refined;
    sum->reranked += s.reranked;
    sum->returned += s.returned;
    sum->passes += s.passes;
    sum->sublists += s.sublists;
    sum->sublist_rows += s.sublist_rows;
}

struct ScanTotals // of a plan node: as many searches as it was rescanned
{
    uint64_t searches;
    ScanStats sum;
};

struct Scan
{
    ScanTotals totals;    // of searches that are over; kept by rescan
    MemoryContext memory; // everything below; reset by rescan
    const Index *index;
    ScanSettings settings;
    float epsilon; // the setting, in measured standard errors
    bool started;
    bool done;

    ExactQuery exact;
    SpaceQuery query;
    void *state; // the codec's prepared query
    Router router;

    // The batch of lists being visited.
    ProbedList *lists;
    uint32_t list_count;
    ProbedGroup *groups;
    uint32_t group_count;
    int32_t *slot_of_list; // -1: not in this batch
    uint32_t probed;       // lists of all batches so far
    uint32_t probe_limit;
    MemoryContext sublist_memory; // directories of the batch
    bool has_rest;                // tiles of the batch were left out
    bool in_rest;                 // these are being read now

    Candidates candidates;
    void *candidate_memory;
    bool batch_over; // every row of the batch is in candidates, results, or given out
    Result *results; // heap, nearest on top
    uint32_t result_count;
    uint32_t result_capacity;
    Result *late; // nearer than a row that was already given out: they wait for the batch's end
    uint32_t late_count;
    uint32_t late_capacity;
    double last_score; // of the row given out last
    bool ordered;      // last_score binds: something was given out of this batch (strict order: of any)
    uint64_t emitted;
    uint64_t rerank_work; // refined and reranked so far, for refine_k

    uint8_t *record;    // one Fine record
    float *decoded;     // one decoded refine code
    double error_share; // see refined_bound
    double clamp_error; // a refine error above this means that values were clamped
    HeapReader heap;
    ScanStats stats;
};

extern ScanStats last_scan;

// With the search under way.
ScanTotals scan_totals(const Scan &scan);

// Reads the directories of the batch's lists and chooses the tiles to be read first. (sublist_scan.cpp)
void choose_tiles(Relation rel, Scan *scan);

// Chooses what choose_tiles left out. False if that is nothing.
bool choose_rest(Scan *scan);

// Collects the best candidates of the current batch that come after `after` (null: all) into
// scan->candidates.
void collect(Relation rel, Scan *scan, uint32_t keep, const Candidate *after);

} // namespace vq::ivf
