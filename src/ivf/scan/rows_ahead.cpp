#include "ivf/scan/rows_ahead.h"

extern "C" {
#include "storage/bufmgr.h"
}

namespace vq::ivf {

void rows_ahead_begin(RowsAhead *rows, Relation rel, bool fine)
{
    ahead_begin(&rows->ahead, rel);
    rows->fine = fine;
    rows->blocks = 0;
    rows->told = 0;
}

// Ids may be of a damaged index.
static bool exists(RowsAhead *rows, BlockNumber block)
{
    if (block >= rows->blocks)
        rows->blocks = RelationGetNumberOfBlocks(rows->ahead.rel);
    return block < rows->blocks;
}

void rows_ahead_tell(RowsAhead *rows, const Candidates &candidates)
{
    if (ahead_distance(&rows->ahead) == 0)
        return;
    rows->told = Min(Max(rows->told, candidates.first), candidates.sorted);
    for (; rows->told < Min(candidates.first + rows->ahead.distance, candidates.sorted); rows->told++) {
        const Candidate &c = candidates.items[rows->told];
        const BlockNumber block = rows->fine ? c.fine.block() : ItemPointerGetBlockNumberNoCheck(&c.tid);
        if (exists(rows, block))
            ahead_tell(&rows->ahead, block);
    }
}

} // namespace vq::ivf
