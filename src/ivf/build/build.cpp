#include "ivf/build/build.h"
#include "ivf/build/fixed_parts.h"
#include "ivf/row/opclass.h"
#include "ivf/build/group_loader.h"
#include "ivf/build/parallel_build.h"
#include "ivf/build/shortage.h"
#include "ivf/build/train_on_sample.h"
#include "ivf/store/page_offers.h"

extern "C" {
#include "access/xloginsert.h"
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

struct Build
{
    MemoryContext outer_memory;
    MemoryContext memory; // of all of it
    Relation heap;
    Relation index;
    IndexInfo *info;
    ForkNumber fork;
    const AccessMethod *am;
    const IndexOptions *options;
    IndexedColumn column;
    Training training;
    Index layout; // over training.image and training.meta
    BuildProgress progress;
    EncodedCounts counts;
};

double mean_distance(const EncodedCounts &counts)
{
    return counts.rows > 0 ? counts.distance_sum / counts.rows : 0;
}

// Writes the sorted rows, list by list.
void load_lists(Build *b, RowSort *sort)
{
    begin_phase(&b->progress, BuildPhase::Loading, (int64)b->counts.rows);
    GroupLoader loader;
    loader_begin(&loader, &b->layout, {b->index, b->heap, true, nullptr}, nullptr);
    EncodedRow row;
    for (int64 done = 1; row_sort_next(sort, &row); done++) {
        CHECK_FOR_INTERRUPTS();
        (void)loader_add(&loader, row);
        phase_done(&b->progress, done);
    }
    loader_end(&loader);
    b->training.meta.build_imbalance =
        imbalance_of(b->layout.meta.nlist, loader.rows_squared, b->counts.rows);
    report_phase(&b->progress, "%u lists written in groups of %u, index of %u pages", b->layout.meta.nlist,
                 b->layout.meta.group_lists, RelationGetNumberOfBlocks(b->index));
}

// The rows, in the order of the lists.
void encode_rows(Build *b, ParallelBuild *parallel, RowSort *sort)
{
    pg_atomic_uint64 rows_done;
    pg_atomic_init_u64(&rows_done, 0);
    const TableShare all = {b->heap, b->index, &b->layout, b->info, nullptr, &rows_done, &b->progress};
    const int memory = maintenance_work_mem / 2;
    if (parallel)
        b->counts = encode_in_parallel(parallel, all, sort, memory);
    else {
        row_sort_begin(sort, &b->layout, memory, nullptr);
        b->counts = encode_table(all, sort);
    }
    b->info->ii_BrokenHotChain = b->counts.broken_hot_chain;
    report_phase(&b->progress, "%.0f rows encoded, mean distance from their centroids %.4g", b->counts.rows,
                 mean_distance(b->counts) / b->training.meta.scale);
}

void fill_lists(Build *b, const Sample &sample)
{
    begin_phase(&b->progress, BuildPhase::Encoding, (int64)sample.table_rows);
    const int workers = build_workers(b->heap, b->index, b->info);
    ParallelBuild *parallel =
        workers > 0 ? begin_parallel_build(b->heap, b->index, b->info->ii_Concurrent, workers) : nullptr;
    if (parallel)
        ereport(DEBUG1, (errmsg_internal("index \"%s\": using %d parallel workers",
                                         RelationGetRelationName(b->index), launched_workers(parallel))));
    RowSort sort;
    encode_rows(b, parallel, &sort);
    load_lists(b, &sort);
    row_sort_end(&sort);
    if (parallel)
        end_parallel_build(parallel);
}

// What only the loaded rows tell: counts and calibration.
void finish_meta(Build *b, const Sample &sample)
{
    MetaPage *meta = &b->training.meta;
    meta->build_rows = (uint64_t)b->counts.rows;
    meta->residual_norm = mean_distance(b->counts);
    calibrate(meta, b->index, &b->layout, sample, b->training.centroids, &b->progress);
    Buffer buf = read_page(b->index, 0, PageKind::Meta, BUFFER_LOCK_EXCLUSIVE);
    put_meta(BufferGetPage(buf), meta);
    MarkBufferDirty(buf);
    UnlockReleaseBuffer(buf);
}

void check_dims(const IndexedColumn &column)
{
    if (column.dims == 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("column does not have dimensions"),
                 errhint("Give the column's type a number of dimensions, as in vector(384) or halfvec(384), "
                         "or index an expression that has one, such as ((embedding::vector(384))).")));
}

// A build in a memory context of its own, which is current from then on. info, heap: null for an init fork.
Build *begin_build(Relation heap, Relation index, IndexInfo *info, ForkNumber fork)
{
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant build", ALLOCSET_DEFAULT_SIZES);
    MemoryContext outer = MemoryContextSwitchTo(memory);
    Build *b = (Build *)palloc0(sizeof(Build));
    b->outer_memory = outer;
    b->memory = memory;
    b->heap = heap;
    b->index = index;
    b->info = info;
    b->fork = fork;
    b->am = access_method(index);
    b->options = copy_options(index);
    b->column = indexed_column(index);
    b->progress.index = pstrdup(RelationGetRelationName(index));
    return b;
}

void end_build(Build *b)
{
    MemoryContextSwitchTo(b->outer_memory);
    MemoryContextDelete(b->memory);
}

// From a sample to pages of an index without rows.
void train_and_write(Build *b, Sample *sample)
{
    if (!train_on_sample(&b->training, b->am, b->options, b->column, sample, &b->progress)) {
        report_failed_training(b->index);
        Sample none = no_sample(sample->dims);
        (void)train_on_sample(&b->training, b->am, b->options, b->column, &none, &b->progress);
    }
    PartPages pages = appended_pages(b->index, b->fork);
    const FixedParts parts = {&pages, &b->training, &b->layout};
    write_fixed_parts(&parts, b->am);
}

} // namespace

IndexBuildResult *build(Relation heap, Relation index, IndexInfo *info)
{
    if (RelationGetNumberOfBlocks(index) != 0)
        elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(index));
    IndexBuildResult *result = (IndexBuildResult *)palloc0(sizeof(IndexBuildResult));
    Build *b = begin_build(heap, index, info, MAIN_FORKNUM);
    check_dims(b->column);
    Sample sample;
    draw_sample(&sample, heap, index, info, b->column,
                sample_capacity(heap, b->column.dims, b->am, b->options), &b->progress);
    train_and_write(b, &sample);
    report_shortage(b->training, b->am->codec, b->options, sample, index);
    fill_lists(b, sample);
    finish_meta(b, sample);
    if (RelationNeedsWAL(index))
        log_newpage_range(index, MAIN_FORKNUM, 0, RelationGetNumberOfBlocks(index), true);
    begin_offers(index);
    result->heap_tuples = b->counts.heap_rows;
    result->index_tuples = b->counts.rows;
    end_build(b);
    return result;
}

// GenericXLog logs nothing for unlogged relations, so this fork is logged by hand.
void build_empty(Relation index)
{
    Build *b = begin_build(nullptr, index, nullptr, INIT_FORKNUM);
    Sample none = no_sample(b->column.dims);
    train_and_write(b, &none);
    log_newpage_range(index, INIT_FORKNUM, 0, RelationGetNumberOfBlocksInFork(index, INIT_FORKNUM), true);
    end_build(b);
}

} // namespace vq::ivf
