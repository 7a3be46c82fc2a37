// What a build writes before any row: meta page, image, centroids and a directory of empty lists.
#pragma once

#include "ivf/build/train.h"

extern "C" {
#include "common/relpath.h"
}

namespace vq::ivf {

struct FixedParts // nothing of it is owned
{
    Relation index;
    ForkNumber fork;
    Training *training;
    Index *layout; // over training->image and training->meta; filled by write_fixed_parts
};

// Appends the parts and fills their block numbers in, in training->meta and layout.
void write_fixed_parts(const FixedParts *parts, const AccessMethod *am);

} // namespace vq::ivf
