#include "ivf/store/directory.h"

#include "pg/checksum.h"
#include "ivf/store/page.h"

extern "C" {
#include "storage/lmgr.h"
}

namespace vq::ivf {

static uint32_t group_crc(const Index &index, const Group *group)
{
    return pg::checksum((const char *)group + sizeof(uint32_t), group_bytes(index) - sizeof(uint32_t));
}

void read_group(Relation rel, const Index &index, uint32_t group_number, Group *group)
{
    BlockNumber block = directory_block(index, group_number);
    Buffer buf = read_page(rel, block, PageKind::Directory, BUFFER_LOCK_SHARE);
    memcpy(group, group_on_page(index, BufferGetPage(buf), group_number), group_bytes(index));
    UnlockReleaseBuffer(buf);
    if (group->record.crc != group_crc(index, group) || group->record.group != group_number)
        report_corrupted(rel, block, "damaged directory");
}

void seal_group_record(const Index &index, Group *group)
{
    group->record.crc = group_crc(index, group);
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
