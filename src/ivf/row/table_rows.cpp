#include "ivf/row/table_rows.h"

#include "ivf/row/block_sample.h"
#include "ivf/row/normalize.h"
#include "ivf/row/vector_datum.h"

extern "C" {
#include "access/tableam.h"
#include "catalog/index.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "storage/bufmgr.h"
#include "utils/datum.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

bool belongs_in_index(const Index &index, const float *x)
{
    return !index.cosine() || !is_zero(x, index.meta.options.dims);
}

namespace {

struct Visit
{
    const Index *index;
    RowVisitor visit;
    void *arg;
    MemoryContext memory; // of one row
};

void visit_row(Relation rel, ItemPointer tid, Datum *values, bool *isnull, bool, void *arg)
{
    Visit *v = (Visit *)arg;
    if (isnull[0])
        return;
    MemoryContext old = MemoryContextSwitchTo(v->memory);
    const Datum value = PointerGetDatum(PG_DETOAST_DATUM(values[0]));
    const float *x = vector_of_datum(value, v->index->element(), v->index->meta.options.dims, rel);
    if (belongs_in_index(*v->index, x))
        v->visit(v->arg, {*tid, value, x, values, isnull});
    MemoryContextSwitchTo(old);
    MemoryContextReset(v->memory);
}

Visit begin_visit(const Index &index, RowVisitor visit, void *arg)
{
    return {&index, visit, arg,
            AllocSetContextCreate(CurrentMemoryContext, "vector_quant table row", ALLOCSET_DEFAULT_SIZES)};
}

// For a scan that is no build: by snapshot, since rows come and go.
IndexInfo *scan_info(Relation rel)
{
    IndexInfo *info = BuildIndexInfo(rel);
    info->ii_Concurrent = true;
    info->ii_Unique = false;
    info->ii_ExclusionOps = nullptr;
    return info;
}

struct RowDrawing
{
    Reservoir reservoir;
    Datum *values;
    MemoryContext memory; // of values
};

void keep_value(void *arg, const TableRow &row)
{
    RowDrawing *d = (RowDrawing *)arg;
    const size_t at = d->reservoir.place();
    if (at == d->reservoir.capacity)
        return;
    MemoryContext old = MemoryContextSwitchTo(d->memory);
    if (d->values[at])
        pfree(DatumGetPointer(d->values[at]));
    d->values[at] = datumCopy(row.vector, false, -1);
    MemoryContextSwitchTo(old);
}

} // namespace

void visit_table_rows(Relation heap, Relation rel, const Index &index, Snapshot snapshot, RowVisitor visit,
                      void *arg)
{
    Visit v = begin_visit(index, visit, arg);
    TableScanDesc scan = table_beginscan_strat(heap, snapshot, 0, nullptr, true, true);
    table_index_build_scan(heap, rel, scan_info(rel), true, false, visit_row, &v, scan);
    MemoryContextDelete(v.memory);
}

size_t draw_table_rows(Relation heap, Relation rel, const Index &index, uint64_t seed, size_t capacity,
                       Datum *values)
{
    RowDrawing drawing = {{capacity, Random(seed), 0}, values, CurrentMemoryContext};
    Visit v = begin_visit(index, keep_value, &drawing);
    IndexInfo *info = scan_info(rel);
    BlockDraw draw;
    BlockNumber block;
    block_draw_begin(&draw, RelationGetNumberOfBlocks(heap), seed, 2 * (uint64_t)capacity);
    while (block_draw_next(&draw, drawing.reservoir.seen, &block)) {
        CHECK_FOR_INTERRUPTS();
        table_index_build_range_scan(heap, rel, info, false, false, false, block, 1, visit_row, &v, nullptr);
    }
    MemoryContextDelete(v.memory);
    return drawing.reservoir.rows();
}

} // namespace vq::ivf
