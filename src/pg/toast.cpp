#include "pg/toast.h"

extern "C" {
#include "access/detoast.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/toast_internals.h"
#include "access/heaptoast.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace vq::pg {

static void toast_open(ToastReader *r, Oid table)
{
    r->table = table_open(table, AccessShareLock);
    const int valid = toast_open_indexes(r->table, AccessShareLock, &r->indexes, &r->index_count);
    compat_init_toast_snapshot(r->snapshot);
    r->scan = compat_index_beginscan(r->table, r->indexes[valid], &r->snapshot, 1, 0);
    r->slot = table_slot_create(r->table, nullptr);
}

void toast_rest(ToastReader *r)
{
    if (r->table == nullptr || !r->positioned)
        return;
    ExecClearTuple(r->slot);
    index_rescan(r->scan, nullptr, 1, nullptr, 0);
    r->positioned = false;
}

void toast_close(ToastReader *r)
{
    if (r->table == nullptr)
        return;
    ExecDropSingleTupleTableSlot(r->slot);
    index_endscan(r->scan);
    toast_close_indexes(r->indexes, r->index_count, AccessShareLock);
    table_close(r->table, AccessShareLock);
    r->table = nullptr;
    r->positioned = false;
}

// Appends the chunk in the slot; false if it is not the one expected.
static bool take_chunk(TupleTableSlot *slot, int32 expected, char *out, Size room, Size *length)
{
    bool isnull;
    const int32 sequence = DatumGetInt32(slot_getattr(slot, 2, &isnull));
    if (isnull || sequence != expected)
        return false;
    const struct varlena *chunk = (const struct varlena *)DatumGetPointer(slot_getattr(slot, 3, &isnull));
    if (isnull || VARATT_IS_EXTENDED(chunk) || VARSIZE(chunk) - VARHDRSZ > room)
        return false;
    *length = VARSIZE(chunk) - VARHDRSZ;
    memcpy(out, VARDATA(chunk), *length);
    return true;
}

static void begin_chunks(ToastReader *r, Oid value)
{
    ScanKeyData key;
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
    index_rescan(r->scan, &key, 1, nullptr, 0);
    r->positioned = true;
}

// Reads all chunks of a value into `out`; false if they are not what the pointer says.
static bool read_chunks(ToastReader *r, Oid value, struct varlena *out, Size bytes)
{
    begin_chunks(r, value);
    Size done = 0;
    int32 sequence = 0;
    while (done < bytes - VARHDRSZ && index_getnext_slot(r->scan, ForwardScanDirection, r->slot)) {
        Size length = 0;
        if (!take_chunk(r->slot, sequence++, VARDATA(out) + done, bytes - VARHDRSZ - done, &length))
            return false;
        done += length;
    }
    SET_VARSIZE(out, bytes);
    return done == bytes - VARHDRSZ;
}

// Whether it is a value as toast_read reads, whose table then is open.
static bool find_value(ToastReader *r, Datum value, Size bytes, struct varatt_external *pointer)
{
    const struct varlena *datum = (const struct varlena *)DatumGetPointer(value);
    if (!VARATT_IS_EXTERNAL_ONDISK(datum))
        return false;
    VARATT_EXTERNAL_GET_POINTER(*pointer, datum);
    if (VARATT_EXTERNAL_IS_COMPRESSED(*pointer) || (Size)pointer->va_rawsize != bytes)
        return false;
    if (r->table && RelationGetRelid(r->table) != pointer->va_toastrelid)
        toast_close(r); // after a rewrite of the table, old rows live in another one
    if (r->table == nullptr)
        toast_open(r, pointer->va_toastrelid);
    return true;
}

const struct varlena *toast_read(ToastReader *r, Datum value, Size bytes)
{
    struct varatt_external pointer;
    if (!find_value(r, value, bytes, &pointer))
        return nullptr;
    if (r->recent.ring == nullptr)
        recent_begin(&r->recent, bytes);
    RecentValue *place = recent_place(&r->recent);
    if (!read_chunks(r, pointer.va_valueid, place->plain, bytes))
        return nullptr;
    recent_name(place, pointer.va_toastrelid, pointer.va_valueid);
    return place->plain;
}

int toast_blocks(ToastReader *r, Datum value, Size bytes, BlockNumber *blocks, int most)
{
    struct varatt_external pointer;
    if (!find_value(r, value, bytes, &pointer))
        return 0;
    begin_chunks(r, pointer.va_valueid);
    int count = 0;
    ItemPointer tid;
    while (count < most && (tid = index_getnext_tid(r->scan, ForwardScanDirection)) != nullptr) {
        const BlockNumber block = ItemPointerGetBlockNumberNoCheck(tid);
        if (count == 0 || block != blocks[count - 1])
            blocks[count++] = block;
    }
    return count;
}

} // namespace vq::pg
