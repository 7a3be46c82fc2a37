// The elements of an SQL array, of whatever dimensions.
#pragma once

#include "pg/postgres_cpp.h"

extern "C" {
#include "utils/array.h"
#include "utils/lsyscache.h"
}

namespace vq::pg {

struct ArrayElements
{
    Oid type;
    Datum *values; // in the current context; those by reference point into the array
    bool *nulls;
    int count;
};

inline ArrayElements array_elements(ArrayType *array)
{
    ArrayElements e = {ARR_ELEMTYPE(array), nullptr, nullptr, 0};
    int16 length;
    bool by_value;
    char align;
    get_typlenbyvalalign(e.type, &length, &by_value, &align);
    deconstruct_array(array, e.type, length, by_value, align, &e.values, &e.nulls, &e.count);
    return e;
}

} // namespace vq::pg
