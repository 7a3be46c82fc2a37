// vector_quant_recall: how many of the true nearest rows the index finds, with the settings of now.
#include "ivf/inspect/trial.h"

extern "C" {
#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/memutils.h"
}

VQ_FUNCTION(vq_recall)
{
    using namespace vq::ivf;
    const TupleDesc desc = result_row_type(fcinfo);
    const Inspected target = inspect_open(PG_GETARG_OID(0), AccessShareLock);
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant recall", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    Trials trials;
    prepare_trials(&trials, target, PG_GETARG_INT32(1), PG_GETARG_INT32(2));
    const bool none = trials.count == 0;
    const Measured m = none ? Measured{} : measure(trials);
    close_trials(&trials);
    MemoryContextSwitchTo(old);

    Datum values[] = {Float8GetDatum(m.recall.mean), Float8GetDatum(m.recall.low),
                      Float8GetDatum(m.recall.high), Int32GetDatum((int32)trials.count),
                      Float8GetDatum(m.lists),       Float8GetDatum(m.codes),
                      Float8GetDatum(m.reranked),    Float8GetDatum(m.ms)};
    bool nulls[lengthof(values)] = {none, none, none, false, none, none, none, none};
    const Datum result = HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
    MemoryContextDelete(memory);
    inspect_close(target);
    PG_RETURN_DATUM(result);
}
