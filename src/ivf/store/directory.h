// Group records on directory pages: where the rows of each list are.
#pragma once

#include "ivf/store/index.h"
#include "ivf/store/page.h"

namespace vq::ivf {

inline BlockNumber directory_block(const Index &index, uint32_t group)
{
    return index.meta.directory + group / index.groups_per_page;
}
inline uint32_t directory_offset(const Index &index, uint32_t group)
{
    return group % index.groups_per_page * group_record_bytes(index.meta.group_lists);
}

// A group's record with its entries, group_bytes long: on its page, or the copy that one reader works with.
struct Group
{
    GroupRecord record;
    ListEntry entries[FLEXIBLE_ARRAY_MEMBER];
};
constexpr size_t group_bytes(const Index &index)
{
    return group_record_bytes(index.meta.group_lists);
}

// Reads a group's record under a share lock into `group` (group_bytes). Errors: INDEX_CORRUPTED if its
// checksum or number is wrong.
void read_group(Relation rel, const Index &index, uint32_t group_number, Group *group);

// Reads one record after the other; cheapest in the order of their numbers, where neighbours share a page.
struct GroupReader
{
    Relation rel;
    const Index *index;
    Buffer buf; // share locked, or InvalidBuffer
    BlockNumber block;
};
void groups_open(GroupReader *reader, Relation rel, const Index *index);
// The record on its page, valid until the next call. Errors: as read_group.
const Group *groups_read(GroupReader *reader, uint32_t group_number);
void groups_close(GroupReader *reader); // lets go of the page at hand

// Number of lists of a group (the last one may be shorter).
inline uint32_t lists_of_group(const Index &index, uint32_t group)
{
    return Min(index.meta.group_lists, index.meta.nlist - group * index.meta.group_lists);
}

// How unlike the lists are: how many rows the list of a random row has, over the average. rows_squared: summed over the lists. 1 = all
// alike; 1 without rows.
inline double imbalance_of(uint32_t lists, double rows_squared, double rows)
{
    return rows > 0 ? lists * rows_squared / (rows * rows) : 1;
}

// A record of lists without rows.
void init_group(const Index &index, uint32_t group_number, Group *group);

// Recomputes the checksum of a record that was changed.
void update_group_crc(const Index &index, Group *group);

// The page of a group's record, exclusively locked.
Buffer lock_directory(Relation rel, const Index &index, uint32_t group);

// The record on a page that the caller has locked.
inline Group *group_on_page(const Index &index, Page page, uint32_t group)
{
    return (Group *)(page_payload(page) + directory_offset(index, group));
}

// Registers the page, which lock_directory gave, with a WAL record under way; change(Group *) changes the record on it.
template <class Change>
void update_group(GenericXLogState *state, const Index &index, Buffer buf, uint32_t group, Change change)
{
    Group *on_page = group_on_page(index, GenericXLogRegisterBuffer(state, buf, 0), group);
    change(on_page);
    update_group_crc(index, on_page);
}

// Index build: writes a record over the one on its page, with its checksum; not logged.
void write_group(Relation rel, const Index &index, Group *group);

// Maintenance of a group (sealing, rewriting, deleting) is one at a time: a heavyweight page lock on its
// number. Readers and inserters don't take it.
void lock_group(Relation rel, uint32_t group);
bool try_lock_group(Relation rel, uint32_t group);
void unlock_group(Relation rel, uint32_t group);

} // namespace vq::ivf
