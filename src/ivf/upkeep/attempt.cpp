#include "ivf/upkeep/attempt.h"

#include "ivf/store/free_pages.h"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/autovacuum.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
}

namespace vq::ivf {

// autovacuum_work_mem in place of maintenance_work_mem, until the level of settings ends.
static int use_memory_of_autovacuum()
{
    const int level = NewGUCNestLevel();
    if (compat_is_autovacuum() && autovacuum_work_mem != -1) {
        char value[32];
        snprintf(value, sizeof value, "%dkB", autovacuum_work_mem);
        (void)set_config_option("maintenance_work_mem", value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                                true, 0, false);
    }
    return level;
}

ErrorData *attempt(void (*work)(void *), void (*clean_up)(void *), void *arg)
{
    if (IsInParallelMode()) {
        work(arg);
        return nullptr;
    }
    MemoryContext volatile memory = CurrentMemoryContext;
    ResourceOwner volatile owner = CurrentResourceOwner;
    ErrorData *volatile error = nullptr;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(memory);
    PG_TRY();
    {
        const int level = use_memory_of_autovacuum();
        work(arg);
        AtEOXact_GUC(false, level);
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(memory);
        error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(memory);
    CurrentResourceOwner = owner;
    if (error)
        clean_up(arg);
    if (error && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
        ReThrowError(error);
    return error;
}

// A subtransaction that was rolled back is over, so its xid counts as used up.
static void use_up_xid()
{
    MemoryContext memory = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    BeginInternalSubTransaction(nullptr);
    (void)GetCurrentTransactionId();
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(memory);
    CurrentResourceOwner = owner;
}

bool ripen_now(Relation heap, FullTransactionId next)
{
    constexpr int kTries = 20;
    constexpr long kPause = 50; // ms
    if (IsInParallelMode())
        return false;
    use_up_xid();
    for (int i = 0;; i++) {
        if (look_at_snapshots(heap, next))
            return true;
        if (i == kTries)
            return false;
        CHECK_FOR_INTERRUPTS();
        (void)WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kPause, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
    }
}

} // namespace vq::ivf
