// How many rows a bound of some width makes a query compare: measured with some rows of the sample behind those that it wants.
#pragma once

#include "core/recall_table.h"
#include "ivf/build/prober.h"

namespace vq::ivf {

// How the sample stands for a depth of the table: each query's `rows` nearest among every stride-th row of the sample.
struct DepthSample
{
    size_t stride;
    size_t rows;
    Nearest *nearest;
};

struct FartherRows
{
    FartherRow *rows; // widths in the codes' own standard errors
    size_t count;
    size_t queries;
};

// Memory: the current context.
void open_farther_rows(FartherRows *out);

// Adds those of query i, q as a scan has it, until there are enough. Its `asked` nearest rows of the sample are wanted. depths: those of
// the table, each one's ranks beyond those of the one before count.
void probe_farther_rows(Prober *p, FartherRows *out, size_t i, const float *q, const Nearest &nearest,
                        size_t asked, const DepthSample *depths, double table_rows);

// What the index's queries cost that meet these rows, in the times of scan/table_costs.h.
QueryCosts query_costs(const Index &index, const MetaPage &meta, const FartherRows &farther);

} // namespace vq::ivf
