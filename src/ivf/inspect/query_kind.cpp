#include "ivf/inspect/query_kind.h"

#include "ivf/build/prober.h"
#include "ivf/row/heap_reader.h"
#include "ivf/row/opclass.h"
#include "ivf/scan/scan_query.h"

extern "C" {
#include "utils/datetime.h"
}

namespace vq::ivf {

namespace {

constexpr size_t kGapPlaces = 1024; // lists of a query whose gaps are kept

struct Kind
{
    const Inspected *target;
    const Index *index;
    HeapReader reader;
    RowEncoder encoder;
    float *row;        // scratch
    MemoryContext one; // of one query
    ScanKeyData order_by;
    RecallMeasurements measured;
    float *gaps;
    NearList *near[kRecallDepths];
};

// A query as a scan has it, and the order of its lists.
struct Order
{
    ScanQuery query;
    RoutedList *lists;
    uint32_t *place; // of every list
    float nearest;   // rank that gaps are counted from
};

// Which of the nearest rows stand for a depth: ranks [first, end). A row is out of order, and dropped, if its list is visited only when
// its turn is over. So what lists are visited when that many rows have gone out decides about the last of them; about earlier ones those
// that were visited then. One row a query says little of where the nearest ones lie: three are taken.
struct Ranks
{
    uint32_t first, end;
};
constexpr Ranks kRanks[kRecallDepths] = {{0, 3}, {0, 10}, {50, 100}, {500, 1000}, {5000, 10000}};
constexpr uint32_t kMostRanks = 50; // evenly among them

uint32_t ranks_of(uint32_t d)
{
    return Min(kRanks[d].end - kRanks[d].first, kMostRanks);
}

// The j-th of them.
uint32_t rank_of(uint32_t d, uint32_t j)
{
    return kRanks[d].first + j * (kRanks[d].end - kRanks[d].first) / ranks_of(d);
}

Order order_lists(Kind *k, Datum value)
{
    const uint32_t nlist = k->index->meta.nlist;
    Order o;
    ScanKeyData key = k->order_by;
    key.sk_argument = value;
    prepare_query(&o.query, k->target->rel, key);
    o.lists = (RoutedList *)palloc(nlist * sizeof(RoutedList));
    o.place = (uint32_t *)palloc(nlist * sizeof(uint32_t));
    route_begin(&k->encoder.router, o.query.about);
    route_next(&k->encoder.router, nlist, o.lists);
    for (uint32_t i = 0; i < nlist; i++)
        o.place[o.lists[i].list] = i;
    o.nearest = nearest_rank(*k->index, o.lists, nlist);
    return o;
}

// False if the row is gone, which it is not for the snapshot that found it.
bool encode_near(Kind *k, const NearRow &near, EncodedRow *row)
{
    return heap_vector(&k->reader, near.tid, k->index->meta.options.dims, k->row) &&
           encode_row(&k->encoder, k->row, row);
}

void probe_depth(Kind *k, const Order &o, const NearRow *near, uint32_t d)
{
    NearLists *lists = &k->measured.near_lists[d];
    for (uint32_t j = 0; j < ranks_of(d); j++) {
        EncodedRow row;
        NearList found = {};
        if (encode_near(k, near[rank_of(d, j)], &row)) {
            found.place = o.place[row.list];
            found.gap = gap_behind(*k->index, o.nearest, o.lists[found.place]);
        }
        k->near[d][lists->count++] = found;
    }
    lists->per_query = ranks_of(d);
}

// Widths of the bound that find the ten nearest rows.
void probe_widths(Kind *k, const Order &o, const NearRow *near)
{
    const uint32_t n = kLeastDepth;
    double last;
    if (!heap_distance(&k->reader, o.query.exact, near[n - 1].tid, &last))
        return;
    last = score_of_distance(o.query.exact, last);
    for (uint32_t j = 0; j < n; j++) {
        EncodedRow row;
        if (!encode_near(k, near[j], &row))
            continue;
        const Estimate e = estimate_of(*k->index, tables_about(o.query.about, k->index->origin_of(row.list)),
                                       o.lists[o.place[row.list]], row);
        if (says_something(e, last))
            k->measured.widths[k->measured.width_count++] =
                (float)Max((e.estimate - last) / e.error, 0.0) / k->index->meta.error_scale;
    }
}

void probe(Kind *k, Datum query, const NearRow *near, uint32_t depth)
{
    RecallMeasurements *m = &k->measured;
    // What the reader opens has to last, so only the order of the lists goes to the memory of one query.
    MemoryContext old = MemoryContextSwitchTo(k->one);
    const Order o = order_lists(k, query);
    MemoryContextSwitchTo(old);
    for (size_t place = 0; place < m->places; place++)
        k->gaps[m->queries * m->places + place] = gap_behind(*k->index, o.nearest, o.lists[place]);
    m->queries++;
    for (uint32_t d = 0; d < kRecallDepths && kRanks[d].end <= depth; d++)
        probe_depth(k, o, near, d);
    probe_widths(k, o, near);
    MemoryContextReset(k->one);
}

int32_t today()
{
    struct pg_tm now;
    GetCurrentDateTime(&now);
    return now.tm_year * 10000 + now.tm_mon * 100 + now.tm_mday;
}

void open_kind(Kind *k, const Inspected &target, const Index &index, Snapshot snapshot, uint32_t queries)
{
    const uint32_t dims = index.meta.options.dims;
    *k = {};
    k->target = &target;
    k->index = &index;
    heap_reader_open(&k->reader, target.heap, target.rel, snapshot, index.element(), dims);
    encoder_open(&k->encoder, target.rel, &index);
    k->row = (float *)palloc(dims * sizeof(float));
    k->one = AllocSetContextCreate(CurrentMemoryContext, "vector_quant query", ALLOCSET_DEFAULT_SIZES);
    k->order_by = order_by_key(target.rel);
    RecallMeasurements *m = &k->measured;
    m->places = Min((size_t)index.meta.nlist, kGapPlaces);
    m->gaps = k->gaps = (float *)palloc_extended(queries * m->places * sizeof(float), MCXT_ALLOC_HUGE);
    m->widths = (float *)palloc(queries * kLeastDepth * sizeof(float));
    m->default_epsilon = (float)kDefaultEpsilon;
    m->scratch = (float *)palloc(queries * kMostRanks * sizeof(float));
    m->unit = index.meta.targets.unit;
    m->epsilon = index.meta.targets.epsilon;
    for (uint32_t d = 0; d < kRecallDepths; d++)
        m->near_lists[d].lists = k->near[d] = (NearList *)palloc(queries * kMostRanks * sizeof(NearList));
}

} // namespace

bool can_measure_kind(const Index &index)
{
    return index.meta.trained && index.meta.targets.depth[0].reach[0] < std::numeric_limits<float>::max() / 2;
}

QueryKind measure_kind(const Inspected &target, const Index &index, Snapshot snapshot,
                       const GivenQueries &queries, const QueryNeighbours &neighbours)
{
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant kind", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    Kind k;
    open_kind(&k, target, index, snapshot, queries.count);
    for (uint32_t i = 0; i < queries.count; i++) {
        CHECK_FOR_INTERRUPTS();
        probe(&k, queries.values[i], neighbours.of(i), neighbours.depth);
    }
    heap_reader_close(&k.reader);
    const QueryKind kind = compare_queries(index.meta.targets, fit_recall_table(k.measured), today(),
                                           queries.count, index.meta.nlist);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    return kind;
}

} // namespace vq::ivf
