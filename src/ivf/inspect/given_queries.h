// Queries that the caller gives, as an array of the indexed type: whoever may read them has read them, and no text is executed.
#pragma once

#include "ivf/inspect/inspect.h"
#include "ivf/store/index.h"

namespace vq::ivf {

struct GivenQueries
{
    uint32_t count; // at least 1
    Datum *values;  // plain data of the indexed type
};

// Argument n of an SQL function. Memory: the current context. Errors: NULL_VALUE_NOT_ALLOWED; DATATYPE_MISMATCH;
// INVALID_PARAMETER_VALUE if there are none, or more than kMostTrialQueries; DATA_EXCEPTION for one of other dimensions, or a zero one
// under cosine.
GivenQueries given_queries(FunctionCallInfo fcinfo, int n, const Inspected &target, const Index &index);

// An error unless arguments [0, n) of a function that is not STRICT are given.
void check_arguments(FunctionCallInfo fcinfo, int n);

} // namespace vq::ivf
