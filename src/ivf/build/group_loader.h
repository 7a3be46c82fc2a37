// Loading sorted rows into the lists of a generation that has none yet: group by group, as a run.
#pragma once

#include "ivf/row/rows.h"
#include "ivf/store/directory.h"
#include "ivf/store/fine_writer.h"
#include "ivf/store/run_writer.h"

namespace vq::ivf {

struct GroupLoader
{
    const Index *index;
    PageSource source;
    const uint32_t *rows_of_list; // that will come; null in a build, which needs no room set aside
    RunWriter run;
    SublistWriter sublists;
    FineWriter fine;
    Group *group;
    int64 group_number; // -1: none open
    MemoryContext memory;
    double rows_squared; // sum over lists
    const char *why;     // there is no room
};

// source: of a build, or of pages that a reserve sets aside: then inserters may add rows meanwhile, which stay where they are, and each
// group becomes visible at once. Memory: one group, in a context of its own in the current one.
void loader_begin(GroupLoader *loader, const Index *index, const PageSource &source,
                  const uint32_t *rows_of_list);
// Rows must come list by list. False, and loader->why says so, if there is no room for the row's group: nothing more can be loaded.
bool loader_add(GroupLoader *loader, const EncodedRow &row);
void loader_end(GroupLoader *loader);

} // namespace vq::ivf
