#include "ivf/scan/candidates.h"

#include "core/count_limit.h"

#include "ivf/scan/twins.h"

namespace vq::ivf {

namespace {

constexpr uint32_t kSortedAtOnce = 32; // at least

// Brings the first of the candidates from `from` on to the front of them: at least `least`, which must not be all of them, and at most
// `most`, if ties allow that. Returns where they end. *limit: the largest bound that one of them may have; *at_tie: others have it, too.
uint32_t bring_first(Candidates *c, uint32_t from, uint32_t least, uint32_t most, float *limit, bool *at_tie)
{
    const uint32_t n = c->count - from;
    Candidate *items = c->items + from;
    for (uint32_t i = 0; i < n; i++)
        c->bounds[i] = items[i].lower;
    *at_tie = !count_limit(c->bounds, n, least, most, limit);
    if (*at_tie) {
        std::nth_element(items, items + least - 1, items + n, Before());
        *limit = items[least - 1].lower;
        return from + least;
    }
    uint32_t found = 0;
    for (uint32_t i = 0; i < n; i++)
        if (c->bounds[i] <= *limit)
            std::swap(items[found++], items[i]);
    return from + found;
}

void resize(Candidates *c, uint32_t keep)
{
    if (c->items && keep == c->keep)
        return;
    Candidate *items = (Candidate *)palloc_extended(2 * (size_t)keep * sizeof(Candidate), MCXT_ALLOC_HUGE);
    float *bounds =
        (float *)palloc_extended(count_limit_room(2 * (size_t)keep) * sizeof(float), MCXT_ALLOC_HUGE);
    if (c->items) {
        memcpy(items, c->items, c->count * sizeof(Candidate));
        pfree(c->items);
        pfree(c->bounds);
    }
    c->items = items;
    c->bounds = bounds;
    c->keep = keep;
}

void truncate(Candidates *c)
{
    // A few more than have to be: then it takes few steps to find a limit. But not all: the limit lies below a candidate, and so below what
    // was cut off before.
    const uint32_t most = Min(c->keep + c->keep / 4, c->count - 1);
    c->count = bring_first(c, 0, c->keep, most, &c->cut.lower, &c->at_tie);
    if (c->at_tie)
        c->cut = c->items[c->keep - 1];
    c->truncated = true;
    c->threshold = std::nextafter(c->cut.lower, std::numeric_limits<float>::infinity());
}

bool was_cut(const Candidates &c, const Candidate &candidate)
{
    return c.truncated && (candidate.lower > c.cut.lower || (c.at_tie && Before()(c.cut, candidate)));
}

// Sorts the next few, so that there is a first one.
void sort_further(Candidates *c)
{
    const uint32_t left = c->count - c->first, wanted = Max(kSortedAtOnce, c->first);
    float limit;
    bool at_tie;
    c->sorted = left > 2 * wanted ? bring_first(c, c->first, wanted, 2 * wanted, &limit, &at_tie) : c->count;
    std::sort(c->items + c->first, c->items + c->sorted, Before());
}

// Those left from `first` on come to the front of the array.
void close_up(Candidates *c)
{
    if (c->first > 0)
        memmove(c->items, c->items + c->first, (c->count - c->first) * sizeof(Candidate));
    c->count -= c->first;
    c->first = c->sorted = 0;
}

} // namespace

size_t candidates_bytes(uint32_t keep)
{
    return 2 * (size_t)keep * (sizeof(Candidate) + sizeof(float));
}

void candidates_begin(Candidates *c)
{
    *c = {};
    c->threshold = std::numeric_limits<float>::infinity();
}

void candidates_open(Candidates *c, uint32_t more, uint32_t most)
{
    close_up(c);
    if (c->count > c->keep)
        truncate(c);
    resize(c, Max(c->keep, Min(c->count + more, most)));
}

void candidates_reopen(Candidates *c, uint32_t keep)
{
    Assert(candidates_empty(*c) && c->truncated);
    c->first = c->sorted = c->count = 0;
    resize(c, keep);
    c->truncated = false;
    c->threshold = std::numeric_limits<float>::infinity();
}

void candidates_add(Candidates *c, const Candidate &candidate, float error)
{
    if (was_cut(*c, candidate))
        return;
    if (c->count == 2 * c->keep) {
        truncate(c);
        if (was_cut(*c, candidate))
            return;
    }
    c->items[c->count++] = candidate;
    c->error_sum += std::isfinite(error) ? error : 0;
    c->error_count++;
}

void candidates_finish(Candidates *c)
{
    if (!candidates_empty(*c))
        sort_further(c);
}

double candidates_bound(const Candidates &c)
{
    if (!candidates_empty(c))
        return c.items[c.first].lower;
    return c.truncated ? (double)c.cut.lower : std::numeric_limits<double>::infinity();
}

Candidate candidates_pop(Candidates *c)
{
    const Candidate popped = c->items[c->first++];
    if (c->first == c->sorted && !candidates_empty(*c))
        sort_further(c);
    return popped;
}

void candidates_drop_twins(Candidates *c, const TwinKey &key)
{
    const auto is_twin = [&](const Candidate &i) { return i.lower == key.bound && twin_key(i) == key; };
    const auto drop = [&](uint32_t from, uint32_t end) {
        return (uint32_t)(std::remove_if(c->items + from, c->items + end, is_twin) - c->items);
    };
    const uint32_t rest_end = drop(c->sorted, c->count), sorted_end = drop(c->first, c->sorted);
    memmove(c->items + sorted_end, c->items + c->sorted, (rest_end - c->sorted) * sizeof(Candidate));
    c->count = sorted_end + (rest_end - c->sorted);
    c->sorted = sorted_end;
    if (c->first == c->sorted && !candidates_empty(*c))
        sort_further(c);
}

} // namespace vq::ivf
