#include "ivf/scan/results.h"

namespace vq::ivf {

namespace {

bool comes_after(const Result &a, const Result &b)
{
    if (a.score != b.score)
        return a.score > b.score;
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

void results_push(Results *r, double score, const ItemPointerData &tid)
{
    if (r->order_begun && score < r->last_score) {
        if (!r->strict)
            append(&r->late, {score, tid});
        return;
    }
    append(&r->waiting, {score, tid});
    std::push_heap(r->waiting.items, r->waiting.items + r->waiting.count, comes_after);
}

Result results_give_out(Results *r)
{
    const Result nearest = r->waiting.items[0];
    std::pop_heap(r->waiting.items, r->waiting.items + r->waiting.count, comes_after);
    r->waiting.count--;
    r->last_score = nearest.score;
    r->order_begun = true;
    r->given_out++;
    return nearest;
}

bool results_release_late(Results *r)
{
    if (!r->strict)
        r->order_begun = false;
    const uint32_t count = r->late.count;
    r->late.count = 0;
    for (uint32_t i = 0; i < count; i++)
        results_push(r, r->late.items[i].score, r->late.items[i].tid);
    return count > 0;
}

} // namespace vq::ivf
