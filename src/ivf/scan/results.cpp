#include "ivf/scan/results.h"

namespace vq::ivf {

namespace {

// As float8 is sorted: NaN is greater than every number.
bool nearer(double a, double b)
{
    return std::isnan(b) ? !std::isnan(a) : a < b;
}

bool comes_after(const Result &a, const Result &b)
{
    if (nearer(b.distance, a.distance))
        return true;
    if (nearer(a.distance, b.distance))
        return false;
    return ItemPointerCompare(const_cast<ItemPointer>(&a.tid), const_cast<ItemPointer>(&b.tid)) > 0;
}

void append(ResultArray *array, const Result &row)
{
    if (array->count == array->capacity) {
        array->capacity = array->capacity ? 2 * array->capacity : 64;
        const size_t bytes = array->capacity * sizeof(Result);
        array->items = (Result *)(array->items ? repalloc_huge(array->items, bytes) : palloc(bytes));
    }
    array->items[array->count++] = row;
}

} // namespace

void results_push(Results *r, double distance, const ItemPointerData &tid, bool visible)
{
    const Result result = {distance, tid, visible};
    if (r->order_begun && nearer(distance, r->last_distance)) {
        if (r->strict)
            r->dropped++;
        else
            append(&r->late, result);
        return;
    }
    append(&r->waiting, result);
    std::push_heap(r->waiting.items, r->waiting.items + r->waiting.count, comes_after);
}

Result results_pop(Results *r)
{
    std::pop_heap(r->waiting.items, r->waiting.items + r->waiting.count, comes_after);
    return r->waiting.items[--r->waiting.count];
}

void results_give_out(Results *r, const Result &result)
{
    r->last_distance = result.distance;
    r->order_begun = true;
    r->given_out++;
}

bool results_release_late(Results *r)
{
    if (!r->strict)
        r->order_begun = false;
    const uint32_t count = r->late.count;
    r->late.count = 0;
    for (uint32_t i = 0; i < count; i++)
        results_push(r, r->late.items[i].distance, r->late.items[i].tid, r->late.items[i].visible);
    return count > 0;
}

} // namespace vq::ivf
