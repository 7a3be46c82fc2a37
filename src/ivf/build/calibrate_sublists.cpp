// Which share of the visited lists' rows queries need to read, where sub-lists let them read a part.
#include "ivf/store/directory.h"
#include "ivf/build/prober.h"
#include "ivf/scan/sublist_rank.h"

namespace vq::ivf {

namespace {

// Sub-lists of the first n lists in the query's order, nearest first. Rows of all of them in *rows.
RankedSublist *rank_sublists(Prober *p, uint32_t n, uint32_t *count, uint64_t *rows)
{
    const Index &index = *p->index;
    Group *group = (Group *)palloc(group_bytes(index));
    RankedSublist *all = nullptr;
    *count = 0, *rows = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t list = p->order[i].list, g = list / index.meta.group_lists;
        read_group(p->row.rel, index, g, group);
        const Sublists *s =
            read_sublists(p->row.rel, index, list, group->entries[list - g * index.meta.group_lists]);
        if (s == nullptr)
            continue;
        const size_t bytes = (*count + s->header.entries) * sizeof(RankedSublist);
        all = (RankedSublist *)(all ? repalloc_huge(all, bytes) : palloc_extended(bytes, MCXT_ALLOC_HUGE));
        score_sublists(index, tables_about(&p->query, index.origin_of(list)), *s, p->order[i].add, i,
                       all + *count);
        *count += s->header.entries;
        *rows += s->header.rows;
    }
    std::sort(all, all + *count,
              [](const RankedSublist &a, const RankedSublist &b) { return a.score < b.score; });
    return all;
}

// The share of the rows that sub-lists have passed with the one of row x; 0 if it is in none of them.
float share_needed(Prober *p, const float *x, const RankedSublist *all, uint32_t count, uint64_t rows)
{
    const Index &index = *p->index;
    EncodedRow row;
    if (!encode_row(&p->row, x, &row))
        return 0;
    const uint32_t key = index.codec->sublist_of(index.space().image, row.code, index.meta.sublist_layers);
    uint64_t passed = 0;
    for (uint32_t i = 0; i < count; i++) {
        passed += all[i].rows;
        if (all[i].key == key && p->order[all[i].slot].list == row.list)
            return (float)passed / (float)rows;
    }
    return 0;
}

} // namespace

float measure_sublist_share(Prober *p, uint32_t nprobe, const CalibrationQueries &queries,
                            const Nearest *nearest, size_t n, size_t neighbours)
{
    constexpr double kLost = 0.005;
    float *shares = (float *)palloc(n * neighbours * sizeof(float));
    size_t count = 0;
    each_query(*p, 0, n, [&](size_t i) {
        visit_order(p, query_vector(queries, i));
        uint32_t entries;
        uint64_t rows;
        const RankedSublist *all = rank_sublists(p, nprobe, &entries, &rows);
        for (size_t j = 0; j < Min(nearest[i].found, neighbours); j++) {
            const float share = share_needed(p, sample_row(p, nearest[i].row[j]), all, entries, rows);
            if (share > 0)
                shares[count++] = share;
        }
    });
    if (count == 0)
        return 1;
    std::sort(shares, shares + count);
    return Min(shares[(size_t)((1 - kLost) * (double)(count - 1))], 1.0f);
}

} // namespace vq::ivf
