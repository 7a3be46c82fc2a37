#include "ivf/table_rows.h"

#include "ivf/vector_datum.h"

extern "C" {
#include "access/tableam.h"
#include "catalog/index.h"
#include "nodes/execnodes.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

bool belongs_in_index(const Index &index, const float *x)
{
    if (!index.cosine())
        return true;
    for (uint32_t i = 0; i < index.meta.options.dims; i++)
        if (x[i] != 0)
            return true;
    return false;
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
    const float *x = vector_of_datum(values[0], v->index->element(), v->index->meta.options.dims, rel);
    if (belongs_in_index(*v->index, x))
        v->visit(v->arg, *tid, values[0], x);
    MemoryContextSwitchTo(old);
    MemoryContextReset(v->memory);
}

} // namespace

void visit_table_rows(Relation heap, Relation rel, const Index &index, Snapshot snapshot, RowVisitor visit,
                      void *arg)
{
    IndexInfo *info = BuildIndexInfo(rel);
    info->ii_Concurrent = true; // or the scan would bring its own snapshot
    info->ii_Unique = false;
    info->ii_ExclusionOps = nullptr;
    Visit v = {&index, visit, arg,
               AllocSetContextCreate(CurrentMemoryContext, "vector_quant table row", ALLOCSET_DEFAULT_SIZES)};
    TableScanDesc scan = table_beginscan_strat(heap, snapshot, 0, nullptr, true, true);
    table_index_build_scan(heap, rel, info, true, false, visit_row, &v, scan);
    MemoryContextDelete(v.memory);
}

} // namespace vq::ivf
