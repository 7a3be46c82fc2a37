#include "ivf/store/directory.h"

#include "pg/checksum.h"

extern "C" {
#include "storage/lmgr.h"
}

namespace vq::ivf {

static uint32_t group_crc(const Index &index, const Group *group)
{
    return pg::checksum((const char *)group + sizeof(uint32_t), group_bytes(index) - sizeof(uint32_t));
}

void groups_open(GroupReader *r, Relation rel, const Index *index)
{
    *r = {rel, index, InvalidBuffer, InvalidBlockNumber};
}

void groups_close(GroupReader *r)
{
    if (r->buf != InvalidBuffer)
        UnlockReleaseBuffer(r->buf);
    r->buf = InvalidBuffer;
}

const Group *groups_read(GroupReader *r, uint32_t group_number)
{
    const BlockNumber block = directory_block(*r->index, group_number);
    if (r->buf == InvalidBuffer || block != r->block) {
        groups_close(r);
        r->buf = read_page(r->rel, block, PageKind::Directory, BUFFER_LOCK_SHARE);
        r->block = block;
    }
    const Group *group = group_on_page(*r->index, BufferGetPage(r->buf), group_number);
    if (group->record.crc != group_crc(*r->index, group) || group->record.group != group_number)
        report_corrupted(r->rel, block, "damaged directory");
    return group;
}

void read_group(Relation rel, const Index &index, uint32_t group_number, Group *group)
{
    GroupReader reader;
    groups_open(&reader, rel, &index);
    memcpy(group, groups_read(&reader, group_number), group_bytes(index));
    groups_close(&reader);
}

void init_group(const Index &index, uint32_t group_number, Group *group)
{
    memset(group, 0, group_bytes(index));
    GroupRecord &record = group->record;
    record.group = group_number;
    record.open_head = record.open_tail = InvalidBlockNumber;
    record.tile_head = record.fine_head = record.sublist_head = InvalidBlockNumber;
    std::fill_n(group->entries, index.meta.group_lists, kEmptyList);
    update_group_crc(index, group);
}

void update_group_crc(const Index &index, Group *group)
{
    group->record.crc = group_crc(index, group);
}

Buffer lock_directory(Relation rel, const Index &index, uint32_t group)
{
    return read_page(rel, directory_block(index, group), PageKind::Directory, BUFFER_LOCK_EXCLUSIVE);
}

void write_group(Relation rel, const Index &index, Group *group)
{
    const uint32_t number = group->record.group;
    update_group_crc(index, group);
    Buffer buf = lock_directory(rel, index, number);
    memcpy(group_on_page(index, BufferGetPage(buf), number), group, group_bytes(index));
    MarkBufferDirty(buf);
    UnlockReleaseBuffer(buf);
}

void lock_group(Relation rel, uint32_t group)
{
    LockPage(rel, group, ExclusiveLock);
}
bool try_lock_group(Relation rel, uint32_t group)
{
    return ConditionalLockPage(rel, group, ExclusiveLock);
}
void unlock_group(Relation rel, uint32_t group)
{
    UnlockPage(rel, group, ExclusiveLock);
}

} // namespace vq::ivf
