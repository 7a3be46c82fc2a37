// Lists: where their centroids are placed, and the residuals of sampled rows.
#pragma once

#include "ivf/build/train.h"

namespace vq::ivf {

// Places the centroids of meta.nlist lists by k-means: t->centroids, meta.far_lists, meta.far_distance, and what they are about
// (origins.h). A phase of the build. Without rows there is
// one list, around the origin. Rows of the sample are as they were afterwards, up to rounding. Memory in the current context.
void place_lists(Training *t, const Sample &sample, const float *mean, BuildProgress *progress);

// `rows` rows of the sample, evenly spaced, and their nearest centroids. Memory in the current context.
TrainingSet choose_rows(const Training &t, const Sample &sample, size_t rows);

} // namespace vq::ivf
