// Rows to train on: blocks drawn at random, rows of them by reservoir, in bounded memory.
#pragma once

#include "ivf/build/build_phase.h"
#include "ivf/row/opclass.h"

extern "C" {
#include "nodes/execnodes.h"
}

namespace vq::ivf {

struct Sample
{
    float *vectors;  // rows x dims, row-major, then those of outliers; normalized if `unit`, else scaled
    size_t rows;     // to be trained on
    size_t outliers; // (outliers.h)
    size_t too_long; // left out
    size_t capacity;
    uint32_t dims;
    bool unit;         // rows are normalized (units.h)
    double table_rows; // estimate of the rows to be indexed
    float scale;       // what vectors were multiplied by, a power of two; 1 if `unit` (units.h)
    bool centred;      // the mean was taken from all rows
    // How many times as many rows the lists are made for: above 1 where more are coming.
    double expected_growth = 1;

    double expected_rows() const { return table_rows * expected_growth; }
};

// Draws at most `capacity` rows (palloc'd in the current context): a phase of the build. Evaluates the index's expression and
// predicate; MVCC-safe also under CREATE INDEX CONCURRENTLY. Honours interrupts.
void draw_sample(Sample *sample, Relation heap, Relation index, IndexInfo *info, const IndexedColumn &column,
                 size_t capacity, BuildProgress *progress);

} // namespace vq::ivf
