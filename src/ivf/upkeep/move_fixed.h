// Fixed parts that lie behind all lists keep the file from becoming shorter. They move as a generation of their own, which has the lists of the
// one before.
#pragma once

#include "ivf/store/index.h"
#include "ivf/store/page_reserve.h"

namespace vq::ivf {

// Moves the fixed parts to known pages of the reserve, before `end`. False, and nothing has happened, if there are no neighbours enough among
// them. The caller holds a lock of the table that keeps VACUUM away. meta becomes that of the generation in force.
bool move_fixed_parts(Relation rel, const Index &index, PageReserve *reserve, BlockNumber end,
                      MetaPage *meta);

// Frees the fixed parts of a generation that is no longer in force.
void free_fixed_parts(Relation rel, const MetaPage &old);

} // namespace vq::ivf
