// Filter keys: what an index stores of its columns behind the vector. Eight bytes a row and column, so that a tile of 32 rows is tested
// with a few instructions, whatever the column's type. Support function 3 of a filter's operator class makes the key of a value
// (types/filter_keys.cpp), 4 says what can be read from keys.
#pragma once

#include "ivf/store/index.h"
#include "ivf/store/stored_row.h"

extern "C" {
#include "access/itup.h"
#include "fmgr.h"
}

namespace vq::ivf {

// An array has this bit, so that an empty one is not NULL, and one of the others for each element.
constexpr uint64_t kArrayKey = (uint64_t)1 << 63;
constexpr int kSignatureBits = 63;

// Append, never renumber: support functions say these numbers.
enum class KeyKind : int
{
    Exact = 1,    // keys are in the order of values, and different values have different keys
    Ordered = 2,  // a greater value has no lesser key, but different values may share one
    Hashed = 3,   // equal values have equal keys; their order says nothing
    Signature = 4 // of an array: a bit for each element, which others may share
};

inline bool decides(KeyKind kind)
{
    return kind == KeyKind::Exact;
}

// Makes the keys of rows. Memory: of the context current at key_maker_open.
struct KeyMaker
{
    Relation rel;
    uint32_t columns;
    FmgrInfo functions[kMostFilterColumns];
    Oid collations[kMostFilterColumns];
};

void key_maker_open(KeyMaker *maker, Relation rel);

// values, nulls: of all columns of the index, as its access method gets them. Leaves copies in the current context where values are
// compressed or out of line.
FilterKeys make_keys(KeyMaker *maker, const Datum *values, const bool *nulls);

// What can be read from the keys of a column, 0: the first one behind the vector.
KeyKind key_kind(Relation rel, uint32_t column);

// The key of a value that is compared with a column; type: of the value, InvalidOid: the column's own. Errors: those of the types.
uint64_t key_of_value(Relation rel, uint32_t column, Oid type, Datum value);

} // namespace vq::ivf
