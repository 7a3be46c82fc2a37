// How many origins an index needs (store/origins.h), where they are, and of which lists.
#pragma once

#include "ivf/build/train.h"

namespace vq::ivf {

// t->origins, t->list_origins and meta.further_origins, once the lists are placed. One origin, the mean, unless many lists are so much farther
// from it than their rows are from them that rounding would count. mean: dims floats. Memory: the current context.
void choose_origins(Training *t, const Sample &sample, const float *mean);

} // namespace vq::ivf
