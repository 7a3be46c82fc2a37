// Sub-lists in the order of a query.
#pragma once

#include "ivf/store/sublists.h"

namespace vq::ivf {

// A sub-list as one query sees it.
struct RankedSublist
{
    float score; // of the place its rows lie about
    uint32_t slot;
    uint32_t first; // row, counted from the start of the list's first extent
    uint32_t rows;
    uint32_t key;
};

// Scores all sub-lists of a list. state: the codec's prepared query; add: the centroid's score. out: header.entries.
void score_sublists(const Index &index, const void *state, const Sublists &sublists, float add, uint32_t slot,
                    RankedSublist *out);

// Brings the best sub-lists to the front of all n, until they hold `rows` rows; returns how many these are.
uint32_t choose_sublists(RankedSublist *all, uint32_t n, uint64_t rows);

} // namespace vq::ivf
