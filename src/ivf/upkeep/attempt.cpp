#include "ivf/upkeep/attempt.h"

#include "ivf/store/free_pages.h"
#include "pg/pause.h"

extern "C" {
#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/autovacuum.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
}

namespace vq::ivf {

// autovacuum_work_mem in place of maintenance_work_mem, until the level of settings ends.
static int use_memory_of_autovacuum()
{
    const int level = NewGUCNestLevel();
    if (compat_is_autovacuum() && autovacuum_work_mem != -1 && !IsInParallelMode()) {
        char value[32];
        snprintf(value, sizeof value, "%dkB", autovacuum_work_mem);
        (void)set_config_option("maintenance_work_mem", value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                                true, 0, false);
    }
    return level;
}

// Rolls the subtransaction back. That ends the report of VACUUM's progress, which goes on.
static void roll_back()
{
    PgBackendStatus before = {};
    if (const PgBackendStatus *own = compat_own_status())
        before = *own;
    RollbackAndReleaseCurrentSubTransaction();
    if (before.st_progress_command == PROGRESS_COMMAND_INVALID)
        return;
    int params[PGSTAT_NUM_PROGRESS_PARAM];
    for (int i = 0; i < PGSTAT_NUM_PROGRESS_PARAM; i++)
        params[i] = i;
    pgstat_progress_start_command(before.st_progress_command, before.st_progress_command_target);
    pgstat_progress_update_multi_param(PGSTAT_NUM_PROGRESS_PARAM, params, before.st_progress_param);
}

ErrorData *in_subtransaction(void (*work)(void *), void *arg)
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
        work(arg);
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(memory);
        error = CopyErrorData();
        FlushErrorState();
        roll_back();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(memory);
    CurrentResourceOwner = owner;
    return error;
}

namespace {

struct Work
{
    void (*work)(void *);
    void *arg;
};

void work_in_memory(void *arg)
{
    const Work *w = (const Work *)arg;
    const int level = use_memory_of_autovacuum();
    w->work(w->arg);
    AtEOXact_GUC(false, level);
}

} // namespace

ErrorData *attempt(void (*work)(void *), void (*clean_up)(void *), void *arg)
{
    Work w = {work, arg};
    ErrorData *error = in_subtransaction(work_in_memory, &w);
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
    roll_back();
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
        pg::pause(kPause);
    }
}

} // namespace vq::ivf
