// Which tiles of a batch of lists a query reads first: those of the sub-lists nearest to it, whatever list they are of, until
// they hold the wanted share of the lists' rows. The best few of each list would do no better than fewer lists.
#include "ivf/scan/batch.h"
#include "ivf/scan/probes.h"
#include "ivf/scan/sublist_rank.h"

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

// Directories of the batch's lists; *rows: how many rows they are about. Returns the number of sub-lists.
uint32_t read_directories(Relation rel, const Index &index, Batch *batch, uint64_t *rows)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->list_count; i++) {
        ProbedList &list = batch->lists[i];
        list.sublists = read_sublists(rel, index, list.list, list.entry);
        if (list.sublists == nullptr)
            continue;
        list.tiles = (uint32_t *)palloc0(words(*list.sublists) * sizeof(uint32_t));
        count += list.sublists->header.entries;
        *rows += list.sublists->header.rows;
    }
    return count;
}

} // namespace

void choose_nearest(Relation rel, const ScanQuery &query, Batch *batch, ScanStats *stats)
{
    batch->part = BatchPart::Whole;
    const double share = read_share(query.index->meta, query.settings);
    if (share >= 1) // nothing to choose
        return;
    uint64_t rows = 0;
    const uint32_t count = read_directories(rel, *query.index, batch, &rows);
    RankedSublist *all = (RankedSublist *)palloc_extended(count * sizeof(RankedSublist), MCXT_ALLOC_HUGE);
    uint32_t n = 0;
    for (uint32_t i = 0; i < batch->list_count; i++) {
        const ProbedList &list = batch->lists[i];
        if (list.sublists == nullptr)
            continue;
        score_sublists(*query.index, query.state, *list.sublists, list.add, i, all + n);
        n += list.sublists->header.entries;
    }
    const uint32_t chosen = choose_sublists(all, n, (uint64_t)std::ceil(share * (double)rows));
    for (uint32_t i = 0; i < chosen; i++) {
        mark_tiles(batch, all[i]);
        stats->sublist_rows += all[i].rows;
    }
    stats->sublists += chosen;
    if (chosen < n)
        batch->part = BatchPart::Nearest;
    pfree(all);
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
