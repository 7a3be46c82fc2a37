// Parallel workers of a build: they read a part of the table each, encode it and sort it; the leader does the same and
// then merges what all have sorted.
#pragma once

#include "ivf/build/encode_table.h"

namespace vq::ivf {

// How many workers the build of an index may have: what PostgreSQL would give it, or more where most of the table is in its
// TOAST table, which PostgreSQL does not look at. 0: the build does without.
int build_workers(Relation heap, Relation index, IndexInfo *info);

struct ParallelBuild;

// Starts workers, and parallel mode. Null if there were none to be had: all is as before. The index's fixed parts must be on
// its pages: the workers open it. Errors end parallel mode with the transaction.
ParallelBuild *begin_parallel_build(Relation heap, Relation index, bool concurrent, int workers);

// Encodes the whole table: share is what the leader knows of it. `sort` becomes that of all rows, to be read before
// end_parallel_build; memory: for all processes together, in kB.
EncodedCounts encode_in_parallel(ParallelBuild *build, const TableShare &share, RowSort *sort, int memory);

// Workers that encode beside the leader.
int launched_workers(const ParallelBuild *build);

void end_parallel_build(ParallelBuild *build);

} // namespace vq::ivf
