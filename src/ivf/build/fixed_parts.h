// What a generation has before any row: meta page, image, centroids and a directory of empty lists.
#pragma once

#include "ivf/build/train.h"
#include "ivf/store/part_writer.h"

namespace vq::ivf {

struct FixedParts // nothing of it is owned
{
    PartPages *pages;
    Training *training;
    Index *layout; // over training->image and training->meta; filled by write_fixed_parts
};

// Pages that the parts take.
BlockNumber count_fixed_pages(const Training &training, const AccessMethod *am);
BlockNumber count_fixed_pages(const Index &layout);

// Writes the parts and fills their block numbers in, in training->meta and layout.
void write_fixed_parts(const FixedParts *parts, const AccessMethod *am);

} // namespace vq::ivf
