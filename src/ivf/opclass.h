// What an operator class says: its support function 1 names the metric, whichever extension its type and
// operators come from.
#pragma once

#include "core/codec.h"
#include "pg/postgres_cpp.h"

extern "C" {
#include "utils/rel.h"
}

namespace vq::ivf {

constexpr int kSupportProcs = 1;
constexpr int kMetricProc = 1;

Metric opclass_metric(Relation index);

} // namespace vq::ivf
