#include "ivf/scan/results.h"

#include <algorithm>

namespace vq::ivf {

static void first_add(FirstRows *first, double distance)
{
    double *end = first->distances + first->count;
    if (first->count < first->wanted) {
        *end = distance;
        first->count++;
        std::push_heap(first->distances, end + 1, nearer);
    } else if (nearer(distance, first->distances[0])) {
        std::pop_heap(first->distances, end, nearer);
        end[-1] = distance;
        std::push_heap(first->distances, end, nearer);
    }
}

void results_begin(Results *r, SpillFile *spill, bool strict, uint32_t together, size_t bytes)
{
    *r = {};
    r->strict = strict;
    r->first.wanted = together;
    r->first.distances = (double *)palloc(together * sizeof(double));
    queue_begin(&r->waiting, spill, bytes / 3);
    queue_begin(&r->late, spill, strict ? 0 : bytes / 3);
    given_begin(&r->given, bytes / 3);
}

void results_push(Results *r, const QueuedRow &row)
{
    r->met_nan |= std::isnan(row.distance);
    if (results_together(*r))
        first_add(&r->first, row.distance);
    if (!r->order_begun || !nearer(row.distance, r->last_distance))
        queue_push(&r->waiting, row);
    else if (r->strict)
        r->dropped++;
    else
        queue_push(&r->late, row);
}

bool results_enough(const Results &r, double *farthest)
{
    if (r.first.count < r.first.wanted)
        return false;
    *farthest = r.first.distances[0];
    return true;
}

void results_put_back(Results *r, const QueuedRow *rows, uint32_t count)
{
    r->first.count = 0;
    for (uint32_t i = 0; i < count; i++)
        results_push(r, rows[i]);
}

void results_give_out(Results *r, const QueuedRow &row)
{
    r->last_distance = row.distance;
    r->order_begun = true;
    r->given_out++;
    given_add(&r->given, row.tid);
}

void results_forget(Results *r)
{
    queue_clear(&r->waiting);
    queue_clear(&r->late);
    r->dropped = 0;
}

void results_push_again(Results *r, const QueuedRow &row)
{
    r->met_nan |= std::isnan(row.distance);
    if (r->strict && r->order_begun && nearer(row.distance, r->last_distance))
        r->dropped++;
    else
        queue_push(&r->waiting, row);
}

bool results_release_late(Results *r)
{
    if (r->strict || queue_empty(r->late))
        return false;
    r->order_begun = false;
    while (!queue_empty(r->late))
        queue_push(&r->waiting, queue_pop(&r->late));
    return true;
}

} // namespace vq::ivf
