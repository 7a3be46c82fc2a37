// The refine image (store/refine.h), of the rows as they are in the table: ranges of its codes, and what these are relative to.
#pragma once

#include "ivf/build/sample.h"
#include "ivf/store/refine.h"

namespace vq::ivf {

struct RefineTraining
{
    float *image;   // null where there are no refine codes
    uint8_t places; // MetaPage::refine_places
};

// Before rows are brought to unit length. Memory: the current context.
RefineTraining train_refine(const IndexOptions *options, const Sample &sample);

} // namespace vq::ivf
