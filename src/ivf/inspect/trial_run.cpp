// Trials: what the index finds of what it should find.
#include "ivf/inspect/trial.h"

#include "ivf/row/heap_reader.h"
#include "ivf/scan/ordered_scan.h"
#include "ivf/scan/scan_stats.h"

extern "C" {
#include "access/genam.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

// How many of the rows that the index gives for query i are among the nearest.
uint32_t count_hits(const Trials &t, IndexScanDesc scan, HeapReader *reader, uint32_t i)
{
    ScanKeyData key = trial_order(t, i);
    index_rescan(scan, nullptr, 0, &key, 1);
    expect_rows(scan, t.wanted[i] + (std::isnan(t.own[i]) ? 0 : 1)); // its own row, to be passed over
    const ExactQuery query = trial_query(t, i);
    uint32_t hits = 0;
    for (uint32_t found = 0; found < t.wanted[i];) {
        const ItemPointer tid = index_getnext_tid(scan, ForwardScanDirection);
        double distance;
        if (tid == nullptr)
            break;
        if (!heap_distance(reader, query, *tid, &distance))
            continue; // dead, or not for this snapshot
        const double score = score_of_distance(query, distance);
        if (score == t.own[i])
            continue;
        found++;
        hits += score <= t.limit[i];
    }
    return hits;
}

double milliseconds_since(instr_time start)
{
    instr_time now;
    INSTR_TIME_SET_CURRENT(now);
    INSTR_TIME_SUBTRACT(now, start);
    return INSTR_TIME_GET_MILLISEC(now);
}

Measured measure(const Trials &t)
{
    const ScanStats before = last_scan;
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant trial", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    IndexScanDesc scan = compat_index_beginscan(t.target.heap, t.target.rel, t.snapshot, 0, 1);
    HeapReader reader;
    heap_reader_open(&reader, t.target.heap, t.target.rel, t.snapshot, t.index->element(),
                     t.index->meta.options.dims);
    ScanStats sum = {};
    double sum_shares = 0, sum_squares = 0;
    instr_time start;
    INSTR_TIME_SET_CURRENT(start);
    for (uint32_t i = 0; i < t.count; i++) {
        const double share = (double)count_hits(t, scan, &reader, i) / t.wanted[i];
        sum_shares += share;
        sum_squares += share * share;
        add_stats(&sum, last_scan);
    }
    const double n = t.count;
    const Measured m = {mean_interval(sum_shares, sum_squares, t.count, t.rows), (double)sum.lists / n,
                        (double)sum.codes / n, (double)sum.reranked / n, milliseconds_since(start) / n};
    heap_reader_close(&reader);
    index_endscan(scan);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    last_scan = before;
    return m;
}

} // namespace vq::ivf
