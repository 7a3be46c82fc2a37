// What to hand out next. The scan keeps candidates by lower bound and results by exact score: the nearest
// result goes out as soon as no candidate, seen or left out of memory, can beat it. Nothing here knows LIMIT.
#include "ivf/scan/scan.h"
#include "ivf/scan/probes.h"

#include "ivf/scan/ordered_scan.h"
#include "ivf/store/fine.h"
#include "ivf/row/normalize.h"
#include "ivf/row/vector_datum.h"
#include "pg/memory.h"
#include "ivf/store/page.h"

extern "C" {
#include "access/relscan.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

ScanStats last_scan;

namespace {

static_assert(std::is_trivially_destructible_v<Scan>);

// --- the query
// ------------------------------------------------------------------------------------------------------------

// A NULL query, and a zero one under cosine, has the same distance to every row: rows come in no particular
// order.
const float *query_vector(Scan *scan, const ScanKeyData &key)
{
    const Element element = scan->index->element();
    const uint32_t dims = scan->index->meta.options.dims;
    const size_t bytes = dims * (element == Element::FP16 ? sizeof(uint16_t) : sizeof(float));
    void *stored = palloc0(bytes);
    if (!(key.sk_flags & SK_ISNULL))
        memcpy(stored, elements_of_query(key.sk_argument, element, dims), bytes);
    scan->exact = exact_query((Metric)scan->index->meta.metric, element, dims, stored);
    scan->exact.unordered |= (key.sk_flags & SK_ISNULL) != 0;
    return scan->exact.vector;
}

void prepare_query(Scan *scan, const ScanKeyData &key)
{
    const Index &index = *scan->index;
    const uint32_t dims = index.meta.options.dims;
    const float *q = query_vector(scan, key);
    float *scratch = (float *)palloc(dims * sizeof(float));
    float *moved = (float *)pg::aligned_palloc(index.shape.space_dims * sizeof(float));
    if (index.cosine())
        q = normalized(q, dims, (float *)palloc(dims * sizeof(float)));
    scan->query = space_query(index.space, q, moved, scratch);
    scan->state = pg::aligned_palloc(index.shape.query_bytes);
    index.codec->prepare(index.space.image, moved, scan->settings.query_bits, scan->state);
}

// --- results ------------------------------------------------------------------------------------------

bool result_after(const Result &a, const Result &b)
{
    if (a.score != b.score)
        return a.score > b.score;
    return ItemPointerCompare(const_cast<ItemPointer>(&a.tid), const_cast<ItemPointer>(&b.tid)) > 0;
}

void append(Result **rows, uint32_t *count, uint32_t *capacity, const Result &row)
{
    if (*count == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 64;
        const size_t bytes = *capacity * sizeof(Result);
        *rows = (Result *)(*rows ? repalloc_huge(*rows, bytes) : palloc(bytes));
    }
    (*rows)[(*count)++] = row;
}

// An error bound holds with high probability only: a row can turn out nearer than one already given out.
// Strict order drops it, the others keep it for the batch's end, so that distances never decrease within what
// nprobe covers.
void push_result(Scan *scan, double score, const ItemPointerData &tid)
{
    if (scan->ordered && score < scan->last_score) {
        if (scan->settings.iterative != IterativeScan::StrictOrder)
            append(&scan->late, &scan->late_count, &scan->late_capacity, {score, tid});
        return;
    }
    append(&scan->results, &scan->result_count, &scan->result_capacity, {score, tid});
    std::push_heap(scan->results, scan->results + scan->result_count, result_after);
}

// Late rows join the results again. False if there are none.
bool release_late(Scan *scan)
{
    if (scan->settings.iterative != IterativeScan::StrictOrder)
        scan->ordered = false;
    const uint32_t count = scan->late_count;
    scan->late_count = 0;
    for (uint32_t i = 0; i < count; i++)
        push_result(scan, scan->late[i].score, scan->late[i].tid);
    return count > 0;
}

// --- batches of lists
// --------------------------------------------------------------------------------------------------------

// Lists of the first batch. For a target as many as lie within its reach of this query.
uint32_t first_probes(Scan *scan)
{
    const MetaPage &meta = scan->index->meta;
    if (scan->settings.target_recall > 0) {
        const RecallTarget target = recall_target(meta.targets, scan->settings.target_recall);
        return wider_by_sublists(meta, lists_within(&scan->router, target.reach));
    }
    return scan->settings.nprobe > 0 ? (uint32_t)scan->settings.nprobe : default_nprobe(meta);
}

void allocate_batches(Scan *scan)
{
    const MetaPage &meta = scan->index->meta;
    const uint32_t max_probes =
        scan->settings.max_probes > 0 ? (uint32_t)scan->settings.max_probes : meta.nlist;
    scan->settings.nprobe = (int)Min(first_probes(scan), meta.nlist);
    scan->probe_limit = Min(meta.nlist, Max(max_probes, (uint32_t)scan->settings.nprobe));
    if (scan->settings.iterative == IterativeScan::Off)
        scan->probe_limit = (uint32_t)scan->settings.nprobe;
    scan->slot_of_list = (int32_t *)palloc_extended(meta.nlist * sizeof(int32_t), MCXT_ALLOC_HUGE);
    memset(scan->slot_of_list, 0xFF, meta.nlist * sizeof(int32_t));
}

constexpr float kRounding = 2e-6f; // of the terms of a score: some dozen units in the last place

// Looks up the routed lists in the directory, each group once.
void look_up(Relation rel, Scan *scan, const RoutedList *routed, uint32_t n)
{
    const Index &index = *scan->index;
    const QueryHead &head = *(const QueryHead *)scan->state;
    for (uint32_t i = 0; i < n; i++) {
        // Bounds are sums of floats: rows that differ by less than their rounding must not be told apart by
        // them.
        const float rounding = kRounding * (std::fabs(routed[i].add) + scan->query.norm_sq);
        scan->lists[i] = {
            routed[i].list, routed[i].add - rounding, error_distance(head, routed[i].distance), {}, nullptr,
            nullptr};
        scan->slot_of_list[routed[i].list] = (int32_t)i;
    }
    Group *group = (Group *)palloc(group_bytes(index));
    bool *known = (bool *)palloc0(index.groups);
    scan->group_count = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t g = routed[i].list / index.meta.group_lists;
        const uint32_t first = g * index.meta.group_lists;
        if (known[g])
            continue;
        known[g] = true;
        read_group(rel, index, g, group);
        scan->groups[scan->group_count++] = {g, group->record.open_head};
        for (uint32_t l = 0; l < lists_of_group(index, g); l++)
            if (scan->slot_of_list[first + l] >= 0)
                scan->lists[scan->slot_of_list[first + l]].entry = group->entries[l];
    }
    pfree(known);
    pfree(group);
}

bool start_batch(Relation rel, Scan *scan)
{
    release_late(scan);
    collect(rel, scan, kFirstPass, nullptr);
    scan->batch_over = !scan->candidates.truncated;
    return true;
}

// Moves on to the next batch: nprobe lists at first, then what their sub-lists left out, then as many lists as were
// visited so far. False when there are no more.
bool next_batch(Relation rel, Scan *scan)
{
    if (scan->settings.iterative != IterativeScan::Off && choose_rest(scan))
        return start_batch(rel, scan);
    uint32_t want = scan->probed == 0 ? (uint32_t)scan->settings.nprobe : scan->probed;
    want = Min(want, scan->probe_limit - scan->probed);
    if (want == 0)
        return false;
    for (uint32_t i = 0; i < scan->list_count; i++)
        scan->slot_of_list[scan->lists[i].list] = -1;
    if (scan->lists)
        pfree(scan->lists), pfree(scan->groups);
    scan->lists = (ProbedList *)palloc_extended(want * sizeof(ProbedList), MCXT_ALLOC_HUGE);
    scan->groups = (ProbedGroup *)palloc(Min(want, scan->index->groups) * sizeof(ProbedGroup));
    RoutedList *routed = (RoutedList *)palloc_extended(want * sizeof(RoutedList), MCXT_ALLOC_HUGE);
    scan->list_count = route_next(&scan->router, want, routed);
    look_up(rel, scan, routed, scan->list_count);
    pfree(routed);
    scan->probed += scan->list_count;
    scan->stats.lists += scan->list_count;
    choose_tiles(rel, scan);
    return start_batch(rel, scan);
}

// Takes the candidates that the last pass had no room for.
void next_pass(Relation rel, Scan *scan)
{
    const Candidate after = scan->candidates.last;
    const size_t bound = (size_t)work_mem * 1024 / 2 / candidates_bytes(1);
    uint32_t keep = (uint32_t)Min((size_t)scan->candidates.keep * kGrowth, Max(bound, (size_t)kFirstPass));
    collect(rel, scan, keep, &after);
    scan->batch_over = !scan->candidates.truncated;
}

// --- refining
// ------------------------------------------------------------------------------------------------------------------

// The largest float that is not above v: a bound must not grow by rounding.
float rounded_down(double v)
{
    const float f = (float)v;
    return f > v ? std::nextafter(f, -std::numeric_limits<float>::infinity()) : f;
}

float codec_fine_bound(const Scan *scan, const Candidate &c, const uint8_t *record)
{
    const ProbedList &list = scan->lists[c.slot];
    if (!fits_float(list))
        return c.lower;
    float factors[3];
    memcpy(factors, record, sizeof factors);
    float dot = scan->index->codec->scan_fine(scan->state, c.acc, record + sizeof factors);
    return list.add + factors[0] + factors[1] * dot - scan->epsilon * list.distance * factors[2];
}

// Looks at the candidate's record: either its score becomes exact, or its bound tighter.
void refine(Relation rel, Scan *scan, Candidate c)
{
    const Index &index = *scan->index;
    read_fine(rel, index, c.fine, scan->record);
    scan->stats.refined++;
    double bound;
    if (!index.has_refine())
        bound = codec_fine_bound(scan, c, scan->record);
    else {
        const uint8_t *part = scan->record + codec_fine_part(index.shape);
        float error;
        memcpy(&error, part, sizeof error);
        sq_decode((Element)index.meta.refine, index.meta.options.dims, index.refine_image,
                  part + sizeof error, scan->decoded);
        if (error == 0) {
            check_tid(&scan->heap, c.tid); // the executor will fetch it
            push_result(scan, exact_score(scan->exact, scan->decoded), c.tid);
            return;
        }
        bound = refined_bound(scan->exact, scan->decoded, error,
                              error > scan->clamp_error ? 1 : scan->error_share);
    }
    c.refined = 1;
    if (bound > c.lower)
        c.lower = rounded_down(Min(bound, (double)kScoreLimit));
    candidates_push(&scan->candidates, c);
}

void look_at_next(Relation rel, Scan *scan)
{
    Candidate c = candidates_pop(&scan->candidates);
    scan->rerank_work += c.refined == 0;
    if (scan->index->has_fine() && !c.refined) {
        refine(rel, scan, c);
        return;
    }
    double score;
    scan->stats.reranked++;
    if (heap_score(&scan->heap, scan->exact, c.tid, &score))
        push_result(scan, score, c.tid);
}

// --- giving out
// ----------------------------------------------------------------------------------------------------------------

// Whether the nearest result may go out: no other row of the batch can be nearer, or the user's or memory's
// limit on looking is reached.
bool result_ready(const Scan *scan)
{
    if (scan->result_count == 0)
        return false;
    const double score = scan->results[0].score;
    const bool beaten =
        (!candidates_empty(&scan->candidates) && candidates_top(&scan->candidates).lower < score) ||
        (!scan->batch_over && scan->candidates.last.lower < score);
    if (!beaten || scan->exact.unordered)
        return true;
    if (scan->settings.refine_k > 0 &&
        (double)scan->rerank_work >= scan->settings.refine_k * (double)Max(scan->emitted + 1, (uint64_t)10))
        return true;
    if (scan->settings.reorder_k > 0 && scan->rerank_work >= (uint64_t)scan->settings.reorder_k)
        return true;
    return scan->result_count * sizeof(Result) > (size_t)work_mem * 1024;
}

bool next_row(Relation rel, Scan *scan, ItemPointer tid)
{
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        if (result_ready(scan)) {
            *tid = scan->results[0].tid;
            scan->last_score = scan->results[0].score;
            scan->ordered = true;
            std::pop_heap(scan->results, scan->results + scan->result_count, result_after);
            scan->result_count--;
            scan->emitted++;
            return true;
        }
        if (!candidates_empty(&scan->candidates))
            look_at_next(rel, scan);
        else if (!scan->batch_over)
            next_pass(rel, scan);
        else if (!next_batch(rel, scan) && !release_late(scan))
            return false;
    }
}

