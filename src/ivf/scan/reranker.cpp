#include "ivf/scan/reranker.h"

#include "ivf/store/fine.h"
#include "ivf/store/refine.h"

namespace vq::ivf {

void reranker_open(Reranker *r, const Index &index, Relation heap, Relation rel, Snapshot snapshot,
                   SpillFile *spill, size_t bytes)
{
    queue_begin(&r->refined, spill, bytes);
    const uint32_t dims = index.meta.options.dims;
    r->record = (uint8_t *)palloc(index.fine_record_bytes + 1);
    r->decoded = (float *)palloc(dims * sizeof(float));
    r->scratch = (float *)palloc(2 * dims * sizeof(float));
    if (index.has_refine())
        r->cell = refine_cell((Element)index.meta.refine, dims, index.refine_image,
                              (float *)palloc(dims * sizeof(float)));
    r->looked_at = 0;
    heap_reader_open(&r->heap, heap, rel, snapshot, index.element(), dims);
}

void reranker_close(Reranker *r)
{
    heap_reader_close(&r->heap);
}

static float codec_fine_bound(const ScanQuery &query, const ProbedList &list, const Candidate &c,
                              const uint8_t *record)
{
    if (!fits_float(list))
        return c.lower;
    float factors[3];
    memcpy(factors, record, sizeof factors);
    float dot = query.index->codec->scan_fine(list.tables, c.acc, record + sizeof factors);
    return list.add + factors[0] + factors[1] * dot - query.epsilon * list.distance * factors[2];
}

// From the refine code in r->record, read from that block: the exact distance (true), or a bound.
static bool refined_distance(Relation rel, Reranker *r, const ScanQuery &query, BlockNumber block,
                             double *distance, double *bound)
{
    const Index &index = *query.index;
    const uint8_t *part = r->record + codec_fine_part(index.shape);
    const float error = get_refined(rel, index, block, part, r->decoded, &r->cell);
    if (error == 0) {
        *distance = decoded_distance(query.exact, r->decoded);
        return true;
    }
    *bound = refined_bound(query.exact, r->decoded, error, r->cell, r->scratch);
    return false;
}

static void look_at_record(Relation rel, Reranker *r, const ScanQuery &query, const ProbedList &list,
                           const Candidate &c, Results *results)
{
    read_fine(rel, *query.index, c.fine, r->record);
    double distance, bound;
    if (!query.index->has_refine())
        bound = codec_fine_bound(query, list, c, r->record);
    else if (refined_distance(rel, r, query, c.fine.block(), &distance, &bound)) {
        results_push(results, {distance, c.tid, 0, RowState::Unseen});
        return;
    }
    const uint8_t turn = (uint8_t)(drawn_place(c.tid) >> 24);
    queue_push(&r->refined, {bound > c.lower ? bound : (double)c.lower, c.tid, turn, RowState::Unseen});
}

// False if the snapshot does not see the row.
static bool look_at_row(Reranker *r, const ScanQuery &query, const ItemPointerData &tid, double *distance,
                        Results *results, ScanStats *stats)
{
    stats->reranked++;
    if (!heap_distance(&r->heap, query.exact, tid, distance))
        return false;
    results_push(results, {*distance, tid, 0, RowState::Visible});
    return true;
}

void look_at(Relation rel, Reranker *r, const ScanQuery &query, const ProbedList &list, const Candidate &c,
             Results *results, ScanStats *stats)
{
    r->looked_at++;
    if (!query.index->has_fine()) {
        double distance;
        if (look_at_row(r, query, c.tid, &distance, results, stats))
            twins_saw(&r->twins, twin_key(c), distance);
        return;
    }
    stats->refined++;
    look_at_record(rel, r, query, list, c, results);
}

double score_of_twins(const Reranker &r, const ScanQuery &query)
{
    return Max(score_of_distance(query.exact, r.twins.distance), r.twins.key.bound);
}

void look_at_refined(Reranker *r, const ScanQuery &query, Results *results, ScanStats *stats)
{
    const QueuedRow row = queue_pop(&r->refined);
    // A bound of nothing is that of any row that is nearer than its code is off.
    const bool may_be_twin = row.state != RowState::Twin && row.distance > least_score(query.exact.metric);
    if (may_be_twin && twins_are_alike(r->twins, twin_key(row.distance))) {
        queue_push(&r->refined, {score_of_twins(*r, query), row.tid, 0, RowState::Twin});
        return;
    }
    double distance;
    if (look_at_row(r, query, row.tid, &distance, results, stats) && may_be_twin)
        twins_saw(&r->twins, twin_key(row.distance), distance);
}

} // namespace vq::ivf
