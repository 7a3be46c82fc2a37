// From rows as they are in the table to a trained generation: brought to units, without outliers, then trained on.
#pragma once

#include "ivf/build/train.h"

namespace vq::ivf {

// A sample without rows, which gives the untrained index.
Sample no_sample(uint32_t dims);

// sample: as draw_sample leaves it. False if training on its rows gave parameters that cannot be used. Otherwise as train.
bool train_on_sample(Training *training, const AccessMethod *am, const IndexOptions *options,
                     const IndexedColumn &column, Sample *sample, BuildProgress *progress);

} // namespace vq::ivf
