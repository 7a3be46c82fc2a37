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

template <class Recent>
static bool names(const Recent &v, const struct varatt_external &pointer)
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

void recent_distance_is(RecentValues *values, const struct varlena *datum, PGFunction function,
                        const struct varlena *query, double distance)
{
    values->given.value = InvalidOid;
    if (!VARATT_IS_EXTERNAL_ONDISK(datum))
        return;
    struct varatt_external pointer;
    VARATT_EXTERNAL_GET_POINTER(pointer, datum);
    values->given = {pointer.va_toastrelid, pointer.va_valueid, function, query, distance};
}

static bool same_bytes(const struct varlena *plain, const struct varlena *datum)
{
    if (const struct varlena *recent = recent_find(datum))
        datum = recent;
    return !VARATT_IS_EXTENDED(datum) && VARSIZE(datum) == VARSIZE(plain) &&
           memcmp(datum, plain, VARSIZE(plain)) == 0;
}

static bool is_distance_to(const RecentDistance &given, const struct varlena *datum,
                           const struct varlena *query)
{
    if (!VARATT_IS_EXTERNAL_ONDISK(datum))
        return false;
    struct varatt_external pointer;
    VARATT_EXTERNAL_GET_POINTER(pointer, datum);
    return names(given, pointer) && same_bytes(given.query, query);
}

bool recent_distance(PGFunction function, const struct varlena *a, const struct varlena *b, double *distance)
{
    for (const RecentValues *values = innermost; values; values = values->outer) {
        const RecentDistance &given = values->given;
        if (given.value == InvalidOid || given.function != function)
            continue;
        if (is_distance_to(given, a, b) || is_distance_to(given, b, a)) {
            *distance = given.distance;
            return true;
        }
    }
    return false;
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
