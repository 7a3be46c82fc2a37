// Rows that training must not look at: a few of them would decide means, axes, ranges and scales for all others.
#pragma once

#include "ivf/build/sample.h"

namespace vq::ivf {

// Times the median distance: what lies farther is an outlier. Measured for a recall of .95 and 20,000 rows whose lengths spread like
// exp(g), g standard normal: 4 to 64 are alike, 2 loses .02. A hundred of them, or five of length 10^6 among unit vectors, are
// told apart by any of these.
constexpr double kOutlier = 16;
constexpr double kMostOutliers = 0.01; // of the rows: if there are more of them, that is what rows are like

// What that share of n >= 1 values does not exceed; moves them.
float quantile(float *values, size_t n, double share);

// The distance beyond which rows are outliers: at most a hundredth of them. 0 if none are. distances: of n >= 1 rows, from where
// they should be near; moves them.
double outlier_distance(float *distances, size_t n);

// Takes out of the sample rows whose squares do not fit float (counted in sample->too_long), and moves outliers behind all other
// rows: those too far from the middle. They are indexed like all rows, but in lists of their own (MetaPage::far_lists).
void set_outliers_aside(Sample *sample);

} // namespace vq::ivf
