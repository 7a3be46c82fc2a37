#include "ivf/route.h"

#include "ivf/tiles.h"
#include "pg/page.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

size_t route_bytes(const Index &index)
{
    return index.meta.nlist * (sizeof(float) + sizeof(uint32_t) + sizeof(RoutedList));
}

// Centroid tiles hold no row ids: factors only, laid out as RowData without its TIDs would be.
static uint32_t centroid_row_data_bytes()
{
    return 8 * simd::kTileRows;
}

static void estimate_all(Router *r, BlockNumber tiles, const void *state)
{
    const Index &index = *r->index;
    const QueryHead &head = *(const QueryHead *)state;
    const simd::Kernels &k = simd::kernels();
    UnitStream stream;
    stream_open(&stream, r->rel, PageKind::Centroid, tiles, 0);
    uint8_t buffer[8 * simd::kTileRows];
    for (uint32_t first = 0; first < r->lists; first += simd::kTileRows) {
        uint32_t acc[simd::kTileRows] = {};
        for (uint32_t row = 0; row < index.shape.code_bytes;) {
            uint32_t got;
            const uint8_t *codes = stream_take(&stream, (index.shape.code_bytes - row) * kUnit, &got);
            index.codec->scan_tile(state, codes, row, got / kUnit, acc);
            row += got / kUnit;
        }
        const uint8_t *data = stream_read(&stream, centroid_row_data_bytes(), buffer);
        float lower[simd::kTileRows];
        uint32_t n = Min((uint32_t)simd::kTileRows, r->lists - first);
        k.tile_bounds(acc, (const float *)data, (const uint16_t *)(data + 4 * simd::kTileRows),
                      (const uint16_t *)(data + 6 * simd::kTileRows), n, head.mul, head.offset, 0, 0, 0,
                      lower);
        memcpy(r->estimate + first, lower, n * sizeof(float));
    }
    stream_close(&stream);
}

void route_begin(Router *router, Relation rel, const Index *index, const Space *space,
                 const SpaceQuery &query, const void *state)
{
    const uint32_t lists = index->meta.nlist;
    router->rel = rel;
    router->index = index;
    router->space = space;
    router->query = query;
    router->lists = lists;
    router->exact = router->next = 0;
    router->estimate = (float *)palloc(lists * sizeof(float));
    router->order = (uint32_t *)palloc(lists * sizeof(uint32_t));
    router->ready = (RoutedList *)palloc(lists * sizeof(RoutedList));
    for (uint32_t i = 0; i < lists; i++)
        router->order[i] = i;
    if (lists == 1)
        router->estimate[0] = 0;
    else
        estimate_all(router, space == &index->space ? index->meta.query_tiles : index->meta.assign_tiles,
                     state);
}

// Scores the centroids order[from .. to) exactly into ready[from .. to).
static void score_exactly(Router *r, uint32_t from, uint32_t to)
{
    const Index &index = *r->index;
    const size_t record = sizeof(CentroidTerms) + index.shape.space_dims * sizeof(uint16_t);
    std::sort(r->order + from, r->order + to); // pages in order: neighbours share one
    uint8_t *copy = (uint8_t *)palloc(record);
    Buffer buf = InvalidBuffer;
    BlockNumber at = InvalidBlockNumber;
    for (uint32_t i = from; i < to; i++) {
        const uint64_t position = (uint64_t)r->order[i] * record;
        const BlockNumber block = index.meta.centroids + (BlockNumber)(position / kPayload);
        const uint32_t offset = (uint32_t)(position % kPayload);
        const uint8_t *bytes = copy;
        if (offset + record > kPayload) {
            if (buf != InvalidBuffer)
                UnlockReleaseBuffer(buf);
            buf = InvalidBuffer, at = InvalidBlockNumber;
            read_part(r->rel, PageKind::Centroid, index.meta.centroids, position, record, copy);
        } else {
            if (block != at) {
                if (buf != InvalidBuffer)
                    UnlockReleaseBuffer(buf);
                buf = pg::read_page(r->rel, block, PageKind::Centroid, BUFFER_LOCK_SHARE);
                at = block;
            }
            bytes = (const uint8_t *)pg::page_payload(BufferGetPage(buf)) + offset;
        }
        CentroidTerms terms;
        memcpy(&terms, bytes, sizeof terms);
        ListTerms t = list_terms(*r->space, r->query, terms, bytes + sizeof terms);
        r->ready[i] = {r->order[i], t.add, t.distance};
    }
    if (buf != InvalidBuffer)
        UnlockReleaseBuffer(buf);
    pfree(copy);
}

uint32_t route_next(Router *r, uint32_t want, RoutedList *out)
{
    want = Min(want, r->lists - r->next);
    if (r->next + want > r->exact) {
        CHECK_FOR_INTERRUPTS();
        // Half as many again as asked for, so that the estimate's errors at the border matter little.
        uint32_t to = Min(r->lists, r->next + want + want / 2 + 8);
        const float *estimate = r->estimate;
        if (to < r->lists)
            std::nth_element(r->order + r->exact, r->order + to, r->order + r->lists,
                             [estimate](uint32_t a, uint32_t b) { return estimate[a] < estimate[b]; });
        score_exactly(r, r->exact, to);
        r->exact = to;
        std::sort(r->ready + r->next, r->ready + to, [](const RoutedList &a, const RoutedList &b) {
            return a.add != b.add ? a.add < b.add : a.list < b.list;
        });
    }
    memcpy(out, r->ready + r->next, want * sizeof(RoutedList));
    r->next += want;
    return want;
}

} // namespace vq::ivf
