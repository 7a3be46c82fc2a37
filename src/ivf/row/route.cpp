#include "ivf/row/route.h"

#include "core/count_limit.h"
#include "core/radix_sort.h"
#include "ivf/store/centroids.h"
#include "ivf/store/tiles.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

// Up to so many coordinates of centroids are scored as they are: that takes no longer than their codes, and in few
// dimensions codes say little (4-bit product quantization has 16 for two dimensions).
constexpr uint64_t kExactFloats = 32768;

// Width of the bounds of centroids' codes, in standard errors of the code. A list that belongs among the first, but just, is
// missed once in 40 times; one that leads by more, less often.
constexpr float kRouteEpsilon = 2;

// The same of centroids rounded to bytes, which are off by little.
constexpr float kRoundedEpsilon = 3;

// In place of the bound of a list that was scored exactly: above all bounds.
constexpr float kMostBound = std::numeric_limits<float>::max(),
                kScored = std::numeric_limits<float>::infinity();

// Arrays are that long, for kernels.
static size_t padded(uint32_t lists)
{
    return count_limit_room(lists);
}

static bool of_row(const Router &r)
{
    return r.about->scores == Scores::ByL2;
}

// The score and the distance of a list at the mean, which is what centroids' codes are relative to.
static ListTerms terms_of_mean(const Router &r)
{
    const Space &space = space_about(*r.about, 0);
    const uint16_t *mean = (const uint16_t *)palloc0(space.space_dims * sizeof(uint16_t));
    const ListTerms terms = list_terms(space, moved_about(r.about, 0), {0, 0}, (const uint8_t *)mean);
    pfree(const_cast<uint16_t *>(mean));
    return terms;
}

// Lists are sorted by these, and sorting NaN is undefined. It comes from overflow, or a damaged page.
static void make_finite(Router *r)
{
    simd::kernels().finite_sums(r->lower, padded(r->lists), 0);
}

static void bound_by_codes(Router *r)
{
    const Index &index = *r->index;
    const void *state = tables_about(r->about, 0);
    const QueryHead &head = *(const QueryHead *)state;
    const simd::Kernels &k = simd::kernels();
    const ListTerms mean = terms_of_mean(*r);
    const float width = kRouteEpsilon * error_distance(head, mean.distance);
    UnitStream stream;
    const bool rows = of_row(*r);
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
                       .offset = head.offset,
                       .list_add = mean.add,
                       .error_width = width},
                      lower);
        memcpy(r->lower + first, lower, n * sizeof(float));
    }
    stream_close(&stream);
    make_finite(r);
}

static void bound_by_rounded(Router *r)
{
    const CentroidBytes &bytes = r->index->centroid_bytes;
    void *scratch = palloc(centroid_bytes_scratch(bytes.n, bytes.dims));
    bound_by_bytes(bytes, space_about(*r->about, 0).metric, moved_about(r->about, 0), kRoundedEpsilon,
                   r->lower, scratch);
    pfree(scratch);
}

static void bound_all(Router *r)
{
    if (r->index->centroid_bytes.n > 0)
        bound_by_rounded(r);
    else
        bound_by_codes(r);
    if (const RankTerms *ranks = r->cosine ? r->index->rank_terms : nullptr) {
        for (uint32_t i = 0; i < r->lists; i++)
            r->lower[i] = ranks[i].scale * r->lower[i] - ranks[i].shift;
        make_finite(r);
    }
}

uint32_t list_of_row(const Index &index, const RoutedList &nearest)
{
    const bool far = index.visits_far_lists() && index.meta.far_distance > 0 &&
                     !(nearest.distance <= index.meta.far_distance);
    return far ? index.ordinary_lists() : nearest.list;
}

bool routes_by_codes(const Index &index)
{
    return index.codes_rank_lists && (uint64_t)index.meta.nlist * index.shape.space_dims > kExactFloats;
}

// Of a far list that all queries visit: before all for them, behind all for rows.
static float far_rank(const Router &r)
{
    return of_row(r) ? kMostBound : -kMostBound;
}

void route_open(Router *router, Relation rel, const Index *index)
{
    const uint32_t lists = index->meta.nlist;
    router->rel = rel;
    router->index = index;
    router->lists = lists;
    router->own = (float *)palloc(padded(lists) * sizeof(float));
    std::fill(router->own + lists, router->own + padded(lists), kScored); // kernels read these
    router->selection = (float *)palloc(Max(padded(lists), simd::kMinima) * sizeof(float));
    router->which = (uint16_t *)palloc(padded(lists) * sizeof(uint16_t));
    router->ready = (RoutedList *)palloc(lists * sizeof(RoutedList));
    router->scored = (RoutedList *)palloc(lists * sizeof(RoutedList));
    router->ranks = (uint64_t *)palloc(2 * lists * sizeof(uint64_t));
}

