#include "ivf/write/append.h"
#include "ivf/write/insert.h"
#include "ivf/write/maintain.h"
#include "ivf/row/filter_keys.h"
#include "ivf/row/vector_datum.h"

extern "C" {
#include "nodes/execnodes.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

// Kept from row to row of one statement, in a memory context of its own. Holds no lock and no pin: up to
// PostgreSQL 16 nobody would release them.
struct InsertState
{
    MemoryContext memory;
    RowEncoder encoder;
    KeyMaker keys;
    MemoryContext row_memory;
};

static InsertState *insert_state(Relation rel, IndexInfo *info)
{
    if (info->ii_AmCache == nullptr) {
        MemoryContext memory =
            AllocSetContextCreate(info->ii_Context, "vector_quant insert", ALLOCSET_DEFAULT_SIZES);
        MemoryContext old = MemoryContextSwitchTo(memory);
        InsertState *state = (InsertState *)palloc0(sizeof(InsertState));
        state->memory = memory;
        encoder_open(&state->encoder, rel, open_index(rel, memory));
        key_maker_open(&state->keys, rel);
        state->row_memory = AllocSetContextCreate(memory, "vector_quant row", ALLOCSET_DEFAULT_SIZES);
        info->ii_AmCache = state;
        MemoryContextSwitchTo(old);
    }
    return (InsertState *)info->ii_AmCache;
}

// From 17 on the statement's end gives back the state, and with it the copy of the index, if that is stale; before, that
// waits for ii_Context.
void insert_cleanup(Relation, IndexInfo *info)
{
    if (info->ii_AmCache == nullptr)
        return;
    MemoryContextDelete(((InsertState *)info->ii_AmCache)->memory);
    info->ii_AmCache = nullptr;
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
    row.keys = make_keys(&state->keys, values, isnull);
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
