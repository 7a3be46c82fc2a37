// Rows to train on: blocks drawn at random, rows of them by reservoir, in bounded memory.
#pragma once

#include "core/random.h"
#include "ivf/access_method.h"

extern "C" {
#include "access/tableam.h"
#include "nodes/execnodes.h"
}

namespace vq::ivf {

// Keeps `capacity` of the rows it is offered, each with the same chance (Vitter's algorithm R).
struct Reservoir
{
    size_t capacity;
    uint64_t seen; // rows offered so far
    Random random;

    // Where the next row goes; capacity or more: nowhere.
    uint64_t place() { return seen < capacity ? seen++ : random.below(++seen); }
    size_t rows() const { return (size_t)Min(seen, (uint64_t)capacity); }
};

// Calls `add` for the rows of randomly drawn blocks, of as many as the reservoir needs; add must ask it for a place for
// each row that counts. Returns the share of the table's blocks that were read. Errors and interrupts as draw_sample.
double scan_sampled_blocks(Relation heap, Relation index, IndexInfo *info, uint64_t seed,
                           Reservoir *reservoir, IndexBuildCallback add, void *arg);

struct Sample
{
    float *vectors; // rows x dims, row-major; normalized if `unit`
    size_t rows;
    size_t capacity;
    uint32_t dims;
    bool unit;         // cosine: rows are normalized, zero rows left out
    double table_rows; // estimate of the rows to be indexed
};

// Draws at most `capacity` rows (palloc'd in the current context). Evaluates the index's expression and
// predicate; MVCC-safe also under CREATE INDEX CONCURRENTLY. Honours interrupts.
void draw_sample(Sample *sample, Relation heap, Relation index, IndexInfo *info, uint32_t dims, bool unit,
                 size_t capacity);

} // namespace vq::ivf