static void start(Router *router, AboutOrigins *about, float *lower)
{
    router->about = about;
    router->lower = lower;
    router->cosine = router->index->meta.spherical && !of_row(*router);
    router->exact = router->next = 0;
    router->within = -kScored;
}

// What no bound says.
static void finish_bounds(Router *router)
{
    const Index *index = router->index;
    std::fill(router->lower + router->lists, router->lower + padded(router->lists), kScored);
    if (index->visits_far_lists())
        std::fill_n(router->lower + index->ordinary_lists(), index->meta.far_lists, far_rank(*router));
}

void route_begin(Router *router, AboutOrigins *about)
{
    start(router, about, router->own);
    // All lists score alike where the query does not fit float: such rows and queries meet in the first ones.
    if (routes_by_codes(*router->index) && !moved_about(about, 0).overflow)
        bound_all(router);
    else
        std::fill_n(router->lower, router->lists, -kMostBound); // all are looked at
    finish_bounds(router);
}

size_t together_floats(const Index &index)
{
    return routes_by_codes(index) && index.centroid_bytes.n > 0 ? kBoundTogether * padded(index.meta.nlist)
                                                                : 0;
}

void route_together(RowsTogether *rows, const Index &index, float *bounds)
{
    const CentroidBytes &centroids = index.centroid_bytes;
    rows->bounds = nullptr;
    if (rows->count < 2 || together_floats(index) == 0)
        return;
    const SpaceQuery *queries[kBoundTogether];
    for (uint32_t i = 0; i < rows->count; i++) {
        queries[i] = &moved_about(rows->about[i], 0);
        if (queries[i]->overflow)
            return;
    }
    rows->bounds = bounds;
    void *scratch = palloc(rows->count * centroid_bytes_scratch(centroids.n, centroids.dims));
    bound_by_bytes(centroids, space_about(*rows->about[0], 0).metric, queries, rows->count, kRoundedEpsilon,
                   rows->bounds, padded(index.meta.nlist), scratch);
    pfree(scratch);
}

void route_begin(Router *router, const RowsTogether &rows, uint32_t row)
{
    if (rows.bounds == nullptr)
        return route_begin(router, rows.about[row]);
    start(router, rows.about[row], rows.bounds + row * padded(router->lists));
    finish_bounds(router);
}

// What the lists of one origin are scored with.
struct AtOrigin
{
    uint32_t origin;
    const Space *space;
    const SpaceQuery *query;
    float norm_sq; // ||m||^2, where lists are ranked by angles and the index has no rank_terms
};

static AtOrigin at_origin(const Router &r, uint32_t origin)
{
    const Space &space = space_about(*r.about, origin);
    const bool wanted = r.cosine && r.index->rank_terms == nullptr;
    const float norm_sq =
        wanted ? simd::kernels().dot(space.mean_moved, space.mean_moved, space.space_dims) : 0;
    return {origin, &space, &moved_about(r.about, origin), norm_sq};
}

static float rank_of(const Router &r, const AtOrigin &at, uint32_t list, const CentroidTerms &c, float score)
{
    if (r.index->visits_far_lists() && list >= r.index->ordinary_lists())
        return far_rank(r);
    if (!r.cosine)
        return score;
    const RankTerms terms = r.index->rank_terms
                                ? r.index->rank_terms[list]
                                : rank_terms(at.space->metric, at.norm_sq + 2 * c.mean_dot + c.norm_sq);
    const float rank = terms.scale * score - terms.shift;
    return at.space->metric == Metric::L2 ? Max(rank, 0.0f) : rank;
}

// Scores the centroids which[0 .. count) exactly, into `scored`.
static void score_exactly(Router *r, uint32_t count)
{
    const Index &index = *r->index;
    CentroidReader reader;
    centroids_open(&reader, r->rel, &index);
    AtOrigin at = at_origin(*r, index.origin_of(r->which[0]));
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t list = r->which[i], origin = index.origin_of(list);
        if (origin != at.origin)
            at = at_origin(*r, origin);
        const StoredCentroid centroid = centroids_read(&reader, list);
        ListTerms t = list_terms(*at.space, *at.query, centroid.terms, centroid.coordinates);
        r->scored[i] = {list, rank_of(*r, at, list, centroid.terms, t.add), t.add, t.distance,
                        std::sqrt(centroid.terms.norm_sq)};
    }
    centroids_close(&reader);
}

static bool comes_before(const RoutedList &a, const RoutedList &b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.list < b.list;
}

