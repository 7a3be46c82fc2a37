// What the files of functions that vector and halfvec share begin with. Each holds one concern: templates over the
// type V, then the SQL-callable functions of both types.
#pragma once

#include "types/halfvec.h"
#include "types/vector.h"

extern "C" {
#include "common/shortest_dec.h"
}

namespace vq {

// Argument n, detoasted.
template <class V>
V *vector_arg(FunctionCallInfo fcinfo, int n)
{
    return datum_get_vector<V>(PG_GETARG_DATUM(n));
}

// ERROR if value is finite and its nearest element is not. Infinity and NaN pass: check_element() has the words.
template <class V>
void check_range(float value)
{
    if (out_of_range<V>(value)) {
        char text[FLOAT_SHORTEST_DECIMAL_LEN];
        float_to_shortest_decimal_buf(value, text);
        ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                        errmsg("\"%s\" is out of range for type %s", text, V::Element::kType)));
    }
}

template <class V>
typename V::Stored to_element(float value)
{
    check_range<V>(value);
    return V::Element::nearest(value);
}

} // namespace vq

// Defines a function callable from SQL for each type, by what it does with vectors of that type:
//   VQ_DEFINE_BOTH(vq_vector_in, vq_halfvec_in, text_in)   returns text_in<Vector>(fcinfo), text_in<HalfVector>(fcinfo)
// Further template arguments may follow.
#define VQ_DEFINE_BOTH(vector_name, halfvec_name, function, ...)                                             \
    VQ_FUNCTION(vector_name)                                                                                 \
    {                                                                                                        \
        return function<Vector __VA_OPT__(, ) __VA_ARGS__>(fcinfo);                                          \
    }                                                                                                        \
    VQ_FUNCTION(halfvec_name)                                                                                \
    {                                                                                                        \
        return function<HalfVector __VA_OPT__(, ) __VA_ARGS__>(fcinfo);                                      \
    }
