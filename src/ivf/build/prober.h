// Rows of the sample as queries against an index that was just built: which rows are nearest to them, and in which order they
// visit the lists. What calibration measures with.
#pragma once

#include "ivf/row/rows.h"
#include "ivf/build/calibration_queries.h"
#include "ivf/build/train.h"

extern "C" {
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

constexpr size_t kNearest = 30;

// The nearest rows a query has met so far, nearest first.
struct Nearest
{
    float score[kNearest];
    uint32_t row[kNearest]; // of the sample
    size_t found;

    void offer(float s, uint32_t r)
    {
        if (found == kNearest && s >= score[found - 1])
            return;
        size_t at = found < kNearest ? found++ : found - 1;
        for (; at > 0 && score[at - 1] > s; at--)
            score[at] = score[at - 1], row[at] = row[at - 1];
        score[at] = s;
        row[at] = r;
    }
};

// Finds the nearest rows of the sample, outliers among them, of the first n queries, each one's own row left out.
// stride: only one of so many rows of the sample is looked at, drawn at random.
void nearest_in_sample(const Sample &sample, Metric metric, const CalibrationQueries &queries, size_t n,
                       size_t stride, Nearest *out);

struct Prober
{
    const Index *index; // that takes vectors in the sample's units
    const Sample *sample;
    AboutOrigins query;
    RowEncoder row;
    RoutedList *order;    // all lists, nearest first
    uint32_t *place;      // of every list in that order
    float nearest;        // rank that gaps are counted from
    MemoryContext memory; // of one query, see each_query
};

inline const float *sample_row(const Prober *p, size_t row)
{
    return p->sample->vectors + row * p->sample->dims;
}

// Allocates in the current context.
void open_prober(Prober *p, Relation rel, const Index *index, const Sample *sample);

// Prepares the query x: p->order, p->place, and the codec's state. Returns it as a scan has it: of the usual length under the inner
// product. Memory: the current context.
const float *visit_order(Prober *p, const float *x);

// A row's score as a scan estimates it.
struct Estimate
{
    double estimate;
    double error;  // the code's own standard error
    uint32_t list; // of the row
};

// state: the prepared query; list: of the row, as the query has it.
Estimate estimate_of(const Index &index, const void *state, const RoutedList &list, const EncodedRow &row);

// Whether the code says something, and the estimate is not off by rounding errors alone.
inline bool says_something(const Estimate &e, double score)
{
    const double share = (e.estimate - score) / e.error;
    return std::isfinite(share) && std::fabs(share) <= 100;
}

// Of a sample row as the metric has it, without a code.
double sample_score(const Prober *p, const float *q, const float *x);

// Estimates row x of the sample for the prepared query q. False if the code says nothing, or the estimate is off by rounding errors
// alone.
bool estimate_row(Prober *p, const float *q, const float *x, Estimate *out, double *score);

// Gap of the list at that place of the query's order.
float gap_of(const Prober *p, size_t place);

// Calls probe(i) for i in [first, end); what one call allocates is freed before the next.
template <class Probe>
void each_query(const Prober &p, size_t first, size_t end, Probe probe)
{
    for (size_t i = first; i < end; i++) {
        MemoryContext old = MemoryContextSwitchTo(p.memory);
        probe(i);
        MemoryContextSwitchTo(old);
        MemoryContextReset(p.memory);
        CHECK_FOR_INTERRUPTS();
    }
}

// The share of the visited lists' rows that sub-lists have to hold for near rows of the first n queries to be among them, all
// but a few; 1 without sub-lists. (calibrate_sublists.cpp)
float measure_sublist_share(Prober *p, uint32_t nprobe, const CalibrationQueries &queries,
                            const Nearest *nearest, size_t n, size_t neighbours);

} // namespace vq::ivf
