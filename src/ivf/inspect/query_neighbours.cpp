#include "ivf/inspect/query_neighbours.h"

#include "ivf/row/normalize.h"
#include "ivf/row/table_rows.h"
#include "ivf/row/vector_datum.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

namespace {

struct Search
{
    const Index *index;
    uint32_t count;
    const float *queries; // count x dims
    float *row;           // scratch
    size_t depth, room;   // room is twice the depth: the farther half is thrown away when it is full
    NearRow *rows;        // count x room
    size_t *held;
    float *limit; // what is farther is not among the nearest
};

bool nearer(const NearRow &a, const NearRow &b)
{
    return a.score < b.score;
}

void keep_nearest(Search *s, uint32_t i)
{
    NearRow *rows = s->rows + i * s->room;
    std::nth_element(rows, rows + s->depth - 1, rows + s->held[i], nearer);
    s->held[i] = s->depth;
    s->limit[i] = rows[s->depth - 1].score;
}

float score_between(const Index &index, const float *q, const float *x)
{
    const uint32_t dims = index.meta.options.dims;
    return index.space().metric == Metric::L2 ? simd::kernels().l2sq(q, x, dims)
                                              : -simd::kernels().dot(q, x, dims);
}

void offer(void *arg, const TableRow &row)
{
    Search *s = (Search *)arg;
    const float *x = row.x;
    const uint32_t dims = s->index->meta.options.dims;
    if (s->index->cosine()) {
        normalized(x, dims, s->row);
        x = s->row;
    }
    for (uint32_t i = 0; i < s->count; i++) {
        const float score = score_between(*s->index, s->queries + (size_t)i * dims, x);
        if (!(score < s->limit[i]))
            continue;
        s->rows[i * s->room + s->held[i]++] = {score, row.tid};
        if (s->held[i] == s->room)
            keep_nearest(s, i);
    }
}

const float *query_vectors(const Inspected &target, const Index &index, const GivenQueries &queries)
{
    const uint32_t dims = index.meta.options.dims;
    float *vectors = (float *)palloc_extended((Size)queries.count * dims * sizeof(float), MCXT_ALLOC_HUGE);
    for (uint32_t i = 0; i < queries.count; i++) {
        float *q = vectors + (size_t)i * dims;
        memcpy(q, vector_of_datum(queries.values[i], index.element(), dims, target.rel),
               dims * sizeof(float));
        if (index.cosine())
            normalized(q, dims, q);
    }
    return vectors;
}

// How deep memory allows to look.
uint32_t affordable_depth(const Index &index, uint32_t count, uint32_t least, uint32_t most)
{
    const double vectors = (double)count * index.meta.options.dims * sizeof(float);
    const double memory = maintenance_work_mem * 1024.0 - vectors;
    const double depth = memory / (2.0 * count * sizeof(NearRow));
    if (depth < least)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("%u queries need more memory than maintenance_work_mem allows", count),
                        errhint("Give fewer, or raise maintenance_work_mem.")));
    return (uint32_t)Min(depth, (double)most);
}

} // namespace

QueryNeighbours find_query_neighbours(const Inspected &target, const Index &index, Snapshot snapshot,
                                      const GivenQueries &queries, uint32_t least, uint32_t most)
{
    Search s = {};
    s.index = &index;
    s.count = queries.count;
    s.queries = query_vectors(target, index, queries);
    s.row = (float *)palloc(index.meta.options.dims * sizeof(float));
    s.depth = affordable_depth(index, queries.count, least, most);
    s.room = 2 * s.depth;
    s.rows = (NearRow *)palloc_extended(s.count * s.room * sizeof(NearRow), MCXT_ALLOC_HUGE);
    s.held = (size_t *)palloc0(s.count * sizeof(size_t));
    s.limit = (float *)palloc(s.count * sizeof(float));
    std::fill_n(s.limit, s.count, std::numeric_limits<float>::infinity());
    visit_table_rows(target.heap, target.rel, index, snapshot, offer, &s);
    size_t depth = s.depth;
    for (uint32_t i = 0; i < s.count; i++) {
        NearRow *rows = s.rows + i * s.room;
        std::sort(rows, rows + s.held[i], nearer);
        depth = Min(depth, s.held[i]);
    }
    return {(uint32_t)depth, s.rows, s.room};
}

} // namespace vq::ivf
