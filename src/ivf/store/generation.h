// Generations. All that training decides, and all rows, are made anew while the index is in use: a generation is image, centroids,
// directory and lists, and the meta page that names them. Block 0 has the meta page of the one in force, and the name of one that is
// under way, if there is.
//
//   named        from here on each row that is inserted goes to both
//   in force     block 0 becomes the new one's meta page: one record
//
// Inserters hold block 0's share lock while they add a row, so naming and taking over, which change block 0, come between two rows.
// Whoever has opened a generation uses it to its end: its pages, freed, keep their content until snapshots are gone
// (free_pages.h). One generation is made at a time, by whoever holds the maker's lock, under a lock of the table that keeps VACUUM and other
// makers away. A maker that is gone has left a name and pages behind: whoever gets his lock takes the name back, and VACUUM
// finds the pages lost.
#pragma once

#include "ivf/store/index.h"

namespace vq::ivf {

struct Generations
{
    uint32_t current;      // in force
    uint32_t next;         // under way; 0 = none
    BlockNumber next_meta; // its meta page
};
inline bool same_generations(const Generations &a, const Generations &b)
{
    return a.current == b.current && a.next == b.next && a.next_meta == b.next_meta;
}

// Block 0, share locked, and what it says: it stays true until the page is let go.
Buffer hold_generations(Relation rel, Generations *generations);
// The same for a moment.
Generations read_generations(Relation rel);

// The number of a generation to be begun. The caller holds the maker's lock.
uint32_t new_generation(Relation rel);
// Names a generation whose meta page and fixed parts are on their pages. Locks: the gate, then block 0. One record.
void name_generation(Relation rel, uint32_t generation, BlockNumber meta);
// Takes the name back, if that generation still is under way. Locks and record: the same. Not to be called inside the gate.
void forget_generation(Relation rel, uint32_t generation);
// The same of whichever is under way, for whoever has the table locked against makers: its own is gone.
void forget_orphan(Relation rel);
// Puts a generation in force; meta: its meta page. Sealing of the one before has come to its end, and cannot begin any more.
// Locks: the gate, then block 0. One record. Errors: OBJECT_NOT_IN_PREREQUISITE_STATE if it is not under way by its name any more, so that rows may
// have been added without it.
void take_over(Relation rel, MetaPage *meta);
// The same of one that was not named, since it has the lists of the one in force. Just before, at_switch(arg) is called, while nobody adds rows.
void take_over_lists(Relation rel, MetaPage *meta, void (*at_switch)(void *), void *arg);

// Notes how many rows an index had when training on them failed, so that it is tried again only when it has grown. Locks: the gate, then block 0. One
// record.
void note_untrainable(Relation rel, uint64_t rows);

// The maker's lock, for as long as a generation is made. Waits for inserters who find out whether there is a maker.
void lock_maker(Relation rel);
void unlock_maker(Relation rel);
// The same lock, never waited for, by an inserter who finds a name: if he gets it the maker is gone, and the name is taken back.
void forget_if_orphaned(Relation rel, uint32_t generation);

// The gate: whoever changes block 0 closes it first. Inserters pass it now and then, and wait there: without it there might always be one of them
// that holds block 0. Locks: for a moment.
void pass_gate(Relation rel);

// Whoever moves rows of the generation in force without a lock of the table (sealing), enters it. Never waits: false if another one
// takes over just now, or has.
bool enter_generation(Relation rel, const Index &index);
void leave_generation(Relation rel);

} // namespace vq::ivf
