// The best rows that the passes over the visited lists have met, by lower bound, in bounded memory.
#pragma once

#include "ivf/scan/tid_order.h"
#include "ivf/store/format.h"

namespace vq::ivf {

struct TwinKey;

struct Candidate
{
    float lower;  // bound on the score, finite
    uint32_t acc; // accumulated table sum, for the finer code
    ItemPointerData tid;
    FineAddress fine;
    uint32_t slot;    // of the list in its batch
    uint16_t batch;   // of the search
    uint16_t factors; // a hash of the row's
};
static_assert(sizeof(Candidate) == 28);

// The lower bound of a row whose code says nothing.
constexpr float kNoBound = -std::numeric_limits<float>::max();

// Total order of candidates. The rows of a batch are taken in it, so that the one taken last says which ones a further pass
// may leave out. Rows without a bound, which all have to be looked at, come in the order of the table.
struct Before
{
    bool operator()(const Candidate &a, const Candidate &b) const
    {
        if (a.lower != b.lower)
            return a.lower < b.lower;
        if (a.lower != kNoBound) {
            const uint32_t x = drawn_place(a.tid), y = drawn_place(b.tid);
            if (x != y)
                return x < y;
        }
        return tid_before(a.tid, b.tid);
    }
};

// Rows of all batches of a search that were not looked at. While a pass runs: keeps at least the `keep` first, in no order, in an
// array of 2 * keep. Then they are brought into order a few at a time, as they are taken: most never are.
struct Candidates
{
    Candidate
        *items; // those in [first, count); the first of them, in [first, sorted), are in order after a pass
    float *bounds; // scratch, of as many
    uint32_t first, sorted, count;
    uint32_t keep;
    bool truncated; // some candidate was left out
    // Those left out come after all with a bound of cut.lower; among these, if at_tie, after `cut` itself.
    Candidate cut;
    bool at_tie;
    float threshold;      // candidates with a bound that is not less cannot get in
    double error_sum;     // of standard errors of the scores, of all rows that ever got in
    uint64_t error_count; // of those rows

    double mean_error() const { return error_count > 0 ? error_sum / (double)error_count : 0; }
};

constexpr uint32_t kFirstPass =
    128; // candidates kept by a first pass, at least; later passes over all keep kGrowth times as many
constexpr uint32_t kGrowth = 16;
size_t candidates_bytes(uint32_t keep);

// No candidate, and none left out.
void candidates_begin(Candidates *c);

// Before a pass over a batch that no pass has seen: its rows join what is there. `more` is how many of them are kept at least, as
// long as `most` are enough for all. Memory: in the current context, which must live as long as the candidates.
void candidates_open(Candidates *c, uint32_t more, uint32_t most);
// Before a pass over all batches, for what was left out. There must be no candidate left. keep: as in Candidates.
void candidates_reopen(Candidates *c, uint32_t keep);
// error: the standard error of its score, as epsilon counts it.
void candidates_add(Candidates *c, const Candidate &candidate, float error);
void candidates_finish(Candidates *c); // after a pass, before any is taken

inline bool candidates_empty(const Candidates &c)
{
    return c.first == c.count;
}
// No row is left to be looked at.
inline bool candidates_used_up(const Candidates &c)
{
    return candidates_empty(c) && !c.truncated;
}
// A lower bound of the scores of all rows that were not looked at; infinity where there is none.
double candidates_bound(const Candidates &c);
Candidate candidates_pop(Candidates *c);
// Drops those of that key (twins.h).
void candidates_drop_twins(Candidates *c, const TwinKey &key);

} // namespace vq::ivf
