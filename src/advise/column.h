// What is known of a column that is to be indexed.
#pragma once

#include "core/codec.h"
#include "pg/postgres_cpp.h"

extern "C" {
#include "access/attnum.h"
#include "utils/rel.h"
}

namespace vq::advise {

struct Sampled
{
    uint64_t rows;             // read, and of these
    uint64_t nulls;            // without a vector
    uint32_t vectors;          // looked at
    uint32_t zero;             // of them, as those that
    uint32_t out_of_line;      // lie in the TOAST table
    double shortest, longest;  // of the lengths of those that are not zero
    bool whole;                // all numbers are whole ones from 0 to 255
    uint32_t dims, other_dims; // of the first one; of one that has others, 0 = none has
};

struct Column
{
    Oid table;
    AttrNumber number;
    const char *table_name, *name; // as SQL wants them
    simd::Element element;
    uint32_t dims;    // 0: neither the type nor a row says
    bool dims_typed;  // the type says
    bool out_of_line; // its values are moved to the TOAST table
    bool partitioned;
    Sampled sample;
    double rows;         // expected in an index: not NULL
    double bytes;        // of the table, with TOAST
    double parts;        // partitions, or 1
    const char *index;   // one of this column that is there, by any access method; null: none is
    Metric index_metric; // of it
    bool index_ours;
};

constexpr const char *kMetricNames[] = {"", "l2", "ip", "cosine"}; // in operator classes, by Metric
constexpr const char *kOperators[] = {"", "<->", "<#>", "<=>"};

// Reads a sample of the table, which the caller has locked. Errors: UNDEFINED_COLUMN; DATATYPE_MISMATCH if the column is no vector;
// WRONG_OBJECT_TYPE for what is no table; INSUFFICIENT_PRIVILEGE.
Column look_at_column(Relation table, const char *name);

// Whether an operator class of ours, the default one of a type, is for a vector.
bool is_vector_type(Oid type, simd::Element *element);
// The oid of an access method of ours. All have the same operator classes.
Oid some_access_method();

} // namespace vq::advise
