// An index that is not there yet: what a build of so many rows would make, by the same rules, and how large it would be.
#pragma once

#include "ivf/build/train.h"

namespace vq::ivf {

struct PlannedIndex
{
    Index layout; // sizes alone (init_layout)
    double rows;
    uint32_t lists_wanted; // more than layout.meta.nlist where maintenance_work_mem has no room for them
    size_t sample;         // rows that the build has use for in its sample
};

// column.dims > 0; filters: the columns behind the vector.
PlannedIndex plan_index(const AccessMethod *am, const IndexOptions *options, const IndexedColumn &column,
                        double rows);

// Pages of it once it is built. key_bytes: what the keys of a row's filter columns take, all together.
double planned_pages(const PlannedIndex &planned, uint32_t key_bytes);

} // namespace vq::ivf
