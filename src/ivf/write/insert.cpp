#include "ivf/write/insert.h"

#include "ivf/row/filter_keys.h"
#include "ivf/row/vector_datum.h"
#include "ivf/store/generation.h"
#include "ivf/write/append.h"
#include "ivf/write/maintain.h"

extern "C" {
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

// A generation that rows go to.
struct Target
{
    MemoryContext memory; // null: none is open
    RowEncoder encoder;
    const Index *index;
    EncodedRow row; // the row at hand
};

// Kept from row to row of one statement, in a memory context of its own. Holds no lock and no pin between rows: up to
// PostgreSQL 16 nobody would release them.
struct InsertState
{
    MemoryContext memory;
    Generations generations; // that the targets are
    Target current;
    Target next; // none is open where none is under way
    KeyMaker keys;
    MemoryContext row_memory;
    uint32_t rows; // added by the statement
};

void close_target(Target *target)
{
    if (target->memory)
        MemoryContextDelete(target->memory);
    *target = {};
}

// index(): opens it in the current memory context.
template <class Open>
void open_target(InsertState *state, Relation rel, Target *target, Open index)
{
    close_target(target);
    MemoryContext memory =
        AllocSetContextCreate(state->memory, "vector_quant insert target", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    target->index = index(memory);
    encoder_open(&target->encoder, rel, target->index);
    target->memory = memory;
    MemoryContextSwitchTo(old);
}

// Opens what the row has to go to now. The generations may be others when that is done.
void open_targets(InsertState *state, Relation rel, const Generations &now)
{
    if (state->current.memory == nullptr || state->generations.current != now.current)
        open_target(state, rel, &state->current, [&](MemoryContext m) { return open_index(rel, m); });
    if (now.next == 0)
        close_target(&state->next);
    else {
        forget_if_orphaned(rel, now.next);
        open_target(state, rel, &state->next,
                    [&](MemoryContext m) { return open_next_index(rel, m, now.next, now.next_meta); });
    }
    state->generations = now;
    state->generations.current = state->current.index->meta.generation;
}

InsertState *insert_state(Relation rel, IndexInfo *info)
{
    if (info->ii_AmCache == nullptr) {
        MemoryContext memory =
            AllocSetContextCreate(info->ii_Context, "vector_quant insert", ALLOCSET_DEFAULT_SIZES);
        MemoryContext old = MemoryContextSwitchTo(memory);
        InsertState *state = (InsertState *)palloc0(sizeof(InsertState));
        state->memory = memory;
        state->row_memory = AllocSetContextCreate(memory, "vector_quant row", ALLOCSET_DEFAULT_SIZES);
        key_maker_open(&state->keys, rel);
        open_targets(state, rel, read_generations(rel));
        info->ii_AmCache = state;
        MemoryContextSwitchTo(old);
    }
    return (InsertState *)info->ii_AmCache;
}

// False if the row is not to be indexed.
bool encode_for(Target *target, Relation rel, const float *x, ItemPointer tid, const FilterKeys &keys)
{
    target->encoder.rel = rel;
    target->row = {};
    target->row.keys = keys;
    if (!encode_row(&target->encoder, x, &target->row))
        return false;
    target->row.tid = *tid;
    return true;
}

// False if no row was added, since the generations are no longer those that it was encoded for. First to the next one: who looks which
// rows that one lacks, reads the rows of the current one first (upkeep/old_rows.h).
bool append_to_all(InsertState *state, Relation rel, Relation heap, Appended *appended)
{
    Generations now;
    Buffer meta = hold_generations(rel, &now);
    const bool same = same_generations(now, state->generations);
    if (same) {
        if (state->next.memory)
            append_row(rel, heap, *state->next.index, state->next.row);
        *appended = append_row(rel, heap, *state->current.index, state->current.row);
    }
    UnlockReleaseBuffer(meta);
    return same;
}

void insert_row(InsertState *state, Relation rel, Relation heap, Datum value, ItemPointer tid,
                const FilterKeys &keys)
{
    constexpr uint32_t kPassGate = 16; // rows
    if (state->rows++ % kPassGate == 0)
        pass_gate(rel);
    const MetaPage &meta = state->current.index->meta; // type and dimensions are the same in all generations
    const float *x = vector_of_datum(value, (simd::Element)meta.element, meta.options.dims, rel);
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (!encode_for(&state->current, rel, x, tid, keys) ||
            (state->next.memory && !encode_for(&state->next, rel, x, tid, keys)))
            return;
        Appended appended;
        if (append_to_all(state, rel, heap, &appended)) {
            const Index &index = *state->current.index;
            keep_chain_short(rel, heap, index, state->current.row.list / index.meta.group_lists, appended);
            return;
        }
        open_targets(state, rel, read_generations(rel));
    }
}

} // namespace

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
    MemoryContext old = MemoryContextSwitchTo(state->row_memory);
    insert_row(state, rel, heap, values[0], tid, make_keys(&state->keys, values, isnull));
    MemoryContextSwitchTo(old);
    MemoryContextReset(state->row_memory);
    return false;
}

} // namespace vq::ivf
