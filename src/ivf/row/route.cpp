#include "ivf/row/route.h"

#include "ivf/store/centroids.h"
#include "ivf/store/tiles.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

static void estimate_all(Router *r, const void *state)
{
    const Index &index = *r->index;
    const QueryHead &head = *(const QueryHead *)state;
    const simd::Kernels &k = simd::kernels();
    UnitStream stream;
    const bool rows = r->space == &index.assign_space;
    const uint8_t *cached = rows ? index.assign_codes : index.query_codes;
    if (cached)
        stream_open_memory(&stream, cached);
    else
        stream_open(&stream, r->rel, PageKind::Centroid,
                    rows ? index.meta.assign_tiles : index.meta.query_tiles, 0);
    alignas(CentroidRowData) uint8_t buffer[sizeof(CentroidRowData)];
    for (uint32_t first = 0; first < r->lists; first += simd::kTileRows) {
        uint32_t acc[simd::kTileRows] = {};
        score_tile_codes(&stream, index, state, acc);
        const CentroidRowData *data =
            (const CentroidRowData *)stream_read(&stream, sizeof(CentroidRowData), buffer);
        float lower[simd::kTileRows];
        uint32_t n = Min((uint32_t)simd::kTileRows, r->lists - first);
        k.tile_bounds({.acc = acc,
                       .add = data->add,
                       .scale = data->scale,
                       .err = data->err,
                       .rows = n,
                       .mul = head.mul,
                       .offset = head.offset},
                      lower);
        // Lists are sorted by this, and sorting NaN is undefined. It comes from overflow, or a damaged page.
        for (uint32_t i = 0; i < n; i++)
            r->estimate[first + i] = std::isnan(lower[i]) ? -std::numeric_limits<float>::max() : lower[i];
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
    router->selection = (float *)palloc(lists * sizeof(float));
    router->order = (uint32_t *)palloc(lists * sizeof(uint32_t));
    router->ready = (RoutedList *)palloc(lists * sizeof(RoutedList));
    for (uint32_t i = 0; i < lists; i++)
        router->order[i] = i;
    if (lists == 1)
        router->estimate[0] = 0;
    else
        estimate_all(router, state);
}

// Scores the centroids order[from .. to) exactly into ready[from .. to).
static void score_exactly(Router *r, uint32_t from, uint32_t to)
{
    const Index &index = *r->index;
    std::sort(r->order + from, r->order + to);
    CentroidReader reader;
    centroids_open(&reader, r->rel, &index);
    for (uint32_t i = from; i < to; i++) {
        const StoredCentroid centroid = centroids_read(&reader, r->order[i]);
        ListTerms t = list_terms(*r->space, r->query, centroid.terms, centroid.coordinates);
        r->ready[i] = {r->order[i], t.add, t.distance};
    }
    centroids_close(&reader);
}

// Few lists, as for a row's own: one pass that keeps the best in a sorted array. Most estimates lose against
// its last at once.
constexpr uint32_t kFew = 32;

static void select_few(Router *r, uint32_t from, uint32_t count)
{
    float best[kFew];
    uint32_t at[kFew], found = 0; // places in order
    for (uint32_t i = from; i < r->lists; i++) {
        const float e = r->estimate[r->order[i]];
        if (found == count && !(e < best[found - 1]))
            continue;
        uint32_t k = found < count ? found++ : found - 1;
        for (; k > 0 && best[k - 1] > e; k--)
            best[k] = best[k - 1], at[k] = at[k - 1];
        best[k] = e;
        at[k] = i;
    }
    std::sort(at, at + count); // so that no swap moves one that is still to come
    for (uint32_t k = 0; k < count; k++)
        std::swap(r->order[from + k], r->order[at[k]]);
}

// Moves the `count` lists with the smallest estimates to the front of order[from ..).
static void select_best(Router *r, uint32_t from, uint32_t count)
{
    const uint32_t left = r->lists - from;
    if (count >= left)
        return;
    if (count <= kFew) {
        select_few(r, from, count);
        return;
    }
    float *values = r->selection;
    for (uint32_t i = 0; i < left; i++)
        values[i] = r->estimate[r->order[from + i]];
    std::nth_element(values, values + count - 1, values + left);
    const float border = values[count - 1];
    uint32_t at = from;
    for (uint32_t i = from; i < r->lists && at < from + count; i++)
        if (r->estimate[r->order[i]] < border)
            std::swap(r->order[at++], r->order[i]);
    for (uint32_t i = at; i < r->lists && at < from + count; i++) // ties at the border fill what is left
        if (r->estimate[r->order[i]] == border)
            std::swap(r->order[at++], r->order[i]);
}

const RoutedList *route_ahead(Router *r, uint32_t want, uint32_t *count)
{
    want = Min(want, r->lists - r->next);
    if (r->next + want > r->exact) {
        CHECK_FOR_INTERRUPTS();
        // Half as many again as asked for, so that the estimate's errors at the border matter little.
        uint32_t to = Min(r->lists, r->next + want + want / 2 + 8);
        select_best(r, r->exact, to - r->exact);
        score_exactly(r, r->exact, to);
        r->exact = to;
        std::sort(r->ready + r->next, r->ready + to, [](const RoutedList &a, const RoutedList &b) {
            return a.add != b.add ? a.add < b.add : a.list < b.list;
        });
    }
    *count = want;
    return r->ready + r->next;
}

uint32_t route_next(Router *r, uint32_t want, RoutedList *out)
{
    const RoutedList *ahead = route_ahead(r, want, &want);
    memcpy(out, ahead, want * sizeof(RoutedList));
    r->next += want;
    return want;
}

uint32_t lists_within(Router *r, float reach)
{
    constexpr uint32_t kFirstLook = 8;
    const float unit = r->index->meta.targets.unit;
    for (uint32_t want = kFirstLook;; want *= 2) {
        uint32_t count;
        const RoutedList *lists = route_ahead(r, want, &count);
        for (uint32_t i = 1; i < count; i++)
            if (list_reach(unit, lists[i].add - lists[0].add, i) > reach)
                return i;
        if (count < want)
            return count;
    }
}

} // namespace vq::ivf
