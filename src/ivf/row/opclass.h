// What an operator class says: its support functions name the metric (1) and what values of its type hold (2),
// whichever extension type and operators come from.
#pragma once

#include "core/codec.h"
#include "pg/postgres_cpp.h"

extern "C" {
#include "access/skey.h"
#include "utils/rel.h"
}

namespace vq::ivf {

constexpr int kSupportProcs = 2;
constexpr int kMetricProc = 1;
constexpr int kElementProc = 2;

// What an index is about.
struct IndexedColumn
{
    Metric metric;
    simd::Element element; // FP32: the column is a vector; FP16: a halfvec
    uint32_t dims;         // 0: the column's type does not say
};
// Errors: INVALID_OBJECT_DEFINITION if the operator class says nothing we know.
IndexedColumn indexed_column(Relation index);

// The key of ORDER BY by the index's operator; its argument is null. Memory of what the operator's function keeps: the current
// context.
ScanKeyData order_by_key(Relation index);

} // namespace vq::ivf
