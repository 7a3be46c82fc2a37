#include "ivf/build/build_phase.h"

extern "C" {
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"
}

namespace vq::ivf {

void begin_phase(BuildProgress *p, BuildPhase phase, int64 total)
{
    const int params[] = {PROGRESS_CREATEIDX_SUBPHASE, PROGRESS_CREATEIDX_TUPLES_TOTAL,
                          PROGRESS_CREATEIDX_TUPLES_DONE, PROGRESS_SCAN_BLOCKS_TOTAL,
                          PROGRESS_SCAN_BLOCKS_DONE};
    const int64 values[] = {(int64)phase, total, 0, 0, 0};
    // VACUUM's progress has other numbers in the same places.
    p->shown = compat_progress_command() == PROGRESS_COMMAND_CREATE_INDEX;
    if (p->shown)
        pgstat_progress_update_multi_param(lengthof(params), params, values);
    p->total = total;
    p->done = 0;
    INSTR_TIME_SET_CURRENT(p->start);
}

void phase_done(BuildProgress *p, int64 done)
{
    if (done <= p->done)
        return;
    p->done = done;
    if (p->shown)
        pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, done);
}

void phase_blocks(const BuildProgress *p, int64 done, int64 total)
{
    const int params[] = {PROGRESS_SCAN_BLOCKS_TOTAL, PROGRESS_SCAN_BLOCKS_DONE};
    const int64 values[] = {total, done};
    if (p->shown)
        pgstat_progress_update_multi_param(lengthof(params), params, values);
}

bool phase_may_go_on(void *arg, double share)
{
    BuildProgress *p = (BuildProgress *)arg;
    phase_done(p, (int64)(Min(share, 1.0) * (double)p->total));
    return !(QueryCancelPending || ProcDiePending);
}

void report_phase(const BuildProgress *p, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    instr_time now;
    INSTR_TIME_SET_CURRENT(now);
    INSTR_TIME_SUBTRACT(now, p->start);
    ereport(DEBUG1,
            (errmsg_internal("index \"%s\": %s, %.2f s", p->index, text, INSTR_TIME_GET_DOUBLE(now))));
}

char *build_phase_name(int64 phase)
{
    if (phase == PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE)
        return pstrdup("initializing");
    switch ((BuildPhase)phase) {
    case BuildPhase::Sampling:
        return pstrdup("sampling rows");
    case BuildPhase::Clustering:
        return pstrdup("clustering");
    case BuildPhase::Training:
        return pstrdup("training codes");
    case BuildPhase::Encoding:
        return pstrdup("encoding rows");
    case BuildPhase::Loading:
        return pstrdup("writing lists");
    case BuildPhase::Calibrating:
        return pstrdup("calibrating");
    }
    return nullptr;
}

} // namespace vq::ivf