void start(IndexScanDesc desc, Scan *scan)
{
    const Index *index = scan->index = open_index(desc->indexRelation, scan->memory);
    const AccessMethod *am = access_method(desc->indexRelation);
    const uint32_t dims = index->meta.options.dims;
    scan->settings = am->settings((const IndexOptions *)desc->indexRelation->rd_options);
    scan->epsilon = (float)epsilon_of(index->meta, scan->settings) * index->meta.error_scale;
    prepare_query(scan, desc->orderByData[0]);
    route_begin(&scan->router, desc->indexRelation, index, &index->space, scan->query, scan->state);
    allocate_batches(scan);
    candidates_begin(&scan->candidates, nullptr, 1, nullptr);
    scan->batch_over = true;
    scan->record = (uint8_t *)palloc(index->fine_record_bytes + 1);
    scan->decoded = (float *)palloc(dims * sizeof(float));
    // Four standard deviations of an error whose direction is independent of the query's.
    scan->error_share = Min(1.0, 4.0 / std::sqrt((double)dims));
    scan->clamp_error = refine_error_limit(*index);
    heap_reader_open(&scan->heap, desc->heapRelation, desc->indexRelation, desc->xs_snapshot,
                     index->element(), dims);
    scan->started = true;
}

void reset(Scan *scan)
{
    if (scan->started)
        heap_reader_close(&scan->heap);
    const ScanTotals totals = scan_totals(*scan);
    MemoryContext memory = scan->memory;
    MemoryContextReset(memory);
    *scan = {};
    scan->totals = totals;
    scan->memory = memory;
}

} // namespace

