// The units of the sample: numbers of a usual size about a usual place, so that squares fit float and differences keep their
// digits.
#pragma once

#include "ivf/build/sample.h"

namespace vq::ivf {

// Multiplies the rows by a power of two, sample->scale, if they are so long or short that it matters: no digit changes.
void scale_sample(Sample *sample);

// Undoes and does it again: for what has to know the rows as they are in the table.
void unscale_rows(const Sample &sample);
void rescale_rows(const Sample &sample);

// Brings all rows, outliers too, to unit length, as they are in the table before that. Rows that have none are dropped.
void normalize_sample(Sample *sample);

// Takes the mean (dims floats) from all rows.
void centre_sample(Sample *sample, const float *mean);

// The mean of the rows to be trained on, dims floats.
void mean_of_sample(const Sample &sample, float *mean);

} // namespace vq::ivf
