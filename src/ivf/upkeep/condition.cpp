#include "ivf/upkeep/condition.h"

#include "ivf/row/rows.h"
#include "ivf/row/table_rows.h"
#include "ivf/row/vector_datum.h"
#include "ivf/store/open_rows.h"

extern "C" {
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

Condition condition_of(const MetaPage &meta, double rows, double rows_squared)
{
    Condition c = {rows, 0, 0, 0};
    if (meta.build_rows > 0)
        c.growth = rows / (double)meta.build_rows;
    if (meta.build_imbalance > 0 && rows > 0)
        c.crowding = imbalance_of(meta.nlist, rows_squared, rows) / meta.build_imbalance;
    return c;
}

static bool has_outgrown(const Condition &c)
{
    const double most = c.rows < kSomeRows ? kOutgrown : c.rows < kManyRows ? kSomeOutgrown : kManyOutgrown;
    return c.growth >= most;
}

Cause cause_of(const MetaPage &meta, const Condition &c)
{
    if (c.rows < kFewRows)
        return Cause::None;
    if (!meta.trained) // one that could not be trained is tried again when it has grown
        return meta.build_rows == 0 || has_outgrown(c) ? Cause::Untrained : Cause::None;
    if (has_outgrown(c))
        return Cause::Grown;
    if (c.crowding >= kCrowded)
        return Cause::Crowded;
    return c.drift >= kDrifted ? Cause::Drifted : Cause::None;
}

const char *describe_cause(Cause cause, const Condition &c)
{
    switch (cause) {
    case Cause::None:
        break;
    case Cause::Untrained:
        return "it was built without rows, so all of them lie in one list";
    case Cause::Grown:
        return psprintf("it holds %.1f times the rows it was built on", c.growth);
    case Cause::Crowded:
        return psprintf("its rows crowd into few lists, so a query reads %.1f times as many as at build",
                        c.crowding);
    case Cause::Drifted:
        return psprintf(
            "rows have drifted, they lie %.0f %% farther from their lists' centroids than at build",
            100 * (c.drift - 1));
    }
    return nullptr;
}

const char *name_of_cause(Cause cause)
{
    switch (cause) {
    case Cause::None:
        break;
    case Cause::Untrained:
        return "untrained";
    case Cause::Grown:
        return "grown";
    case Cause::Crowded:
        return "crowded";
    case Cause::Drifted:
        return "drifted";
    }
    return nullptr;
}

// --- rows

static void count_open(Relation rel, const Index &index, const Group *group, bool vacuum,
                       uint64_t *rows_of_list, void (*page)(void *, BlockNumber), void *arg, GroupRows *c)
{
    OpenReader reader;
    open_rows_begin(&reader, rel, &index, group->record.group, group->record.open_head);
    reader.vacuum = vacuum;
    for (; open_rows_next(&reader); c->open_pages++) {
        for (const OpenRow &row : reader) {
            if (is_dead(row))
                c->open_dead++;
            else {
                c->open++;
                rows_of_list[row.list]++;
            }
        }
        if (page)
            page(arg, reader.block);
    }
}

GroupRows count_group(Relation rel, const Index &index, const Group *group, bool vacuum,
                      uint64_t *rows_of_list, void (*page)(void *, BlockNumber), void *arg)
{
    GroupRows c = {};
    const uint32_t lists = lists_of_group(index, group->record.group);
    for (uint32_t l = 0; l < lists; l++) {
        const ListEntry &entry = group->entries[l];
        c.sealed += entry.rows;
        c.dead += entry.dead;
        rows_of_list[l] = entry.rows - entry.dead;
    }
    count_open(rel, index, group, vacuum, rows_of_list, page, arg, &c);
    for (uint32_t l = 0; l < lists; l++) {
        c.most = Max(c.most, rows_of_list[l]);
        c.squared += (double)rows_of_list[l] * (double)rows_of_list[l];
    }
    return c;
}

// --- drift

// Rows looked at: their mean distance then has a standard error of a hundredth, more or less.
constexpr size_t kDriftRows = 1000;
constexpr uint64_t kDriftSeed = 1;

double drift_since_build(Relation heap, Relation rel, const Index &index)
{
    const MetaPage &meta = index.meta;
    if (!meta.trained || !(meta.residual_norm > 0))
        return 0;
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant drift", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    Datum *values = (Datum *)palloc0(kDriftRows * sizeof(Datum));
    const size_t drawn = draw_table_rows(heap, rel, index, kDriftSeed, kDriftRows, values);
    RowEncoder encoder;
    RowBatch batch;
    encoder_open(&encoder, rel, &index);
    batch_open(&batch, &encoder);
    double sum = 0;
    size_t rows = 0;
    for (size_t i = 0; i < drawn; i++) {
        CHECK_FOR_INTERRUPTS();
        batch_add(&batch, vector_of_datum(values[i], index.element(), meta.options.dims, rel), {});
        if (batch.count < kBatchRows && i + 1 < drawn)
            continue;
        batch_place(&batch);
        for (uint32_t b = 0; b < batch.count; b++)
            if (!batch.overflow[b]) {
                sum += usual_distance(index, batch.distances[b]);
                rows++;
            }
        batch.count = 0;
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    return rows > 0 ? sum / (double)rows / meta.residual_norm : 0;
}

Condition look_at_condition(Relation heap, Relation rel, const Index &index)
{
    Group *group = (Group *)palloc(group_bytes(index));
    uint64_t *rows_of_list = (uint64_t *)palloc(index.meta.group_lists * sizeof(uint64_t));
    double rows = 0, squared = 0;
    for (uint32_t g = 0; g < index.groups; g++) {
        CHECK_FOR_INTERRUPTS();
        read_group(rel, index, g, group);
        const GroupRows c = count_group(rel, index, group, false, rows_of_list, nullptr, nullptr);
        rows += (double)c.live();
        squared += c.squared;
    }
    pfree(rows_of_list);
    pfree(group);
    Condition condition = condition_of(index.meta, rows, squared);
    condition.drift = drift_since_build(heap, rel, index);
    return condition;
}

} // namespace vq::ivf
