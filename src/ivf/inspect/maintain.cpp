// vector_quant_maintain: does on demand what VACUUM does about an index that its rows have outgrown, and says why.
#include "ivf/inspect/inspect.h"
#include "ivf/inspect/rounding.h"
#include "ivf/store/generation.h"
#include "ivf/upkeep/attempt.h"
#include "ivf/upkeep/retrain.h"

extern "C" {
#include "access/xlog.h"
#include "commands/progress.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
}

namespace vq::ivf {

namespace {

void check_server()
{
    if (RecoveryInProgress())
        ereport(ERROR,
                (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
                 errmsg("cannot train an index anew during recovery"),
                 errhint("Do it on the primary: standbys get what it does, as they get what VACUUM does.")));
}

struct Maintain
{
    const Inspected *target;
    const Index *index;
    Cause cause;
    const Condition *condition;
    Retrained result;
};

void work(void *arg)
{
    Maintain *m = (Maintain *)arg;
    const Relation heap = m->target->heap, rel = m->target->rel;
    PageReserve reserve;
    reserve_begin(&reserve, rel, heap);
    m->result =
        retrain(heap, rel, *m->index, m->cause, *m->condition, &reserve, GetAccessStrategy(BAS_BULKREAD));
    reserve_end(&reserve);
}

void forget(void *arg)
{
    forget_orphan(((const Maintain *)arg)->target->rel);
}

Retrained train(const Inspected &target, const Index &index, Cause cause, const Condition &condition)
{
    Maintain m = {&target, &index, cause, &condition, {}};
    forget_orphan(target.rel);
    pgstat_progress_start_command(PROGRESS_COMMAND_CREATE_INDEX, RelationGetRelid(target.heap));
    pgstat_progress_update_param(PROGRESS_CREATEIDX_INDEX_OID, RelationGetRelid(target.rel));
    ErrorData *error = attempt(work, forget, &m);
    pgstat_progress_end_command();
    if (error)
        ReThrowError(error);
    if (!m.result.done)
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_RESOURCES),
                        errmsg("index \"%s\" could not be trained anew", RelationGetRelationName(target.rel)),
                        errdetail_internal("%s", m.result.why_not), errhint("It works as before.")));
    free_generation(target.rel, index);
    return m.result;
}

} // namespace

} // namespace vq::ivf

VQ_FUNCTION(vq_maintain)
{
    using namespace vq::ivf;
    const bool dry_run = PG_GETARG_BOOL(1);
    const TupleDesc desc = result_row_type(fcinfo);
    if (!dry_run)
        check_server();
    const Inspected target =
        inspect_open(PG_GETARG_OID(0), dry_run ? AccessShareLock : ShareUpdateExclusiveLock);
    const vq::ivf::Index &index = *open_index(target.rel, target.memory);
    const Condition condition = look_at_condition(target.heap, target.rel, index);
    const Cause cause = cause_of(index.meta, condition);
    Retrained result = {false, nullptr, index.meta.nlist, 0, 0};
    if (cause != Cause::None && !dry_run)
        result = train(target, index, cause, condition);
    Datum values[] = {BoolGetDatum(result.done),
                      cause != Cause::None ? CStringGetTextDatum(describe_cause(cause, condition)) : (Datum)0,
                      Int64GetDatum((int64)(result.done ? result.rows : condition.rows)),
                      Int32GetDatum((int32)index.meta.nlist),
                      Int32GetDatum((int32)result.lists),
                      Float8GetDatum(rounded_time(result.seconds))};
    bool nulls[lengthof(values)] = {};
    nulls[1] = cause == Cause::None;
    nulls[lengthof(values) - 1] = !result.done;
    return inspect_return(target, desc, values, nulls);
}