ScanTotals scan_totals(const Scan &scan)
{
    ScanTotals totals = scan.totals;
    totals.searches += scan.started;
    add_stats(&totals.sum, scan.stats);
    return totals;
}

IndexScanDesc begin_scan(Relation index, int nkeys, int norderbys)
{
    IndexScanDesc desc = RelationGetIndexScan(index, nkeys, norderbys);
    Scan *scan = (Scan *)palloc0(sizeof(Scan));
    scan->memory = AllocSetContextCreate(CurrentMemoryContext, "vector_quant scan", ALLOCSET_DEFAULT_SIZES);
    desc->opaque = scan;
    return desc;
}

void rescan(IndexScanDesc desc, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
    reset((Scan *)desc->opaque);
    if (keys && nkeys > 0)
        memmove(desc->keyData, keys, (size_t)nkeys * sizeof(ScanKeyData));
    if (orderbys && norderbys > 0)
        memmove(desc->orderByData, orderbys, (size_t)norderbys * sizeof(ScanKeyData));
}

bool get_tuple(IndexScanDesc desc, ScanDirection direction)
{
    Scan *scan = (Scan *)desc->opaque;
    Assert(ScanDirectionIsForward(direction));
    (void)direction;
    if (scan->done)
        return false;
    MemoryContext old = MemoryContextSwitchTo(scan->memory);
    if (!scan->started) {
        if (desc->numberOfOrderBys != 1)
            ereport(ERROR,
                    (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                     errmsg("cannot scan %s index without order", access_method(desc->indexRelation)->name)));
        if (!IsMVCCSnapshot(desc->xs_snapshot))
            ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                            errmsg("non-MVCC snapshots are not supported with %s",
                                   access_method(desc->indexRelation)->name)));
        pgstat_count_index_scan(desc->indexRelation);
        compat_count_search(desc);
        start(desc, scan);
    }
    bool found = next_row(desc->indexRelation, scan, &desc->xs_heaptid);
    pg::toast_rest(&scan->heap.toast);
    MemoryContextSwitchTo(old);
    scan->done = !found;
    scan->stats.returned += found;
    last_scan = scan->stats;
    desc->xs_recheck = false;
    desc->xs_recheckorderby = false;
    return found;
}

void end_scan(IndexScanDesc desc)
{
    Scan *scan = (Scan *)desc->opaque;
    reset(scan);
    MemoryContextDelete(scan->memory);
    pfree(scan);
    desc->opaque = nullptr;
}

} // namespace vq::ivf
