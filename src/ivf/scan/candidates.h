// The best rows a pass over the lists has met, by lower bound, in bounded memory.
#pragma once

#include "ivf/store/format.h"

namespace vq::ivf {

struct Candidate
{
    float lower;  // bound on the score, finite
    uint32_t acc; // accumulated table sum, for the finer code
    ItemPointerData tid;
    uint16_t refined; // 1: lower comes from the record on a Fine page
    FineAddress fine;
    uint16_t unused;
    uint32_t slot; // of the list among those of the pass
};
static_assert(sizeof(Candidate) == 28);

// Total order of candidates: passes over the same lists see the same rows in it, so that each pass can take
// up where the last ended.
struct Before
{
    bool operator()(const Candidate &a, const Candidate &b) const
    {
        if (a.lower != b.lower)
            return a.lower < b.lower;
        const BlockNumber x = ItemPointerGetBlockNumberNoCheck(&a.tid),
                          y = ItemPointerGetBlockNumberNoCheck(&b.tid);
        return x != y ? x < y : a.tid.ip_posid < b.tid.ip_posid;
    }
};

// While a pass runs: keeps at least the `keep` first candidates after `after` in an array of 2 * keep. Then:
// a heap, smallest on top.
struct Candidates
{
    Candidate *items;
    uint32_t count;
    uint32_t keep;
    bool truncated; // some candidate was left out; all such come after `last`
    bool has_after; // candidates up to `after` were in an earlier pass
    Candidate after;
    Candidate last;
    float threshold;  // candidates with a larger bound cannot get in
    double error_sum; // standard errors of the scores of candidates that got in, at any time
    uint64_t error_count;

    double mean_error() const { return error_count > 0 ? error_sum / (double)error_count : 0; }
};

constexpr uint32_t kFirstPass =
    256; // candidates kept by a scan's first pass; later passes keep kGrowth times as many
constexpr uint32_t kGrowth = 16;
size_t candidates_bytes(uint32_t keep);

void candidates_begin(Candidates *c, void *memory, uint32_t keep, const Candidate *after);
// error: the standard error of its score, in units of epsilon.
void candidates_add(Candidates *c, const Candidate &candidate, float error);
void candidates_finish(Candidates *c); // turns the array into a heap

bool candidates_empty(const Candidates *c);
const Candidate &candidates_top(const Candidates *c);
Candidate candidates_pop(Candidates *c);
void candidates_push(Candidates *c, const Candidate &candidate); // after a pop: there is room

} // namespace vq::ivf
