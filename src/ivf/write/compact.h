// Moving groups that lie at the end of an index to free pages before them, where that makes its file shorter.
#pragma once

#include "ivf/store/page_reserve.h"
#include "ivf/write/maintain.h"
#include "ivf/write/survey.h"

namespace vq::ivf {

// Whether so many pages are free that groups are moved for a shorter file: more than a quarter.
bool much_is_free(const Survey &survey);

// Where much is free: rewrites the groups that end last, so that the file can be truncated behind the
// others, if that is little work for what is won. At most two pages are written for each that the file loses, unless they are a trifle, and at
// most 16 MB, or an eighth of a large file (half of it where nearly half is free): it then takes several VACUUMs. reserve: with nothing set aside and the survey's free pages
// preferred; it takes no others afterwards. Returns how many groups were moved. Locks: one group at a time.
uint32_t move_last_groups(Survey *survey, PageReserve *reserve);

// Rewrites a group, of which the survey then knows where it lies.
bool rewrite_surveyed(Survey *survey, uint32_t group, PageReserve *reserve, NoRoom *none);

} // namespace vq::ivf
