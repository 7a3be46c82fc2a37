#include "ivf/store/extend.h"

extern "C" {
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/smgr.h"
}

namespace vq::ivf {

static bool says_no_room(const ErrorData *error)
{
    return error->sqlerrcode == ERRCODE_DISK_FULL || error->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED ||
           error->saved_errno == EDQUOT || error->saved_errno == EFBIG;
}

static void add_zero_pages(SMgrRelation file, ForkNumber fork, uint32_t count, volatile Added *added)
{
    alignas(4096) static const char zeros[BLCKSZ] = {};
    if (!smgrexists(file, fork))
        smgrcreate(file, fork, false);
    added->first = smgrnblocks(file, fork);
    while (added->count < count) {
        smgrextend(file, fork, added->first + added->count, const_cast<char *>(zeros), false);
        added->count = added->count + 1;
    }
}

Added extend_fork(Relation rel, ForkNumber fork, uint32_t count)
{
    volatile Added added = {InvalidBlockNumber, 0, nullptr};
    const bool shared = !RELATION_IS_LOCAL(rel);
    MemoryContext volatile memory = CurrentMemoryContext;
    Assert(InterruptHoldoffCount == 0);
    if (shared)
        LockRelationForExtension(rel, ExclusiveLock);
    PG_TRY();
    {
        add_zero_pages(RelationGetSmgr(rel), fork, count, &added);
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(memory);
        ErrorData *error = CopyErrorData();
        if (!says_no_room(error))
            PG_RE_THROW();
        FlushErrorState();
        added.why = error->message;
    }
    PG_END_TRY();
    if (shared)
        UnlockRelationForExtension(rel, ExclusiveLock);
    return {added.first, added.count, added.why};
}

} // namespace vq::ivf
