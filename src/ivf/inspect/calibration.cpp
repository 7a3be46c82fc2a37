// vector_quant_calibrate: makes the recall targets of an index about queries of another kind than its rows.
//
// What is measured goes to an option of the index. So it is there for all sessions at once, comes and goes with the transaction, stays
// when the index is built anew, by REINDEX (CONCURRENTLY) or from a dump, and RESET takes it away.
#include "ivf/inspect/query_kind.h"
#include "ivf/inspect/rounding.h"
#include "ivf/inspect/trial.h"
#include "ivf/row/heap_reader.h"
#include "ivf/row/opclass.h"
#include "ivf/scan/probes.h"

extern "C" {
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
}

namespace vq::ivf {

namespace {

constexpr uint32_t kFewQueries = 100; // the promise is rough
constexpr uint32_t kLeastQueries = 10;
constexpr uint32_t kMostDepth = 10000; // the greatest of the table

void check_can_calibrate(const Inspected &target, const Index &index, const GivenQueries &queries)
{
    const char *name = RelationGetRelationName(target.rel);
    if (!can_measure_kind(index))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("index \"%s\" was built on too few rows to be calibrated", name),
                        errdetail("Its queries visit all lists."),
                        errhint("VACUUM trains it when the table has its rows.")));
    if (queries.count < kLeastQueries)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("%u queries are too few to calibrate an index", queries.count),
                        errhint("Give at least %u, better 200 or more.", kLeastQueries)));
    if (queries.count < kFewQueries)
        ereport(NOTICE, (errmsg("index \"%s\" is calibrated with %u queries only", name, queries.count),
                         errhint("With 200 or more the target is met more exactly.")));
}

// The lock of ALTER INDEX, before anything is measured. It is not waited for: REINDEX CONCURRENTLY holds it, and waits itself for every
// snapshot, of which the caller's statement has one.
void lock_options(const Inspected &target)
{
    if (!ConditionalLockRelationOid(RelationGetRelid(target.rel), ShareUpdateExclusiveLock))
        ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE),
                        errmsg("index \"%s\" is being built anew, altered or calibrated by another session",
                               RelationGetRelationName(target.rel)),
                        errhint("Calibrate it when that has ended.")));
}

void check_neighbours(const Inspected &target, const QueryNeighbours &neighbours)
{
    if (neighbours.depth < kLeastDepth)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("table \"%s\" has too few rows to calibrate an index",
                               RelationGetRelationName(target.heap)),
                        errhint("Calibrate it when the table has its rows.")));
}

// Trials for ten rows, of what is known already.
void trials_of_neighbours(Trials *t, const Inspected &target, const Index &index, Snapshot snapshot,
                          const GivenQueries &queries, const QueryNeighbours &neighbours)
{
    const uint32_t n = queries.count;
    *t = {};
    t->target = target;
    t->index = &index;
    t->snapshot = snapshot;
    t->order_by = order_by_key(target.rel);
    t->rows = kLeastDepth;
    t->count = n;
    t->queries = queries.values;
    t->own = (double *)palloc(n * sizeof(double));
    t->limit = (double *)palloc(n * sizeof(double));
    t->wanted = (uint32_t *)palloc(n * sizeof(uint32_t));
    HeapReader reader;
    heap_reader_open(&reader, target.heap, target.rel, snapshot, index.element(), index.meta.options.dims);
    for (uint32_t i = 0; i < n; i++) {
        CHECK_FOR_INTERRUPTS();
        const ExactQuery query = trial_query(*t, i);
        t->own[i] = std::numeric_limits<double>::quiet_NaN();
        t->limit[i] = -std::numeric_limits<double>::infinity();
        t->wanted[i] = t->rows;
        for (uint32_t j = 0; j < t->rows; j++) {
            double distance;
            if (heap_distance(&reader, query, neighbours.of(i)[j].tid, &distance))
                t->limit[i] = Max(t->limit[i], score_of_distance(query, distance));
        }
    }
    heap_reader_close(&reader);
}

void report_nprobe(const Inspected &target, const ScanSettings &settings)
{
    if (settings.nprobe > 0)
        ereport(NOTICE, (errmsg("index \"%s\" visits %d lists, whatever the target",
                                RelationGetRelationName(target.rel), settings.nprobe),
                         errhint("RESET nprobe for the calibration to act.")));
}

const char *alter_command(Relation rel, const QueryKind &kind)
{
    char text[kQueryKindText];
    write_query_kind(kind, text, sizeof text);
    return psprintf("ALTER INDEX %s SET (calibration = '%s')", qualified_name(RelationGetRelid(rel)), text);
}

// As the caller, who owns the index.
void execute(const char *command)
{
    if (SPI_connect() != SPI_OK_CONNECT || SPI_execute(command, false, 0) != SPI_OK_UTILITY)
        elog(ERROR, "cannot set an option of an index");
    SPI_finish();
}

struct Calibrated
{
    uint32_t queries;
    double target;
    Measured before, after;
};

Datum calibrated_row(const Inspected &target, TupleDesc desc, const Calibrated &c)
{
    Datum values[] = {Int32GetDatum((int32)c.queries),
                      Float8GetDatum(rounded_share(c.target)),
                      Float8GetDatum(rounded_share(c.before.recall.mean)),
                      Float8GetDatum(rounded_share(c.after.recall.mean)),
                      Float8GetDatum(rounded_mean(c.before.codes)),
                      Float8GetDatum(rounded_mean(c.after.codes))};
    bool nulls[lengthof(values)] = {};
    return inspect_return(target, desc, values, nulls);
}

} // namespace

} // namespace vq::ivf

VQ_FUNCTION(vq_calibrate)
{
    using namespace vq::ivf;
    const TupleDesc desc = result_row_type(fcinfo);
    check_arguments(fcinfo, 2);
    const Oid index_id = PG_GETARG_OID(0);
    // What outlives the first opening of the index, which has to be closed for ALTER INDEX.
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant calibration", ALLOCSET_DEFAULT_SIZES);
    Inspected target = inspect_open(index_id, AccessShareLock);
    MemoryContextSwitchTo(memory);
    const vq::ivf::Index *index = open_index(target.rel, target.memory);
    const GivenQueries queries = given_queries(fcinfo, 1, target, *index);
    check_can_calibrate(target, *index, queries);
    lock_options(target);
    const Snapshot snapshot = inspect_snapshot(target.rel);
    const QueryNeighbours neighbours =
        find_query_neighbours(target, *index, snapshot, queries, kLeastDepth, kMostDepth);
    check_neighbours(target, neighbours);
    const vq::QueryKind kind = measure_kind(target, *index, snapshot, queries, neighbours);
    const ScanSettings settings =
        access_method(target.rel)->settings((const IndexOptions *)target.rel->rd_options);
    report_nprobe(target, settings);
    Trials trials;
    trials_of_neighbours(&trials, target, *index, snapshot, queries, neighbours);
    Calibrated c = {queries.count, target_of(settings), measure(trials), {}};
    const char *command = alter_command(target.rel, kind);
    MemoryContextSwitchTo(target.memory);
    inspect_close(target);

    execute(command);

    target = inspect_open(index_id, AccessShareLock);
    trials.target = target;
    trials.index = open_index(target.rel, target.memory);
    c.after = measure(trials);
    close_trials(&trials);
    return calibrated_row(target, desc, c);
}
