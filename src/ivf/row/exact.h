// Exact distances: of the table's own vectors, or of refine codes that lost nothing. They are the operator's own values to the
// last bit, because order by index must be order by operator: the executor may merge, group and compare what it gets.
#pragma once

#include "core/refine_bound.h"
#include "ivf/store/index.h"

extern "C" {
#include "access/skey.h"
}

namespace vq::ivf {

struct ExactQuery
{
    Metric metric;
    simd::Element element;
    uint32_t dims;
    const float *vector;
    const void *stored; // its elements as the column's type has them
    double norm;        // of the vector, exactly
    double norm_sq;     // its square as the operators have it, a sum of floats
    bool is_null;
    bool unordered; // NULL, or zero but under L2: every row has the same distance
    double scale;   // of scores over distances, under L2 over their squares; see set_score_scale
    // Another extension's operator is called, since its sums may be rounded in another order; null: ours, whose functions are
    // called directly (core/distance.h).
    FmgrInfo *op;
    PGFunction own; // the operator's function, if it is ours
    Oid collation;
    Datum datum;             // the query as the operator wants it
    struct varlena *decoded; // scratch: a datum of the column's type
};

// order_by: the scan's key, with the operator's function; its argument may be NULL. Memory: in the current context, which must
// live as long as the query. Errors: DATA_EXCEPTION for a query of other dimensions.
ExactQuery exact_query(Metric metric, simd::Element element, uint32_t dims, const ScanKeyData &order_by);

// Distance of a row's value. Leaves copies in the current context if the value is compressed or out of line.
double exact_distance(const ExactQuery &query, Datum value, Relation index);

// Distance of a row whose elements are x, exactly.
double decoded_distance(const ExactQuery &query, const float *x);

// A distance on the scale of the codecs' bounds: squared L2, negative inner product, twice the cosine distance, which is the
// squared L2 distance of unit vectors. NaN, which sorts behind all numbers, becomes infinity.
double score_of_distance(const ExactQuery &query, double distance);

// Chooses the scale of scores: those of rows and query as the index has them (vector_factor). Under the inner product a query's
// length changes distances, not their order: it is brought to the usual length, if it has one. Returns what the query is
// multiplied by.
double set_score_scale(ExactQuery *query, const Index &index);

// Of the vector itself; no row's is less. Minus infinity where there is no such limit.
double least_score(Metric metric);
inline double least_distance(Metric metric)
{
    return least_score(metric); // zero, or none
}

// How far a row's distance, as the operator computes it, may be from the exact one whatever its size, as a score. The rounding that
// is a share of the score is in list_rounding and in the rows' factors.
double operator_rounding(const ExactQuery &query);

// Lower bound of the score of a row whose decoded refine code is x, when ||row - x|| = error, and the row is anywhere in the cell.
// scratch: 2 x dims floats.
double refined_bound(const ExactQuery &query, const float *x, double error, const RefineCell &cell,
                     float *scratch);

} // namespace vq::ivf
