// What a build tells the user who gave it too few rows. One message at most for an index.
#pragma once

#include "ivf/build/train.h"

namespace vq::ivf {

// A NOTICE where an index is built on too few rows to be good, with what to do about it; a WARNING where more was asked for
// than the rows can have.
void report_shortage(const Training &training, const CodecOps *codec, const IndexOptions *options,
                     const Sample &sample, Relation index);

// Training gave parameters that cannot be used: the index is built as one without rows.
void report_failed_training(Relation index);

} // namespace vq::ivf
