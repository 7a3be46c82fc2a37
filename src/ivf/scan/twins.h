// Rows that nothing in the index tells apart: equal vectors, as empty texts have them. Their bounds are all a little below their
// distance, so none could go out before all were looked at. When kTwinsSeen of them, drawn from all over the table, had one
// distance, the others are taken to be no nearer. That is a bound like any other, which holds with high probability: they are
// looked at before they go out.
#pragma once

#include "ivf/scan/candidates.h"

namespace vq::ivf {

// If a share p of such rows is nearer than the others, none of them is among those seen with probability (1 - p)^64: 3 % for a
// twentieth. But equal codes, factors and bounds of different vectors are rare by themselves.
constexpr uint32_t kTwinsSeen = 64;
constexpr int kMostAside = 16;

// What twins have in common.
struct TwinKey
{
    double bound; // of the score
    uint64_t row; // list, and hash of the factors; of rows between their looks only the bound is known
    uint32_t acc;
};

inline bool operator==(const TwinKey &a, const TwinKey &b)
{
    return a.bound == b.bound && a.row == b.row && a.acc == b.acc;
}
inline TwinKey twin_key(const Candidate &c)
{
    return {c.lower, (uint64_t)c.slot << 32 | (uint64_t)c.batch << 16 | c.factors, c.acc};
}
inline TwinKey twin_key(double bound)
{
    return {bound, 0, 0};
}

// Twins that are no candidates any more: a pass over their list gets them when it is their turn.
struct AsideTwins
{
    TwinKey key;
    double score;    // at least, for all that one can know
    Candidate taken; // those up to it were taken before
    bool due;        // they were got: passes pass over them for good
};

struct Twins // zero at first
{
    // The ones met last.
    TwinKey key;
    uint32_t seen;   // of them
    bool alike;      // all seen have one distance
    double distance; // of those seen
    AsideTwins aside[kMostAside];
    int aside_count;
};

void twins_saw(Twins *twins, const TwinKey &key, double distance);

// Whether rows of that key are as far as twins->distance, for all that one can know.
inline bool twins_are_alike(const Twins &twins, const TwinKey &key)
{
    return twins.alike && twins.seen >= kTwinsSeen && twins.key == key;
}

// Sets the twins of `last`, which was taken, aside. False if there are too many others.
bool twins_set_aside(Twins *twins, const Candidate &last, double score);

bool twins_are_aside(const Twins &twins, const Candidate &c);

// Those aside whose score is the least and who were not got yet; null if there are none.
AsideTwins *first_aside(Twins *twins);

} // namespace vq::ivf
