// What an operator class says: its support functions name the metric (1) and what values of its type hold (2),
// whichever extension type and operators come from.
#pragma once

#include "core/codec.h"
#include "pg/postgres_cpp.h"

extern "C" {
#include "utils/rel.h"
}

namespace vq::ivf {

constexpr int kSupportProcs = 2;
constexpr int kMetricProc = 1;
constexpr int kElementProc = 2;

Metric opclass_metric(Relation index);

// FP32: the column is a vector; FP16: a halfvec.
simd::Element opclass_element(Relation index);

} // namespace vq::ivf