// Puts `count` scored lists among the sorted ready[next .. exact). They are in the order of their numbers, and stay so where ranks
// are equal.
static void merge_scored(Router *r, uint32_t count)
{
    constexpr uint32_t kFewRanks = 256; // are sorted faster by comparisons
    uint64_t *ranks = r->ranks;
    for (uint32_t i = 0; i < count; i++)
        ranks[i] =
            (uint64_t)ordered_bits(r->scored[i].rank + 0.0f) << 32 | i; // -0 + 0 = 0: equal ranks are alike
    if (count <= kFewRanks)
        std::sort(ranks, ranks + count);
    else
        radix_sort(ranks, ranks + count, count, 32, 32);
    RoutedList *old = r->ready + r->exact, *out = old + count;
    while (count > 0) {
        const RoutedList &scored = r->scored[(uint32_t)ranks[count - 1]];
        if (old > r->ready + r->next && comes_before(scored, old[-1]))
            *--out = *--old;
        else
            *--out = scored, count--;
    }
}

// So few lists, as for a row's own, are sought among the least of every kMinima-th bound: so many of these are of so many lists, and as good
// as never of many that are not among the best.
constexpr uint32_t kFew = 16;

// Puts into `selection` what a limit is sought among; how many.
static uint32_t select_bounds(Router *r, uint32_t count)
{
    if (count > kFew || r->lists < simd::kMinima) {
        std::replace_copy(r->lower, r->lower + r->lists, r->selection, kScored, kMostBound);
        return r->lists;
    }
    simd::kernels().minima(r->lower, padded(r->lists), r->selection);
    std::replace(r->selection, r->selection + simd::kMinima, kScored, kMostBound);
    return simd::kMinima;
}

// A bound that `count` lists which were not scored do not exceed, or a few more; equal ones are all taken.
static float limit_of(Router *r, uint32_t count)
{
    if (count >= r->lists - r->exact)
        return kMostBound;
    float limit;
    uint32_t n = select_bounds(r, count);
    if (count_limit(r->selection, n, count, Min(count + count / 4, n), &limit))
        return limit;
    n = select_bounds(r, count);
    std::nth_element(r->selection, r->selection + count - 1, r->selection + n);
    return r->selection[count - 1];
}

// Scores the lists with bounds of at most `limit`.
static void look_within(Router *r, float limit)
{
    limit = Min(limit, kMostBound);
    if (limit <= r->within)
        return;
    r->within = limit;
    const uint32_t count = (uint32_t)simd::kernels().at_most(r->lower, padded(r->lists), limit, r->which);
    if (count == 0)
        return;
    CHECK_FOR_INTERRUPTS();
    score_exactly(r, count);
    merge_scored(r, count);
    r->exact += count;
    for (uint32_t i = 0; i < count; i++)
        r->lower[r->which[i]] = kScored;
}

const RoutedList *route_ahead(Router *r, uint32_t want, uint32_t *count)
{
    want = Min(want, r->lists - r->next);
    *count = want;
    if (want == 0)
        return r->ready + r->next;
    const uint32_t end = r->next + want;
    if (r->exact < end && routes_by_codes(*r->index))
        look_within(r,
                    limit_of(r, end - r->exact + want / 2 + 8)); // some more, so that the limit below is low
    if (r->exact < end)
        look_within(r, kMostBound);
    // The lists wanted are known once no other can rank as well as the last of them. Where bounds are of scores: of a list at that rank whose
    // centroid has length n the score is n rank + (1 - n)^2, at most the rank where n is 1.
    const RoutedList &last = r->ready[end - 1];
    look_within(r, r->cosine && r->index->rank_terms == nullptr ? Max(last.add, last.rank) : last.rank);
    return r->ready + r->next;
}

uint32_t route_next(Router *r, uint32_t want, RoutedList *out)
{
    const RoutedList *ahead = route_ahead(r, want, &want);
    memcpy(out, ahead, want * sizeof(RoutedList));
    r->next += want;
    return want;
}

// By the inner product a list of outliers may be nearer than all others by so much that these would seem equally far.
float nearest_rank(const Index &index, const RoutedList *lists, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (lists[i].list < index.ordinary_lists())
            return lists[i].rank;
    return count > 0 ? lists[0].rank : 0;
}

uint32_t lists_within(Router *r, float reach, double likely)
{
    constexpr double kFirstLook = 8;
    const float unit = r->index->targets.unit;
    for (uint32_t want = (uint32_t)Min(Max(likely - r->next, kFirstLook), (double)r->lists);; want *= 2) {
        uint32_t count;
        (void)route_ahead(r, want, &count);
        const float nearest = nearest_rank(*r->index, r->ready, r->next + count);
        for (uint32_t i = r->next; i < r->next + count; i++)
            if (i > 0 && list_reach(unit, gap_behind(*r->index, nearest, r->ready[i]), i) > reach)
                return i;
        if (count < want)
            return r->next + count;
    }
}

} // namespace vq::ivf
