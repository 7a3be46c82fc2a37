#include "ivf/store/ahead.h"

extern "C" {
#include "executor/instrument.h"
#include "storage/bufmgr.h"
#include "utils/spccache.h"
}

namespace vq::ivf {

constexpr uint32_t kFirstAhead = 4;
// What effective_io_concurrency = 1, the default before PostgreSQL 18, stands for: the default since then.
constexpr int kUsualConcurrency = 16;

static int64_t reads()
{
    return (int64_t)(pgBufferUsage.shared_blks_read + pgBufferUsage.local_blks_read);
}

void ahead_begin(Ahead *ahead, Relation rel)
{
    *ahead = {rel, 0, 0, reads()};
}

uint32_t ahead_distance(Ahead *ahead)
{
    const int64_t now = reads();
    if (now != ahead->reads && ahead->distance == 0) {
        const int allowed = get_tablespace_io_concurrency(ahead->rel->rd_rel->reltablespace);
        ahead->most = (uint32_t)(allowed == 1 ? kUsualConcurrency : allowed);
        ahead->distance = Min(kFirstAhead, ahead->most);
    }
    ahead->reads = now;
    return ahead->distance;
}

void ahead_tell(Ahead *ahead, BlockNumber block)
{
    if (PrefetchBuffer(ahead->rel, MAIN_FORKNUM, block).initiated_io)
        ahead->distance = Min(2 * ahead->distance, ahead->most);
    else if (ahead->distance > 0)
        ahead->distance--;
}

} // namespace vq::ivf
