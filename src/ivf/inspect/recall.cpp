// vector_quant_recall: how many of the true nearest rows the index finds, with the settings of now.
#include "ivf/inspect/trial.h"

VQ_FUNCTION(vq_recall)
{
    using namespace vq::ivf;
    const TupleDesc desc = result_row_type(fcinfo);
    const Inspected target = inspect_open(PG_GETARG_OID(0), AccessShareLock);
    Trials trials;
    prepare_trials(&trials, target, PG_GETARG_INT32(1), PG_GETARG_INT32(2));
    const bool none = trials.count == 0;
    const Measured m = none ? Measured{} : measure(trials);
    close_trials(&trials);

    Datum values[] = {
        Float8GetDatum(m.recall.mean),      Float8GetDatum(m.recall.low), Float8GetDatum(m.recall.high),
        Int32GetDatum((int32)trials.count), Float8GetDatum(m.lists),      Float8GetDatum(m.codes),
        Float8GetDatum(m.reranked),         Float8GetDatum(m.ms),         Float8GetDatum(trials.distinct)};
    bool nulls[lengthof(values)] = {none, none, none, false, none, none, none, none, none};
    return inspect_return(target, desc, values, nulls);
}
