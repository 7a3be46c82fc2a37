#include "ivf/scan/candidates.h"

#include "ivf/scan/twins.h"

namespace vq::ivf {

namespace {

struct Later // for heaps with the smallest on top
{
    bool operator()(const Candidate &a, const Candidate &b) const { return Before()(b, a); }
};
bool before(const Candidate &a, const Candidate &b)
{
    return Before()(a, b);
}

void resize(Candidates *c, uint32_t keep)
{
    if (c->items && keep == c->keep)
        return;
    Candidate *items = (Candidate *)palloc_extended(candidates_bytes(keep), MCXT_ALLOC_HUGE);
    if (c->items) {
        memcpy(items, c->items, c->count * sizeof(Candidate));
        pfree(c->items);
    }
    c->items = items;
    c->keep = keep;
}

void truncate(Candidates *c)
{
    std::nth_element(c->items, c->items + c->keep - 1, c->items + c->count, Before());
    c->count = c->keep;
    c->last = c->items[c->keep - 1];
    c->truncated = true;
    c->threshold = std::nextafter(c->last.lower, std::numeric_limits<float>::infinity());
}

} // namespace

size_t candidates_bytes(uint32_t keep)
{
    return 2 * (size_t)keep * sizeof(Candidate);
}

void candidates_begin(Candidates *c)
{
    *c = {};
    c->threshold = std::numeric_limits<float>::infinity();
}

void candidates_open(Candidates *c, uint32_t more, uint32_t most)
{
    resize(c, Max(c->keep, Min(c->count + more, most)));
}

void candidates_reopen(Candidates *c, uint32_t keep)
{
    Assert(c->count == 0 && c->truncated);
    resize(c, keep);
    c->truncated = false;
    c->threshold = std::numeric_limits<float>::infinity();
}

void candidates_add(Candidates *c, const Candidate &candidate, float error)
{
    if (c->truncated && before(c->last, candidate))
        return;
    if (c->count == 2 * c->keep)
        truncate(c);
    c->items[c->count++] = candidate;
    c->error_sum += std::isfinite(error) ? error : 0;
    c->error_count++;
}

void candidates_finish(Candidates *c)
{
    if (c->count > c->keep)
        truncate(c);
    std::make_heap(c->items, c->items + c->count, Later());
}

double candidates_bound(const Candidates &c)
{
    if (c.count > 0)
        return c.items[0].lower;
    return c.truncated ? (double)c.last.lower : std::numeric_limits<double>::infinity();
}

Candidate candidates_pop(Candidates *c)
{
    std::pop_heap(c->items, c->items + c->count, Later());
    return c->items[--c->count];
}

void candidates_drop_twins(Candidates *c, const TwinKey &key)
{
    Candidate *end = std::remove_if(c->items, c->items + c->count, [&](const Candidate &i) {
        return i.lower == key.bound && twin_key(i) == key;
    });
    c->count = (uint32_t)(end - c->items);
    std::make_heap(c->items, end, Later());
}

} // namespace vq::ivf
