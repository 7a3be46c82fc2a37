// How well an index still fits its rows, and whether that is a cause to train it anew.
#pragma once

#include "ivf/store/directory.h"

namespace vq::ivf {

// Append, never renumber: MetaPage::cause.
enum class Cause : uint8_t
{
    None = 0,
    Untrained = 1, // it was built without rows, and has some now
    Grown = 2,
    Crowded = 3,
    Drifted = 4
};

// Fewer rows than these are read as fast as they are, however they lie.
constexpr double kFewRows = 1000;
// Rows over those at build. Lists are wanted in proportion to the rows up to kSomeRows, beyond to their root, so up to kManyRows there are at
// least four fifths of them. That costs what it takes to encode each row five times as an index grows, and three times beyond: seconds to minutes
// of one processor. A larger index has half of its lists when it is trained anew.
constexpr double kOutgrown = 1.25;
constexpr double kSomeRows = 4e5, kSomeOutgrown = 1.5;
constexpr double kManyRows = 2e6, kManyOutgrown = 4;
// Rows that a query reads, over those at build, as the lists' sizes have it: the same whether there are more rows or fewer.
constexpr double kCrowded = 1.5;
constexpr double kDrifted = 1.1; // a fifth of the rows half as far again: bounds are a tenth wider

struct Condition
{
    double rows;     // live
    double growth;   // rows over those at build; 0 = not known
    double crowding; // imbalance of the lists over that at build; 0 = not known
    double
        drift; // rows' mean distance from their centroids over that at build; 0 = not known, or not measured
};

// What the lists' sizes say. rows_squared: as imbalance_of.
Condition condition_of(const MetaPage &meta, double rows, double rows_squared);
// The first cause there is.
Cause cause_of(const MetaPage &meta, const Condition &condition);
// What the cause is, as part of a sentence about the index; in the current memory context.
const char *describe_cause(Cause cause, const Condition &condition);
// The cause in a word, for tables; null for none.
const char *name_of_cause(Cause cause);

// Rows of a group, by list.
struct GroupRows
{
    uint64_t sealed; // in tiles, dead ones included
    uint64_t dead;   // of them
    uint64_t open;   // live ones on open pages
    uint64_t open_dead;
    uint32_t open_pages;
    uint64_t most; // live ones of one list
    double squared;
    uint64_t live() const { return sealed - dead + open; }
};
// Counts them, following the open chain: page(arg, block) is told of its pages, if it is not null. vacuum: reads with VACUUM's delay.
// rows_of_list: scratch for the group's lists. group: its record.
GroupRows count_group(Relation rel, const Index &index, const Group *group, bool vacuum,
                      uint64_t *rows_of_list, void (*page)(void *, BlockNumber), void *arg);

// The condition of an index, all of it: reads every group's record and open pages, and rows of the table for the drift. The caller holds a
// snapshot.
Condition look_at_condition(Relation heap, Relation rel, const Index &index);

// Mean distance of the table's rows from the centroids nearest to them, over what it was at build: 1 = as then. 0 if there
// is nothing to compare. Looks at some rows of the table.
double drift_since_build(Relation heap, Relation rel, const Index &index);

} // namespace vq::ivf
