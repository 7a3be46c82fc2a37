#include "pg/recent_values.h"

extern "C" {
#include "access/detoast.h"
}

namespace vq::pg {

static RecentValues *innermost = nullptr;

static void withdraw(void *arg)
{
    for (RecentValues **link = &innermost; *link; link = &(*link)->outer)
        if (*link == arg) {
            *link = (*link)->outer;
            return;
        }
}

void recent_begin(RecentValues *values, Size bytes)
{
    *values = {};
    values->memory = CurrentMemoryContext;
    values->capacity = (int)Max((Size)4, Min((Size)kRecentValues, kRecentBytes / bytes));
    values->ring = (RecentValue *)palloc0((Size)values->capacity * sizeof(RecentValue));
    for (int i = 0; i < values->capacity; i++)
        values->ring[i].plain = (struct varlena *)palloc(bytes);
    MemoryContextCallback *callback = (MemoryContextCallback *)palloc0(sizeof(MemoryContextCallback));
    callback->func = withdraw;
    callback->arg = values;
    MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
    values->outer = innermost;
    innermost = values;
}

RecentValue *recent_place(RecentValues *values)
{
    RecentValue *place = &values->ring[values->next];
    values->next = (values->next + 1) % values->capacity;
    place->value = InvalidOid; // what was here is gone
    return place;
}

static bool names(const RecentValue &v, const struct varatt_external &pointer)
{
    return v.value == pointer.va_valueid && v.table == pointer.va_toastrelid;
}

const struct varlena *recent_find(const struct varlena *datum)
{
    if (innermost == nullptr || !VARATT_IS_EXTERNAL_ONDISK(datum))
        return nullptr;
    struct varatt_external pointer;
    VARATT_EXTERNAL_GET_POINTER(pointer, datum);
    for (const RecentValues *values = innermost; values; values = values->outer) {
        if (names(values->kept, pointer))
            return values->kept.plain;
        for (int i = 0; i < values->capacity; i++)
            if (names(values->ring[i], pointer))
                return values->ring[i].plain;
    }
    return nullptr;
}

void recent_keep(const struct varlena *original, const struct varlena *plain)
{
    if (innermost == nullptr || !VARATT_IS_EXTERNAL_ONDISK(original))
        return;
    struct varatt_external pointer;
    VARATT_EXTERNAL_GET_POINTER(pointer, original);
    RecentValue *kept = &innermost->kept;
    kept->value = InvalidOid;
    if (kept->plain && VARSIZE(kept->plain) != VARSIZE(plain)) {
        pfree(kept->plain);
        kept->plain = nullptr;
    }
    if (kept->plain == nullptr)
        kept->plain = (struct varlena *)MemoryContextAlloc(innermost->memory, VARSIZE(plain));
    memcpy(kept->plain, plain, VARSIZE(plain));
    recent_name(kept, pointer.va_toastrelid, pointer.va_valueid);
}

} // namespace vq::pg
