// A table's rows, read, encoded and sorted: by one process, or by several that share a scan of the table.
#pragma once

#include "ivf/build/build_phase.h"
#include "ivf/build/row_sort.h"

extern "C" {
#include "access/relscan.h"
#include "nodes/execnodes.h"
#include "port/atomics.h"
}

namespace vq::ivf {

struct TableShare // what one process reads
{
    Relation heap;
    Relation index;
    const Index *layout;
    IndexInfo *info;
    TableScanDesc scan;          // of a parallel scan, which is ended; null: the whole table
    pg_atomic_uint64 *rows_done; // by all processes
    BuildProgress *progress;     // null in a worker: the leader reports for all
};

struct EncodedCounts
{
    double heap_rows;      // live rows read, as PostgreSQL counts them
    double rows;           // of them indexed
    double distance_sum;   // of the indexed rows' distances to their centroids
    bool broken_hot_chain; // see IndexInfo

    void add(const EncodedCounts &other)
    {
        heap_rows += other.heap_rows;
        rows += other.rows;
        distance_sum += other.distance_sum;
        broken_hot_chain |= other.broken_hot_chain;
    }
};

// Puts the share's rows into `sort` and sorts them. Honours interrupts. Memory: in the current context.
EncodedCounts encode_table(const TableShare &share, RowSort *sort);

} // namespace vq::ivf
