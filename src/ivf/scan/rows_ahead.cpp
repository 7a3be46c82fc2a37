#include "ivf/scan/rows_ahead.h"

extern "C" {
#include "storage/bufmgr.h"
}

namespace vq::ivf {

void rows_ahead_begin(RowsAhead *rows, Relation index, HeapReader *heap)
{
    *rows = {};
    rows->heap = heap;
    ahead_begin(&rows->ahead, heap ? heap->heap : index);
    ahead_begin(&rows->vectors,
                rows->ahead.rel); // until its TOAST table is known, which lies in the same tablespace
}

// Ids may be of a damaged index.
static bool exists(RowsAhead *rows, BlockNumber block)
{
    if (block >= rows->blocks)
        rows->blocks = RelationGetNumberOfBlocks(rows->ahead.rel);
    return block < rows->blocks;
}

// Tells of the candidates that come next, as far as is worth it: tell(candidate) of each that was neither told of nor looked at.
template <class Tell>
static void tell_of_next(Ahead *ahead, uint32_t *told, const Candidates &candidates, Tell tell)
{
    if (ahead_distance(ahead) == 0)
        return;
    *told = Min(Max(*told, candidates.first), candidates.sorted);
    for (; *told < Min(candidates.first + ahead->distance, candidates.sorted); ++*told)
        tell(candidates.items[*told]);
}

static void tell_of_vector(RowsAhead *rows, const Candidate &c)
{
    constexpr int kMostBlocks = 8; // 64,000 bytes
    BlockNumber blocks[kMostBlocks];
    const int count = heap_vector_blocks(rows->heap, c.tid, blocks, kMostBlocks);
    rows->vectors.rel = rows->heap->toast.table;
    for (int i = 0; i < count; i++)
        ahead_tell(&rows->vectors, blocks[i]);
}

void rows_ahead_tell(RowsAhead *rows, const Candidates &candidates)
{
    if (candidates.first < rows->first)
        rows->told = rows->vectors_told = 0;
    rows->first = candidates.first;
    tell_of_next(&rows->ahead, &rows->told, candidates, [rows](const Candidate &c) {
        const BlockNumber block = rows->heap ? ItemPointerGetBlockNumberNoCheck(&c.tid) : c.fine.block();
        if (exists(rows, block))
            ahead_tell(&rows->ahead, block);
    });
    if (rows->heap && rows->heap->toast.table)
        tell_of_next(&rows->vectors, &rows->vectors_told, candidates,
                     [rows](const Candidate &c) { tell_of_vector(rows, c); });
}

} // namespace vq::ivf
