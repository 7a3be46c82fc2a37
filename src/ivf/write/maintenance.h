// What sealing and rewriting of a group have in common: the rows they take over, and the record that makes their work visible.
#pragma once

#include "ivf/store/open_rows.h"
#include "ivf/store/open_writer.h"

namespace vq::ivf {

struct OpenRowRef // a live open row, in memory
{
    uint32_t list; // within the group
    const OpenRow *row;
};

// The part of a group's open chain that maintenance takes over: its pages up to one that was closed, and
// their live rows.
struct TakenRows
{
    BlockNumber *blocks;
    uint32_t block_count, block_capacity;
    OpenRowRef *rows; // by list; they lie in copies of the pages
    uint32_t row_count, row_capacity;
    BlockNumber closed; // last of the blocks; rows arriving meanwhile go behind it
};

struct Maintenance
{
    Relation rel;
    Relation heap;
    const Index *index;
    uint32_t group;
    PageSource source;
    TakenRows taken;
};

// reserve: where new pages come from.
Maintenance maintenance(Relation rel, Relation heap, const Index &index, uint32_t group,
                        PageReserve *reserve);

// The group's record as it is now.
GroupRecord group_record(const Maintenance &m);

// Closes the chain's tail and reads all rows up to it, sorted by list (stable, so by age within a list).
TakenRows take_open_rows(const Maintenance &m, const GroupRecord &record);
// Opens the tail again, after all: for maintenance that ends before the switch.
void leave_open_rows(const Maintenance &m);

// What the group's record becomes.
struct Switch
{
    const ListEntry *entries;
    BlockNumber tile_head;
    uint32_t tile_pages;
    BlockNumber sublist_head;
    uint32_t sublist_pages;
    OpenWriter *open;     // rows that stay open; its last page is still to be linked
    bool moves_fine;      // rewriting with fine records; else what follows means nothing
    BlockNumber old_fine; // first page of those that were rewritten; new records came in front of it
    BlockNumber new_fine; // first page of where they lie now
    uint32_t old_fine_pages, new_fine_pages;
};

// One record makes the new state visible: entries, chains and (rewriting) the link to the rewritten fine pages from those that
// were added meanwhile.
void switch_group(const Maintenance &m, const Switch &s);

// Frees the pages of the rows that were taken, after the switch.
void free_taken(const Maintenance &m);

} // namespace vq::ivf
