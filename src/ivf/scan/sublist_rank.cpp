#include "ivf/scan/sublist_rank.h"

namespace vq::ivf {

void score_sublists(const Index &index, const void *state, const Sublists &sublists, float add, uint32_t slot,
                    RankedSublist *out)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < sublists.header.entries; i++) {
        const SublistEntry &e = sublists.entries[i];
        const float dot = index.codec->sublist_dot(state, e.key, index.meta.sublist_layers);
        out[i] = {add + e.add + sublists.header.scale * dot, slot, first, e.rows, e.key};
        if (std::isnan(out[i].score)) // of a query or a centroid that does not fit float
            out[i].score = -std::numeric_limits<float>::infinity();
        first += e.rows;
    }
}

uint32_t choose_sublists(RankedSublist *all, uint32_t n, uint64_t rows)
{
    const auto nearer = [](const RankedSublist &a, const RankedSublist &b) {
        if (a.score != b.score)
            return a.score < b.score;
        return a.slot != b.slot ? a.slot < b.slot : a.first < b.first;
    };
    uint32_t low = 0, high = n; // [0, low) are chosen, [high, n) are not
    while (low < high) {
        const uint32_t middle = low + (high - low - 1) / 2;
        std::nth_element(all + low, all + middle, all + high, nearer);
        uint64_t held = 0; // by [low, middle]
        for (uint32_t i = low; i <= middle; i++)
            held += all[i].rows;
        if (held <= rows || low == middle) {
            rows -= Min(rows, held);
            low = middle + 1;
            if (rows == 0)
                break;
        } else
            high = middle;
    }
    return low + (rows > 0 && low < n); // the next one crosses the border
}

} // namespace vq::ivf
