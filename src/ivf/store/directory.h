// Group records on directory pages: where the rows of each list are.
#pragma once

#include "ivf/store/index.h"

extern "C" {
#include "storage/buf.h"
}

namespace vq::ivf {

inline BlockNumber directory_block(const Index &index, uint32_t group)
{
    return index.meta.directory + group / index.groups_per_page;
}
inline uint32_t directory_offset(const Index &index, uint32_t group)
{
    return group % index.groups_per_page * group_record_bytes(index.meta.group_lists);
}

// A copy of a group's record with its entries: what one reader sees. palloc'd; group_lists entries.
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

// Number of lists of a group (the last one may be shorter).
inline uint32_t lists_of_group(const Index &index, uint32_t group)
{
    return Min(index.meta.group_lists, index.meta.nlist - group * index.meta.group_lists);
}

// Recomputes the checksum of a record that lies on a page (or anywhere) and was changed.
void seal_group_record(const Index &index, Group *group);

// The record on a directory page that the caller has locked.
inline Group *group_on_page(const Index &index, Page page, uint32_t group)
{
    return (Group *)((char *)page + kPayloadStart + directory_offset(index, group));
}

// Maintenance of a group (sealing, rewriting, deleting) is one at a time: a heavyweight page lock on its
// number. Readers and inserters don't take it.
void lock_group(Relation rel, uint32_t group);
bool try_lock_group(Relation rel, uint32_t group);
void unlock_group(Relation rel, uint32_t group);

} // namespace vq::ivf
