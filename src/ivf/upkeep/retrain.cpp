#include "ivf/upkeep/retrain.h"

#include "ivf/build/fixed_parts.h"
#include "ivf/build/group_loader.h"
#include "ivf/build/row_encoding.h"
#include "ivf/build/train_on_sample.h"
#include "ivf/row/opclass.h"
#include "ivf/row/table_walk.h"
#include "ivf/store/free_pages.h"
#include "ivf/store/generation.h"
#include "ivf/upkeep/move_fixed.h"
#include "ivf/upkeep/old_rows.h"

extern "C" {
#include "catalog/index.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
}

namespace vq::ivf {

namespace {

struct Run
{
    Relation heap;
    Relation rel;
    const Index *current;
    const AccessMethod *am;
    PageReserve *reserve;
    BufferAccessStrategy strategy;
    BuildProgress progress;
    TimestampTz begun;
    Sample sample;
    Training training;
    Index layout; // of the next generation, over training
    uint32_t generation;
    TransactionId removed; // the latest xid that removed a row which the next generation goes without
    const char *why_not;
    bool untrainable; // on the rows that it has now
    bool growing;     // there will be more rows soon
};

// An index of a growing table is trained anew when it has grown by a quarter, and that is found out when VACUUM comes. Lists for the
// middle of the time until then: with those for the rows of today a query reads a ninth more codes at the end of it.
constexpr double kExpectedGrowth = 1.15;

// Tests wait for these messages, and kill the server then.
void reached(const Run *r, const char *stage)
{
    ereport(DEBUG1, (errmsg_internal("index \"%s\": next generation: %s", r->progress.index, stage)));
}

bool stop(Run *r, const char *why)
{
    r->why_not = why;
    return false;
}

bool draw_and_train(Run *r)
{
    const IndexOptions *options = copy_options(r->rel);
    const IndexedColumn column = indexed_column(r->rel);
    if (const char *why = lists_beyond_memory(options->nlist, column.dims))
        return stop(r, why);
    IndexInfo *info = BuildIndexInfo(r->rel);
    draw_sample(&r->sample, r->heap, r->rel, info, column,
                sample_capacity(r->heap, column.dims, r->am, options), &r->progress);
    if (r->growing)
        r->sample.expected_growth = kExpectedGrowth;
    reached(r, "sampled");
    if (!train_on_sample(&r->training, r->am, options, column, &r->sample, &r->progress) ||
        !r->training.meta.trained) {
        r->untrainable = true;
        return stop(r, "its rows give no finite parameters to train on");
    }
    reached(r, "trained");
    return true;
}

// Fixed parts on their pages; from then on inserters add rows to the next generation.
bool write_and_name(Run *r)
{
    MetaPage *meta = &r->training.meta;
    r->generation = new_generation(r->rel);
    meta->generation = r->generation;
    BlockNumber first;
    const char *why;
    const BlockNumber count = count_fixed_pages(r->training, r->am);
    if (!reserve_range(r->reserve, count, &first, &why))
        return stop(r, psprintf("there is no room for it: %s", why));
    PartPages pages = pages_set_aside(r->rel, first);
    const FixedParts parts = {&pages, &r->training, &r->layout};
    write_fixed_parts(&parts, r->am);
    if (pages.next != first + count)
        elog(ERROR, "fixed parts take %u pages, not %u", pages.next - first, count);
    reached(r, "written");
    name_generation(r->rel, r->generation, meta->fixed_block);
    reached(r, "named");
    return true;
}

void encode_old_rows(Run *r, RowSort *sort, uint32_t *rows_of_list, double *rows, double *distance_sum)
{
    OldRows *old = (OldRows *)palloc(sizeof(OldRows));
    old_rows_begin(old, r->heap, r->rel, *r->current, r->layout, maintenance_work_mem / 8, r->strategy);
    reached(r, "collected");
    begin_phase(&r->progress, BuildPhase::Encoding, (int64)old->count);
    pg_atomic_uint64 done;
    pg_atomic_init_u64(&done, 0);
    RowEncoding *encoding = (RowEncoding *)palloc(sizeof(RowEncoding));
    encoding_begin(encoding, r->rel, &r->layout, sort);
    encoding->rows_done = &done;
    encoding->progress = &r->progress;
    encoding->rows_of_list = rows_of_list;
    ItemPointerData tid;
    while (old_rows_next(old, &tid))
        encoding_add(encoding, tid, old->values, old->nulls);
    encoding_end(encoding);
    r->removed = old->removed;
    old_rows_end(old);
    row_sort_perform(sort);
    *rows = encoding->rows;
    *distance_sum = encoding->distance_sum;
    report_phase(&r->progress, "%.0f rows encoded, mean distance from their centroids %.4g", *rows,
                 *rows > 0 ? *distance_sum / *rows / r->training.meta.scale : 0);
    reached(r, "encoded");
}

bool load_rows(Run *r, RowSort *sort, const uint32_t *rows_of_list, double rows)
{
    begin_phase(&r->progress, BuildPhase::Loading, (int64)rows);
    GroupLoader *loader = (GroupLoader *)palloc(sizeof(GroupLoader));
    loader_begin(loader, &r->layout, {r->rel, r->heap, false, r->reserve}, rows_of_list);
    EncodedRow row;
    for (int64 done = 1; row_sort_next(sort, &row); done++) {
        if (done % 32 == 0)
            compat_vacuum_delay_point();
        if (!loader_add(loader, row))
            return stop(r, psprintf("there is no room for it: %s", loader->why));
        if (done == (int64)(rows / 2))
            reached(r, "loading");
        phase_done(&r->progress, done);
    }
    loader_end(loader);
    MetaPage *meta = &r->training.meta;
    meta->build_imbalance = (float)imbalance_of(meta->nlist, loader->rows_squared, rows);
    report_phase(&r->progress, "%u lists written in groups of %u", meta->nlist, meta->group_lists);
    reached(r, "loaded");
    return true;
}

bool copy_rows(Run *r)
{
    uint32_t *rows_of_list = (uint32_t *)palloc_extended(r->layout.meta.nlist * sizeof(uint32_t),
                                                         MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    RowSort sort;
    double rows, distance_sum;
    row_sort_begin(&sort, &r->layout, maintenance_work_mem * 3 / 8, nullptr);
    encode_old_rows(r, &sort, rows_of_list, &rows, &distance_sum);
    const bool loaded = load_rows(r, &sort, rows_of_list, rows);
    row_sort_end(&sort);
    r->training.meta.build_rows = (uint64_t)rows;
    r->training.meta.residual_norm = rows > 0 ? distance_sum / rows : 0;
    return loaded;
}

void put_in_force(Run *r, Cause cause)
{
    MetaPage *meta = &r->training.meta;
    calibrate(meta, r->rel, &r->layout, r->sample, r->training.centroids, &r->progress);
    meta->trained_at = GetCurrentTimestamp();
    meta->trained_ms = (uint32_t)Min((meta->trained_at - r->begun) / 1000, (int64)PG_UINT32_MAX);
    meta->cause = (uint8_t)cause;
    reached(r, "calibrated");
    log_removed_rows(r->rel, r->heap, r->removed);
    take_over(r->rel, meta);
    reached(r, "switched");
}

void free_group_pages(Relation rel, const Index &old, const GroupRecord &record)
{
    free_chain(rel, record.tile_head, InvalidBlockNumber, PageKind::Tile);
    free_chain(rel, record.sublist_head, InvalidBlockNumber, PageKind::Sublist);
    free_chain(rel, record.open_head, InvalidBlockNumber, PageKind::Open);
    if (old.has_fine())
        free_chain(rel, record.fine_head, InvalidBlockNumber, PageKind::Fine);
}

} // namespace

bool can_retrain(Relation heap)
{
    return can_walk(heap);
}

Retrained retrain(Relation heap, Relation rel, const Index &current, Cause cause, const Condition &condition,
                  PageReserve *reserve, BufferAccessStrategy strategy)
{
    MemoryContext outer = CurrentMemoryContext;
    MemoryContext memory = AllocSetContextCreate(outer, "vector_quant retrain", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(memory);
    Run *r = (Run *)palloc0(sizeof(Run));
    r->heap = heap;
    r->rel = rel;
    r->current = &current;
    r->am = access_method(rel);
    r->reserve = reserve;
    r->strategy = strategy;
    r->progress.index = pstrdup(RelationGetRelationName(rel));
    r->begun = GetCurrentTimestamp();
    r->growing = cause == Cause::Untrained || cause == Cause::Grown;

    lock_maker(rel);
    const bool trained =
        can_retrain(heap) ? draw_and_train(r) : stop(r, "its table is not one of PostgreSQL's heap tables");
    if (r->untrainable)
        note_untrainable(rel, (uint64_t)condition.rows);
    const bool copied = trained && write_and_name(r) && copy_rows(r);
    if (copied)
        put_in_force(r, cause);
    else if (r->generation > 0)
        forget_generation(rel, r->generation);
    unlock_maker(rel);

    const MetaPage &meta = r->training.meta;
    const Retrained result = {copied, r->why_not ? MemoryContextStrdup(outer, r->why_not) : nullptr,
                              meta.nlist, (double)meta.build_rows, 1e-3 * meta.trained_ms};
    MemoryContextSwitchTo(outer);
    if (copied)
        ereport(LOG, (errmsg("index \"%s\" was trained anew, because %s", RelationGetRelationName(rel),
                             describe_cause(cause, condition)),
                      errdetail("Rows: %.0f, lists: %u, time: %.1f s.", result.rows, result.lists,
                                result.seconds)));
    MemoryContextDelete(memory);
    return result;
}

void free_generation(Relation rel, const Index &old)
{
    Group *group = (Group *)palloc(group_bytes(old));
    for (uint32_t g = 0; g < old.groups; g++) {
        compat_vacuum_delay_point();
        read_group(rel, old, g, group);
        free_group_pages(rel, old, group->record);
    }
    pfree(group);
    free_fixed_parts(rel, old.meta);
}

} // namespace vq::ivf
