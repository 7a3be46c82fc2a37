#include "ivf/scan/given_rows.h"

namespace vq::ivf {

void given_begin(GivenRows *given, size_t bytes)
{
    *given = {};
    given->most = (uint32_t)Min(bytes / sizeof(ItemPointerData), (size_t)PG_INT32_MAX);
    given->all = true;
}

void given_add(GivenRows *given, const ItemPointerData &tid)
{
    if (given->count == given->most)
        given->all = false;
    if (!given->all)
        return;
    if (given->count == given->allocated) {
        constexpr uint32_t kFirst = 64;
        given->allocated = Min(Max(2 * given->allocated, kFirst), given->most);
        const size_t bytes = given->allocated * sizeof(ItemPointerData);
        given->tids = (ItemPointerData *)(given->tids ? repalloc_huge(given->tids, bytes)
                                                      : palloc_extended(bytes, MCXT_ALLOC_HUGE));
    }
    given->tids[given->count++] = tid;
}

void given_sort(GivenRows *given)
{
    std::sort(given->tids, given->tids + given->count, tid_before);
}

bool given_has(const GivenRows &given, const ItemPointerData &tid)
{
    return std::binary_search(given.tids, given.tids + given.count, tid, tid_before);
}

} // namespace vq::ivf
