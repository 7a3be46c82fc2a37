// Which lists a search visits when. A consumer that takes more rows needs more lists: the 100 nearest rows lie in more of them
// than the 10 nearest. So lists are added before rows go out, not when they are used up.
#pragma once

#include "ivf/scan/batch.h"

namespace vq::ivf {

constexpr int kMostBatches =
    80; // lists grow by half with every other one at least, and there are 65,536 at most

constexpr double kUsualDepth = 10; // rows that nprobe is about

struct Probing
{
    Router router;
    double target; // recall that lists are chosen for
    uint32_t
        nprobe; // lists for kUsualDepth rows if a setting says so; 0: as many as lie within the target's reach
    uint32_t most;    // lists that the search may visit
    uint32_t visited; // lists of all batches so far
    uint64_t rows;    // that those hold
    double depth;     // rows that may go out before further lists are wanted
    Batch *batches[kMostBatches];
    int batch_count;
};

// How far a scan has come: rows that it gave out, and the share of the rows met that its filter lets pass.
struct ScanProgress
{
    uint64_t given_out;
    double passing; // above 0
};

// Of all rows, filter or not, those that are nearer than the next one to go out, itself included.
inline double depth_of(const ScanProgress &done)
{
    return (double)(done.given_out + 1) / done.passing;
}

// Ranks the lists. rows: as many as the consumer will take, if that is known, else 0. Memory of all functions: the current context, which must
// live as long as the scan.
void begin_probing(Probing *probing, Relation rel, const ScanQuery &query, double rows);

// Whether a further batch can be had.
bool more_to_visit(const Probing &probing, const ScanQuery &query);

// Whether further lists have to be visited before the next row goes out, when so many were given out.
bool wants_deeper(const Probing &probing, const ScanProgress &done);

// done: what the scan did so far. Opens the next batch: what the last one left out, or further lists. run_out: all rows of those visited are used up. Null when
// there is no more.
Batch *next_batch(Relation rel, const ScanQuery &query, Probing *probing, const ScanProgress &done,
                  bool run_out, ScanStats *stats);

} // namespace vq::ivf
