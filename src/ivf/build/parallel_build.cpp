#include "ivf/build/parallel_build.h"

extern "C" {
#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "optimizer/paths.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/condition_variable.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"

PGDLLEXPORT void vq_build_worker(dsm_segment *segment, shm_toc *toc);
}

namespace vq::ivf {

namespace {

enum Key : uint64 // of what the processes share
{
    kBuildKey = 1,
    kScanKey,
    kSortKey,
    kQueryKey,
    kWalUsageKey,
    kBufferUsageKey
};

struct SharedBuild
{
    Oid heap;
    Oid index;
    bool concurrent;
    int memory; // of a process's sort, in kB
    pg_atomic_uint64 rows_done;
    ConditionVariable worker_done;
    slock_t mutex; // of what follows
    int finished;  // workers
    EncodedCounts counts;
};

// --- how many

constexpr int kLeastMemory = 32 * 1024; // kB a process, as PostgreSQL's own parallel builds want

BlockNumber blocks_with_toast(Relation heap)
{
    BlockNumber blocks = RelationGetNumberOfBlocks(heap);
    if (OidIsValid(heap->rd_rel->reltoastrelid)) {
        Relation toast = table_open(heap->rd_rel->reltoastrelid, AccessShareLock);
        blocks += Min(RelationGetNumberOfBlocks(toast), MaxBlockNumber - blocks);
        table_close(toast, AccessShareLock);
    }
    return blocks;
}

// PostgreSQL's rule: one for min_parallel_table_scan_size, a further one for every threefold of it.
int workers_for_blocks(BlockNumber blocks)
{
    int workers = 0;
    for (uint64 wanted = (uint64)Max(min_parallel_table_scan_size, 1);
         blocks >= wanted && workers < max_parallel_maintenance_workers; wanted *= 3)
        workers++;
    while (workers > 0 && maintenance_work_mem / (workers + 1) < kLeastMemory)
        workers--;
    return workers;
}

} // namespace

int build_workers(Relation heap, Relation index, IndexInfo *info)
{
    if (RelationGetNumberOfBlocks(heap) == 0)
        return 0;
    const int planned = compat_build_workers(info, heap, index);
    // Where the user has set a number it is the user's; whether expressions may run in a worker only the planner can tell.
    if (!IsUnderPostmaster || RelationUsesLocalBuffers(heap) || RelationGetParallelWorkers(heap, -1) >= 0 ||
        info->ii_Expressions != NIL || info->ii_Predicate != NIL)
        return planned;
    return Max(planned, workers_for_blocks(blocks_with_toast(heap)));
}

// --- leader

struct ParallelBuild
{
    ParallelContext *context;
    Snapshot snapshot;
    SharedBuild *shared;
    ParallelTableScanDesc scan;
    Sharedsort *sort;
    WalUsage *wal_usage;
    BufferUsage *buffer_usage;
};

namespace {

void estimate(ParallelContext *context, Size bytes)
{
    shm_toc_estimate_chunk(&context->estimator, bytes);
    shm_toc_estimate_keys(&context->estimator, 1);
}

void *allocate(ParallelContext *context, Key key, Size bytes)
{
    void *place = shm_toc_allocate(context->toc, bytes);
    shm_toc_insert(context->toc, key, place);
    return place;
}

void fill_shared(SharedBuild *shared, Relation heap, Relation index, bool concurrent)
{
    memset(shared, 0, sizeof *shared);
    shared->heap = RelationGetRelid(heap);
    shared->index = RelationGetRelid(index);
    shared->concurrent = concurrent;
    pg_atomic_init_u64(&shared->rows_done, 0);
    ConditionVariableInit(&shared->worker_done);
    SpinLockInit(&shared->mutex);
}

void leave_parallel_mode(ParallelContext *context, Snapshot snapshot)
{
    if (IsMVCCSnapshot(snapshot))
        UnregisterSnapshot(snapshot);
    DestroyParallelContext(context);
    ExitParallelMode();
}

EncodedCounts read_counts(SharedBuild *shared, int *finished)
{
    SpinLockAcquire(&shared->mutex);
    const EncodedCounts counts = shared->counts;
    *finished = shared->finished;
    SpinLockRelease(&shared->mutex);
    return counts;
}

// What the workers have counted, once all are done. An error of theirs is raised here.
EncodedCounts wait_for_workers(ParallelBuild *b, BuildProgress *progress)
{
    constexpr long kReportEvery = 500; // ms
    for (;;) {
        int finished;
        const EncodedCounts counts = read_counts(b->shared, &finished);
        phase_done(progress, (int64)pg_atomic_read_u64(&b->shared->rows_done));
        if (finished == b->context->nworkers_launched) {
            ConditionVariableCancelSleep();
            return counts;
        }
        ConditionVariableTimedSleep(&b->shared->worker_done, kReportEvery,
                                    WAIT_EVENT_PARALLEL_CREATE_INDEX_SCAN);
    }
}

// A process's part of the sort, as the leader has it too.
void begin_worker_sort(RowSort *sort, const Index *index, int memory, Sharedsort *shared)
{
    SortCoordinate coordinate = (SortCoordinate)palloc0(sizeof(SortCoordinateData));
    coordinate->isWorker = true;
    coordinate->nParticipants = -1;
    coordinate->sharedsort = shared;
    row_sort_begin(sort, index, memory, coordinate);
}

} // namespace

ParallelBuild *begin_parallel_build(Relation heap, Relation index, bool concurrent, int workers)
{
    EnterParallelMode();
    ParallelContext *context = CreateParallelContext("vector_quant", "vq_build_worker", workers);
    // A concurrent build sees the rows of one snapshot, others see all and judge for themselves.
    Snapshot snapshot = concurrent ? RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
    const int processes = workers + 1; // with the leader
    const Size scan_bytes = table_parallelscan_estimate(heap, snapshot);
    const Size sort_bytes = tuplesort_estimate_shared(processes);
    const Size wal_bytes = mul_size(sizeof(WalUsage), context->nworkers);
    const Size buffer_bytes = mul_size(sizeof(BufferUsage), context->nworkers);
    const Size query_bytes = debug_query_string ? strlen(debug_query_string) + 1 : 0;
    for (Size bytes : {sizeof(SharedBuild), scan_bytes, sort_bytes, wal_bytes, buffer_bytes, query_bytes})
        estimate(context, bytes);
    InitializeParallelDSM(context);
    if (context->seg == nullptr) { // no shared memory to be had
        leave_parallel_mode(context, snapshot);
        return nullptr;
    }

    ParallelBuild *b = (ParallelBuild *)palloc0(sizeof(ParallelBuild));
    b->context = context;
    b->snapshot = snapshot;
    b->shared = (SharedBuild *)allocate(context, kBuildKey, sizeof(SharedBuild));
    fill_shared(b->shared, heap, index, concurrent);
    b->shared->memory = maintenance_work_mem / 2 / processes;
    b->scan = (ParallelTableScanDesc)allocate(context, kScanKey, scan_bytes);
    table_parallelscan_initialize(heap, b->scan, snapshot);
    b->sort = (Sharedsort *)allocate(context, kSortKey, sort_bytes);
    tuplesort_initialize_shared(b->sort, processes, context->seg);
    b->wal_usage = (WalUsage *)allocate(context, kWalUsageKey, wal_bytes);
    b->buffer_usage = (BufferUsage *)allocate(context, kBufferUsageKey, buffer_bytes);
    if (query_bytes > 0)
        memcpy(allocate(context, kQueryKey, query_bytes), debug_query_string, query_bytes);

    LaunchParallelWorkers(context);
    if (context->nworkers_launched == 0) {
        end_parallel_build(b);
        return nullptr;
    }
    return b;
}

EncodedCounts encode_in_parallel(ParallelBuild *b, const TableShare &share, RowSort *sort, int memory)
{
    TableShare own = share;
    own.scan = compat_table_beginscan_parallel(share.heap, b->scan);
    own.rows_done = &b->shared->rows_done;
    RowSort own_sort;
    begin_worker_sort(&own_sort, share.layout, b->shared->memory, b->sort);
    EncodedCounts counts = encode_table(own, &own_sort);
    row_sort_end(&own_sort);
    // A worker that never came up would be waited for in vain.
    WaitForParallelWorkersToAttach(b->context);
    counts.add(wait_for_workers(b, share.progress));

    SortCoordinate coordinate = (SortCoordinate)palloc0(sizeof(SortCoordinateData));
    coordinate->nParticipants = b->context->nworkers_launched + 1;
    coordinate->sharedsort = b->sort;
    row_sort_begin(sort, share.layout, memory, coordinate);
    row_sort_perform(sort);
    return counts;
}

int launched_workers(const ParallelBuild *b)
{
    return b->context->nworkers_launched;
}

void end_parallel_build(ParallelBuild *b)
{
    WaitForParallelWorkersToFinish(b->context);
    for (int i = 0; i < b->context->nworkers_launched; i++)
        InstrAccumParallelQuery(&b->buffer_usage[i], &b->wal_usage[i]);
    leave_parallel_mode(b->context, b->snapshot);
    pfree(b);
}

// --- worker

static EncodedCounts encode_as_worker(const SharedBuild *shared, Relation heap, Relation index, shm_toc *toc,
                                      dsm_segment *segment)
{
    Sharedsort *shared_sort = (Sharedsort *)shm_toc_lookup(toc, kSortKey, false);
    tuplesort_attach_shared(shared_sort, segment);
    TableShare share = {};
    share.heap = heap;
    share.index = index;
    share.layout = open_index(index, CurrentMemoryContext);
    share.info = BuildIndexInfo(index);
    share.info->ii_Concurrent = shared->concurrent;
    share.scan =
        compat_table_beginscan_parallel(heap, (ParallelTableScanDesc)shm_toc_lookup(toc, kScanKey, false));
    share.rows_done = const_cast<pg_atomic_uint64 *>(&shared->rows_done);
    RowSort sort;
    begin_worker_sort(&sort, share.layout, shared->memory, shared_sort);
    const EncodedCounts counts = encode_table(share, &sort);
    row_sort_end(&sort);
    return counts;
}

static void work(dsm_segment *segment, shm_toc *toc)
{
    debug_query_string = (const char *)shm_toc_lookup(toc, kQueryKey, true);
    pgstat_report_activity(STATE_RUNNING, debug_query_string);
    SharedBuild *shared = (SharedBuild *)shm_toc_lookup(toc, kBuildKey, false);
    WalUsage *wal_usage = (WalUsage *)shm_toc_lookup(toc, kWalUsageKey, false);
    BufferUsage *buffer_usage = (BufferUsage *)shm_toc_lookup(toc, kBufferUsageKey, false);
    // The leader's own locks; within a group of parallel processes they do not conflict.
    const LOCKMODE heap_lock = shared->concurrent ? ShareUpdateExclusiveLock : ShareLock;
    const LOCKMODE index_lock = shared->concurrent ? RowExclusiveLock : AccessExclusiveLock;
    Relation heap = table_open(shared->heap, heap_lock), index = index_open(shared->index, index_lock);

    InstrStartParallelQuery();
    const EncodedCounts counts = encode_as_worker(shared, heap, index, toc, segment);
    InstrEndParallelQuery(&buffer_usage[ParallelWorkerNumber], &wal_usage[ParallelWorkerNumber]);

    ereport(DEBUG1, (errmsg_internal("index \"%s\": worker %d has encoded %.0f rows",
                                     RelationGetRelationName(index), ParallelWorkerNumber, counts.rows)));
    SpinLockAcquire(&shared->mutex);
    shared->counts.add(counts);
    shared->finished++;
    SpinLockRelease(&shared->mutex);
    ConditionVariableSignal(&shared->worker_done);
    index_close(index, index_lock);
    table_close(heap, heap_lock);
}

} // namespace vq::ivf

void vq_build_worker(dsm_segment *segment, shm_toc *toc)
{
    vq::ivf::work(segment, toc);
}
