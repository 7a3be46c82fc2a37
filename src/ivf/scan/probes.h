// How many lists a query visits and how wide its error bound is, from settings, index options and what the build measured.
#pragma once

#include "ivf/store/index.h"

namespace vq::ivf {

// Recall that a search looks for where nothing is set: its lists are within the reach of this target. Above the 0.95 that is
// promised, because real queries often come from another distribution than the rows (titles against abstracts).
constexpr float kDefaultTarget = 0.985f;

// The recall that a search looks for: that of a setting or an option, where one is set.
inline double target_of(const ScanSettings &settings)
{
    return settings.target_recall > 0 ? settings.target_recall : (double)kDefaultTarget;
}

// Lists that a search for so many rows visits on average, under a target.
uint32_t usual_lists(const Index &index, double target, double depth = 10);

// Lists that hold the ten nearest rows of sampled rows but for half a hundredth: a first guess of a good nprobe.
uint32_t calibrated_nprobe(const MetaPage &meta);

// Lists to visit where whole ones would be `lists`: more where sub-lists let a query read them in part.
uint32_t wider_by_sublists(const MetaPage &meta, uint32_t lists);

// Width of a scan's error bound, in measured standard errors: the setting, or what the target asks for.
double epsilon_of(const Index &index, const ScanSettings &settings);

// The share of the visited lists' rows that is read, by sub-lists; 1 where there are none.
double read_share(const MetaPage &meta, const ScanSettings &settings);

} // namespace vq::ivf
