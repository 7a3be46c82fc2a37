#include "ivf/scan/rows_ahead.h"

extern "C" {
#include "storage/bufmgr.h"
}

namespace vq::ivf {

void rows_ahead_begin(RowsAhead *rows, Relation index, bool fine, HeapReader *heap)
{
    *rows = {};
    ahead_begin(&rows->ahead, fine ? index : heap->heap);
    ahead_begin(&rows->vectors,
                heap->heap); // until its TOAST table is known, which lies in the same tablespace
    rows->fine = fine;
    rows->heap = fine ? nullptr : heap;
}

// Ids may be of a damaged index.
static bool exists(RowsAhead *rows, BlockNumber block)
{
    if (block >= rows->blocks)
        rows->blocks = RelationGetNumberOfBlocks(rows->ahead.rel);
    return block < rows->blocks;
}

// Where to go on telling: candidates that were told of, and those that were looked at, are behind.
static uint32_t next_to_tell(uint32_t told, const Candidates &candidates)
{
    return Min(Max(told, candidates.first), candidates.sorted);
}

static void tell_of_vectors(RowsAhead *rows, const Candidates &candidates)
{
    constexpr int kMostBlocks = 8; // 64,000 bytes
    Ahead *ahead = &rows->vectors;
    if (rows->heap == nullptr || rows->heap->toast.table == nullptr || ahead_distance(ahead) == 0)
        return;
    rows->vectors_told = next_to_tell(rows->vectors_told, candidates);
    for (; rows->vectors_told < Min(candidates.first + ahead->distance, candidates.sorted);
         rows->vectors_told++) {
        BlockNumber blocks[kMostBlocks];
        const int count =
            heap_vector_blocks(rows->heap, candidates.items[rows->vectors_told].tid, blocks, kMostBlocks);
        ahead->rel = rows->heap->toast.table;
        for (int i = 0; i < count; i++)
            ahead_tell(ahead, blocks[i]);
    }
}

void rows_ahead_tell(RowsAhead *rows, const Candidates &candidates)
{
    if (candidates.first < rows->first)
        rows->told = rows->vectors_told = 0;
    rows->first = candidates.first;
    if (ahead_distance(&rows->ahead) > 0) {
        rows->told = next_to_tell(rows->told, candidates);
        for (; rows->told < Min(candidates.first + rows->ahead.distance, candidates.sorted); rows->told++) {
            const Candidate &c = candidates.items[rows->told];
            const BlockNumber block = rows->fine ? c.fine.block() : ItemPointerGetBlockNumberNoCheck(&c.tid);
            if (exists(rows, block))
                ahead_tell(&rows->ahead, block);
        }
    }
    tell_of_vectors(rows, candidates);
}

} // namespace vq::ivf
