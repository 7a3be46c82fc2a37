#include "ivf/scan/candidates.h"

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

} // namespace

size_t candidates_bytes(uint32_t keep)
{
    return 2 * (size_t)keep * sizeof(Candidate);
}

void candidates_begin(Candidates *c, void *memory, uint32_t keep, const Candidate *after)
{
    c->items = (Candidate *)memory;
    c->count = 0;
    c->keep = keep;
    c->truncated = false;
    c->has_after = after != nullptr;
    if (after)
        c->after = *after;
    c->threshold = std::numeric_limits<float>::infinity();
    c->error_sum = 0;
    c->error_count = 0;
}

static void truncate(Candidates *c)
{
    std::nth_element(c->items, c->items + c->keep - 1, c->items + c->count, Before());
    c->count = c->keep;
    c->last = c->items[c->keep - 1];
    c->truncated = true;
    c->threshold = std::nextafter(c->last.lower, std::numeric_limits<float>::infinity());
}

void candidates_add(Candidates *c, const Candidate &candidate, float error)
{
    if (c->has_after && !before(c->after, candidate))
        return;
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

bool candidates_empty(const Candidates *c)
{
    return c->count == 0;
}

const Candidate &candidates_top(const Candidates *c)
{
    return c->items[0];
}

Candidate candidates_pop(Candidates *c)
{
    std::pop_heap(c->items, c->items + c->count, Later());
    return c->items[--c->count];
}

void candidates_push(Candidates *c, const Candidate &candidate)
{
    c->items[c->count++] = candidate;
    std::push_heap(c->items, c->items + c->count, Later());
}

} // namespace vq::ivf
