#include "pg/reuse.h"

extern "C" {
#include "access/nbtxlog.h"
#include "access/rmgr.h"
#include "access/xloginsert.h"
#include "utils/snapmgr.h"
}

namespace vq::pg {

bool snapshots_passed(Relation heap, FullTransactionId deleted_by)
{
    return compat_xid_removable(heap, deleted_by);
}

void log_page_reuse(Relation index, Relation heap, BlockNumber block, FullTransactionId deleted_by)
{
    xl_btree_reuse_page record;
    memset(&record, 0, sizeof record);
    compat_fill_reuse_record(record, index, heap, block, deleted_by);
    XLogBeginInsert();
    XLogRegisterData((char *)&record, SizeOfBtreeReusePage);
    (void)XLogInsert(RM_BTREE_ID, XLOG_BTREE_REUSE_PAGE);
}

} // namespace vq::pg
