// Which tiles of a batch of lists a query reads first: those of the sub-lists nearest to it, whatever list they are of, until
// they hold the wanted share of the lists' rows. The best few of each list would do no better than fewer lists.
#include "ivf/scan/batch.h"
#include "ivf/scan/probes.h"
#include "ivf/scan/sublist_rank.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

namespace {

uint32_t words(const Sublists &sublists)
{
    return (sublists.tiles() + kExtentTiles - 1) / kExtentTiles;
}

// Bits [first, end) of a bitmap.
void set_bits(uint32_t *map, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++)
        map[i / 32] |= 1u << i % 32;
}

void mark_tiles(Batch *batch, const RankedSublist &s)
{
    const uint32_t end = (s.first + s.rows + simd::kTileRows - 1) / simd::kTileRows;
    set_bits(batch->lists[s.slot].tiles, s.first / simd::kTileRows, end);
}

// Lists [first, end) of a batch, among whose sub-lists one choice is made.
struct Slice
{
    uint32_t first;
    uint32_t end;
    uint32_t sublists;
    uint64_t rows; // that the sub-lists are about
};

// Reads the directories of the lists from `first` on, until they hold as many sub-lists as memory is for.
Slice read_directories(Relation rel, const Index &index, Batch *batch, uint32_t first)
{
    const size_t most = (size_t)work_mem * 1024 / 4 / sizeof(RankedSublist);
    Slice slice = {first, first, 0, 0};
    while (slice.end < batch->list_count && slice.sublists < most) {
        ProbedList &list = batch->lists[slice.end++];
        list.sublists = read_sublists(rel, index, list.list, list.entry);
        if (list.sublists == nullptr)
            continue;
        list.tiles = (uint32_t *)palloc0(words(*list.sublists) * sizeof(uint32_t));
        slice.sublists += list.sublists->header.entries;
        slice.rows += list.sublists->header.rows;
    }
    return slice;
}

// Marks the tiles of the nearest sub-lists of a slice; true if that leaves some out.
bool choose_in_slice(const ScanQuery &query, Batch *batch, const Slice &slice, double share, ScanStats *stats)
{
    RankedSublist *all =
        (RankedSublist *)palloc_extended(slice.sublists * sizeof(RankedSublist), MCXT_ALLOC_HUGE);
    uint32_t n = 0;
    for (uint32_t i = slice.first; i < slice.end; i++) {
        ProbedList &list = batch->lists[i];
        if (list.sublists == nullptr)
            continue;
        score_sublists(*query.index, list.tables, *list.sublists, list.add, i, all + n);
        n += list.sublists->header.entries;
        list.sublists = without_entries(list.sublists);
    }
    const uint32_t chosen = choose_sublists(all, n, (uint64_t)std::ceil(share * (double)slice.rows));
    for (uint32_t i = 0; i < chosen; i++) {
        mark_tiles(batch, all[i]);
        stats->sublist_rows += all[i].rows;
    }
    stats->sublists += chosen;
    pfree(all);
    return chosen < n;
}

} // namespace

void choose_nearest(Relation rel, const ScanQuery &query, Batch *batch, ScanStats *stats)
{
    batch->part = BatchPart::Whole;
    const double share = read_share(query.index->meta, query.settings);
    if (share >= 1) // nothing to choose
        return;
    for (uint32_t first = 0; first < batch->list_count;) {
        const Slice slice = read_directories(rel, *query.index, batch, first);
        if (choose_in_slice(query, batch, slice, share, stats))
            batch->part = BatchPart::Nearest;
        first = slice.end;
    }
}

uint32_t *tiles_left(const ProbedList &list)
{
    if (list.sublists == nullptr)
        return nullptr;
    const uint32_t tiles = list.sublists->tiles();
    uint32_t *left = (uint32_t *)palloc(words(*list.sublists) * sizeof(uint32_t));
    for (uint32_t w = 0; w < words(*list.sublists); w++) {
        const uint32_t rest = tiles - w * 32;
        left[w] = ~list.tiles[w] & (rest >= 32 ? ~0u : (1u << rest) - 1);
    }
    return left;
}

} // namespace vq::ivf
