// vector_quant_recall: how many of the true nearest rows the index finds, with the settings of now.
#include "ivf/inspect/rounding.h"
#include "ivf/inspect/trial.h"

namespace vq::ivf {

// Runs the trials, closes all and makes the function's row.
static Datum recall_row(Trials *trials, TupleDesc desc)
{
    const Inspected target = trials->target;
    const bool none = trials->count == 0;
    const Measured m = none ? Measured{} : measure(*trials);
    close_trials(trials);
    Datum values[] = {
        Float8GetDatum(rounded_share(m.recall.mean)),  Float8GetDatum(rounded_share(m.recall.low)),
        Float8GetDatum(rounded_share(m.recall.high)),  Int32GetDatum((int32)trials->count),
        Float8GetDatum(rounded_mean(m.lists)),         Float8GetDatum(rounded_mean(m.codes)),
        Float8GetDatum(rounded_mean(m.reranked)),      Float8GetDatum(rounded_time(m.ms)),
        Float8GetDatum(rounded_mean(trials->distinct))};
    bool nulls[lengthof(values)] = {none, none, none, false, none, none, none, none, none};
    return inspect_return(target, desc, values, nulls);
}

} // namespace vq::ivf

VQ_FUNCTION(vq_recall)
{
    using namespace vq::ivf;
    const TupleDesc desc = result_row_type(fcinfo);
    const Inspected target = inspect_open(PG_GETARG_OID(0), AccessShareLock);
    Trials trials;
    prepare_trials(&trials, target, PG_GETARG_INT32(1), PG_GETARG_INT32(2));
    return recall_row(&trials, desc);
}

VQ_FUNCTION(vq_recall_of_queries)
{
    using namespace vq::ivf;
    const TupleDesc desc = result_row_type(fcinfo);
    check_arguments(fcinfo, 3);
    const Inspected target = inspect_open(PG_GETARG_OID(0), AccessShareLock);
    const GivenQueries queries =
        given_queries(fcinfo, 1, target, *open_index(target.rel, CurrentMemoryContext));
    Trials trials;
    prepare_given_trials(&trials, target, PG_GETARG_INT32(2), queries);
    return recall_row(&trials, desc);
}
