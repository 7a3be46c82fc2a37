// What scans did, for vector_quant_last_scan, EXPLAIN and trials.
#pragma once

#include "pg/postgres_cpp.h"

namespace vq::ivf {

struct ScanStats // of one search
{
    uint64_t lists;
    uint64_t codes;
    uint64_t refined;
    uint64_t reranked;
    uint64_t returned;
    uint64_t passes;
    uint64_t dropped; // rows left out because they came late
    uint64_t sublists;
    uint64_t sublist_rows; // of those; codes are counted by tiles, which other sub-lists' rows share
    uint64_t swept;        // rows of the table read in its own order
    bool limited;          // rows farther than `limit` were not looked for
    double limit;
    uint64_t filtered; // rows whose filter keys do not pass; counted again on each pass
    uint64_t passing;  // rows whose filter keys do
};

inline void add_stats(ScanStats *sum, const ScanStats &s)
{
    sum->lists += s.lists;
    sum->codes += s.codes;
    sum->refined += s.refined;
    sum->reranked += s.reranked;
    sum->returned += s.returned;
    sum->passes += s.passes;
    sum->dropped += s.dropped;
    sum->sublists += s.sublists;
    sum->sublist_rows += s.sublist_rows;
    sum->swept += s.swept;
    sum->limit = s.limited ? s.limit : sum->limit; // of the last search that had one
    sum->limited |= s.limited;
    sum->filtered += s.filtered;
    sum->passing += s.passing;
}

struct ScanTotals // of a plan node: as many searches as it was rescanned
{
    uint64_t searches;
    ScanStats sum;
};

extern ScanStats last_scan; // of this session; as far as it has come

} // namespace vq::ivf
