// Scores in codec space: everything that depends on the metric and on no codec. Formulas: docs/formulas.md, Geometry of
// scores and Bounds.
#pragma once

#include "core/codec.h"

#include <cmath>

namespace vq {

// A view; all memory belongs to the caller.
struct Space
{
    Metric
        metric; // L2 or InnerProduct; cosine is L2 of unit vectors, whose square is twice the cosine distance
    uint32_t dims;
    uint32_t space_dims;
    const float *mean;       // m, dims floats, original space
    const float *mean_moved; // R m, space_dims floats
    const CodecOps *ops;
    const uint8_t *image;
    float mean_norm = 0; // ||m||, for the inner product: how far its scores may be off by rounding

    float factor() const noexcept { return metric == Metric::L2 ? 2.0f : 1.0f; }
};

// What is stored with each centroid: bfloat16 coordinates *define* the centroid, so rounding costs no
// accuracy.
struct CentroidTerms
{
    float norm_sq;  // ||c||^2
    float mean_dot; // <R m, c>
};

// A list as one query sees it.
struct ListTerms
{
    float add;      // the centroid's score: ||q' - c||^2, or -<q, m + c>
    float distance; // ||q' - c||
};

// One query against a Space.
struct SpaceQuery
{
    const float *moved; // q' = R(q - m), space_dims floats
    float norm_sq;      // ||q'||^2
    float mean_dot;     // <q, m>
    bool overflow;      // q' does not fit float: bounds of this query lie below every score
};

// y = R(factor x - m), the bracket in double: of unit vectors close together little else is left. scratch: dims floats.
void space_transform(const Space &space, const float *x, double factor, float *y, float *scratch) noexcept;

CentroidTerms centroid_terms(const Space &space, const float *c) noexcept;

// The factors of a row with residual r = y - c, wide enough for its part of the rounding. fine_factors: add, scale and err of its finer code, if the codec has one.
RowFactors row_factors(const Space &space, const RowCode &code, const float *residual, const float *centre,
                       float fine_factors[3]) noexcept;

// The query factor q. q: dims floats, original space; moved: space_dims floats to be filled.
SpaceQuery space_query(const Space &space, const float *q, double factor, float *moved,
                       float *scratch) noexcept;

// The same for n queries, at most kMovedTogether, one of each array's elements for each: bit for bit what it gives one by one, but faster with some
// codecs.
constexpr size_t kMovedTogether = 5;
void space_queries(const Space &space, size_t n, const float *const *q, const double *factor,
                   float *const *moved, float *const *scratch, SpaceQuery *out) noexcept;

// centroid: space_dims bfloat16 values.
ListTerms list_terms(const Space &space, const SpaceQuery &query, const CentroidTerms &terms,
                     const uint8_t *centroid) noexcept;

// How far a sum of n products of floats, or of squared differences, may be from the exact one, as a share of the sum of absolute
// terms. Four times what random vectors show: what no sum exceeds is many times as much.
inline float sum_rounding(size_t n) noexcept
{
    return (3 + 0.25f * std::sqrt((float)n)) * 0x1p-24f;
}

// How far a list's part of a score may be off by rounding (docs/formulas.md, Rounding). centroid_norm: ||c||, distance: ||q' - c||.
float list_rounding(const Space &space, const SpaceQuery &query, float centroid_norm,
                    float distance) noexcept;

// The length that bounds are wide by: |q' - c| and the error of the query's tables, as the root of the sum of squares.
float error_distance(const QueryHead &head, float distance) noexcept;

// Scores are kept finite: a row or query whose factors overflow float gets a bound below everything, so that
// it is always looked at exactly and never lost.
constexpr float kScoreLimit = 3.0e38f;

} // namespace vq
