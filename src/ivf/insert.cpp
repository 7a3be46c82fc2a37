#include "ivf/append.h"
#include "ivf/callbacks.h"
#include "ivf/maintain.h"
#include "ivf/vector_datum.h"

extern "C" {
#include "nodes/execnodes.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

// Kept from row to row of one statement. Holds no lock and no pin: up to PostgreSQL 16 nobody would release
// them.
struct InsertState
{
    RowEncoder encoder;
    MemoryContext row_memory;
};

static InsertState *insert_state(Relation rel, IndexInfo *info)
{
    if (info->ii_AmCache == nullptr) {
        MemoryContext old = MemoryContextSwitchTo(info->ii_Context);
        InsertState *state = (InsertState *)palloc0(sizeof(InsertState));
        encoder_open(&state->encoder, rel, open_index(rel, info->ii_Context));
        state->row_memory =
            AllocSetContextCreate(CurrentMemoryContext, "vector_quant insert", ALLOCSET_DEFAULT_SIZES);
        info->ii_AmCache = state;
        MemoryContextSwitchTo(old);
    }
    return (InsertState *)info->ii_AmCache;
}

bool insert(Relation rel, Datum *values, bool *isnull, ItemPointer tid, Relation heap, IndexUniqueCheck, bool,
            IndexInfo *info)
{
    if (isnull[0])
        return false;
    InsertState *state = insert_state(rel, info);
    state->encoder.rel = rel;
    const Index &index = *state->encoder.index;
    MemoryContext old = MemoryContextSwitchTo(state->row_memory);
    EncodedRow row;
    if (encode_row(&state->encoder, vector_of_datum(values[0], index.element(), index.meta.options.dims, rel),
                   &row)) {
        row.tid = *tid;
        uint32_t length = append_row(rel, heap, index, row);
        if (length > seal_limit(index))
            try_seal(rel, heap, index, row.list / index.meta.group_lists);
    }
    MemoryContextSwitchTo(old);
    MemoryContextReset(state->row_memory);
    return false;
}

} // namespace vq::ivf
