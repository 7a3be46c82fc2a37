// Training an index anew while it is in use: a generation (store/generation.h) made of the rows that the index has.
#pragma once

#include "ivf/store/page_reserve.h"
#include "ivf/upkeep/condition.h"

namespace vq::ivf {

struct Retrained
{
    bool done;
    const char *why_not; // else, as a sentence; in the current memory context
    uint32_t lists;      // of the new generation
    double rows;         // that were there before it was named
    double seconds;
};

// Whether indexes of that table can be trained anew: if it is one of PostgreSQL's heap tables.
bool can_retrain(Relation heap);

// Makes a generation of the index and puts it in force. The old one's pages are left as they are: free_generation. The caller holds
// ShareUpdateExclusiveLock on the table, or a stronger one, and an active snapshot. strategy: for reading the table, or null. reserve: where
// new pages come from. Where training fails the index notes it, so that it is not tried again before there are more rows. Works within maintenance_work_mem, honours interrupts and VACUUM's delay. An error leaves a name, which the next
// inserter or VACUUM takes back, and pages that VACUUM finds lost. One message at LOG when it is done.
Retrained retrain(Relation heap, Relation rel, const Index &current, Cause cause, const Condition &condition,
                  PageReserve *reserve, BufferAccessStrategy strategy);

// Frees the pages of a generation that is no longer in force: its lists, then its fixed parts. Honours interrupts, which leave pages behind
// that nothing refers to.
void free_generation(Relation rel, const Index &old);

} // namespace vq::ivf
