// What an operator class says: its support functions name the metric (1) and what values of its type hold (2),
// whichever extension type and operators come from.
#pragma once

#include "core/codec.h"
#include "ivf/store/format.h"
#include "pg/postgres_cpp.h"

extern "C" {
#include "access/skey.h"
#include "utils/rel.h"
}

namespace vq::ivf {

constexpr int kSupportProcs = 4;
// Of a vector's operator class:
constexpr int kMetricProc = 1;
constexpr int kElementProc = 2;
// Of a filter column's (filter_keys.h):
constexpr int kKeyProc = 3;
constexpr int kKeyKindProc = 4;

// Strategies of a filter column's operators. The vector's only operator orders; its strategy is 1.
constexpr int kStrategies = 7;
enum FilterStrategy : int // as btree's, then arrays'
{
    kLess = 1,
    kLessEqual = 2,
    kEqual = 3,
    kGreaterEqual = 4,
    kGreater = 5,
    kOverlaps = 6,
    kContains = 7
};

// What an index is about.
struct IndexedColumn
{
    Metric metric;
    simd::Element element; // FP32: the column is a vector; FP16: a halfvec
    uint32_t dims;         // 0: the column's type does not say
    uint32_t filters;      // columns behind it
};
// Errors: INVALID_OBJECT_DEFINITION if the operator class says nothing we know; FEATURE_NOT_SUPPORTED, TOO_MANY_COLUMNS if the columns
// are others than a vector and up to kMostFilterColumns filters.
IndexedColumn indexed_column(Relation index);

// The key of ORDER BY by the index's operator; its argument is null. Memory of what the operator's function keeps: the current
// context.
ScanKeyData order_by_key(Relation index);

} // namespace vq::ivf
