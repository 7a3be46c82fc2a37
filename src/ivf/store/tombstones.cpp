#include "ivf/store/tombstones.h"

namespace vq::ivf {

void tombstones_begin(Tombstones *t)
{
    t->count = 0;
    t->capacity = 1024;
    t->places = (PagePlace *)palloc(t->capacity * sizeof(PagePlace));
}

void tombstones_add(Tombstones *t, PagePlace place)
{
    if (t->count == t->capacity)
        t->places = (PagePlace *)repalloc_huge(t->places, (t->capacity *= 2) * sizeof(PagePlace));
    t->places[t->count++] = place;
}

void tombstones_write(Tombstones *t, Relation rel)
{
    for (uint32_t i = 0; i < t->count;) {
        const BlockNumber block = t->places[i].block;
        Buffer buf = read_page(rel, block, PageKind::Tile, BUFFER_LOCK_EXCLUSIVE);
        GenericXLogState *state = GenericXLogStart(rel);
        char *payload = page_payload(GenericXLogRegisterBuffer(state, buf, 0));
        for (; i < t->count && t->places[i].block == block; i++)
            *(OffsetNumber *)(payload + t->places[i].offset) = 0;
        GenericXLogFinish(state);
        UnlockReleaseBuffer(buf);
    }
    t->count = 0;
}

} // namespace vq::ivf
