#include "ivf/build/build.h"
#include "ivf/build/fixed_parts.h"
#include "ivf/row/opclass.h"
#include "ivf/build/outliers.h"
#include "ivf/build/parallel_build.h"
#include "ivf/build/shortage.h"
#include "ivf/build/units.h"
#include "ivf/store/page_offers.h"
#include "ivf/store/directory.h"
#include "ivf/store/fine_writer.h"
#include "ivf/store/run_writer.h"

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

FixedParts fixed_parts(Build *b)
{
    return {b->index, b->fork, &b->training, &b->layout};
}

struct Loader
{
    const Build *b;
    RunWriter run;
    SublistWriter sublists;
    FineWriter fine;
    Group *group;
    int64 group_number; // -1: none open
};

void close_group(Loader *l)
{
    if (l->group_number < 0)
        return;
    run_end(&l->run, InvalidBlockNumber);
    fine_end(&l->fine, InvalidBlockNumber);
    l->group->record.tile_head = l->run.chain.first;
    l->group->record.tile_pages = l->run.chain.pages;
    l->group->record.fine_head = l->fine.chain.first;
    sublists_end(&l->sublists);
    l->group->record.sublist_head = l->sublists.chain.first;
    l->group->record.sublist_pages = l->sublists.chain.pages;
    l->group->record.fine_pages = l->fine.chain.pages;
    write_group(l->b->index, l->b->layout, l->group);
    l->group_number = -1;
}

void open_group(Loader *l, uint32_t number)
{
    const Index &index = l->b->layout;
    const PageSource source = {l->b->index, l->b->heap, true};
    read_group(l->b->index, index, number, l->group);
    l->group_number = number;
    run_begin(&l->run, &index, source, number, l->group->entries,
              sublists_begin(&l->sublists, &index, source));
    fine_begin(&l->fine, &index, source, number);
}

void load_row(Loader *l, const EncodedRow &row)
{
    const Index &index = l->b->layout;
    const uint32_t group = row.list / index.meta.group_lists;
    if (l->group_number != (int64)group) {
        close_group(l);
        open_group(l, group);
    }
    StoredRow stored = {row.tid, row.factors, kNoFine, row.code, row.keys};
    if (index.has_fine())
        stored.fine = fine_add(&l->fine, row.record);
    run_add(&l->run, row.list, stored);
}

// Writes the sorted rows, list by list.
void load_lists(Build *b, RowSort *sort)
{
    begin_phase(&b->progress, BuildPhase::Loading, (int64)b->counts.rows);
    Loader loader = {};
    loader.b = b;
    loader.group = (Group *)palloc(group_bytes(b->layout));
    loader.group_number = -1;
    EncodedRow row;
    for (int64 done = 1; row_sort_next(sort, &row); done++) {
        CHECK_FOR_INTERRUPTS();
        load_row(&loader, row);
        phase_done(&b->progress, done);
    }
    close_group(&loader);
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
    write_meta(buf, meta);
    UnlockReleaseBuffer(buf);
}

void check_dims(const IndexedColumn &column)
{
    if (column.dims == 0)
        ereport(
            ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("column does not have dimensions"),
             errhint("Give the column's type a number of dimensions, as in vector(384) or halfvec(384).")));
}

// A copy: the relcache may replace its own while the build runs.
const IndexOptions *options_of(Relation index, const AccessMethod *am)
{
    if (index->rd_options == nullptr)
        return (const IndexOptions *)am->parse_options((Datum)0, false); // no WITH clause: all defaults
    void *copy = palloc(VARSIZE(index->rd_options));
    memcpy(copy, index->rd_options, VARSIZE(index->rd_options));
    return (const IndexOptions *)copy;
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
    b->options = options_of(index, b->am);
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
    const RefineTraining refine = train_refine(b->options, *sample);
    if (b->column.metric == Metric::Cosine) {
        normalize_sample(sample);
        set_outliers_aside(sample);
    }
    train(&b->training, b->am, b->options, b->column, sample, refine, &b->progress);
    if (!valid_training(b->training, b->am)) {
        report_failed_training(b->index);
        Sample none = {};
        none.dims = sample->dims;
        none.scale = 1;
        train(&b->training, b->am, b->options, b->column, &none, train_refine(b->options, none),
              &b->progress);
    }
    if (!b->training.meta.trained)
        forget_calibration(&b->training.meta);
    const FixedParts parts = fixed_parts(b);
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
    scale_sample(&sample);
    set_outliers_aside(&sample);
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
    Sample none = {};
    none.dims = b->column.dims;
    none.scale = 1;
    train_and_write(b, &none);
    log_newpage_range(index, INIT_FORKNUM, 0, RelationGetNumberOfBlocksInFork(index, INIT_FORKNUM), true);
    end_build(b);
}

} // namespace vq::ivf
