#include "ivf/row/exact.h"

#include "core/distance.h"
#include "core/space.h"
#include "ivf/row/normalize.h"
#include "ivf/row/vector_datum.h"

namespace vq::ivf {

ExactQuery exact_query(Metric metric, simd::Element element, uint32_t dims, const ScanKeyData &order_by)
{
    ExactQuery query = {};
    query.metric = metric;
    query.element = element;
    query.dims = dims;
    const bool null = (order_by.sk_flags & SK_ISNULL) != 0;
    query.datum =
        null ? make_vector_datum(element, dims) : copy_vector_datum(order_by.sk_argument, element, dims);
    query.stored = elements_of_query(query.datum, element, dims);
    query.vector = as_floats(query.stored, element, dims);
    const double factor = unit_factor(query.vector, dims);
    query.norm = factor > 0 ? 1 / factor : 0;
    query.norm_sq = simd::kernels().dot(query.vector, query.vector, dims);
    query.is_null = null;
    query.unordered = null || (metric == Metric::InnerProduct && query.norm == 0) ||
                      (metric == Metric::Cosine && query.norm_sq == 0);
    query.scale = metric == Metric::Cosine ? 2 : 1;
    if (is_own_distance(order_by.sk_func))
        query.own = order_by.sk_func.fn_addr;
    else {
        query.op = (FmgrInfo *)palloc(sizeof(FmgrInfo));
        fmgr_info_copy(query.op, const_cast<FmgrInfo *>(&order_by.sk_func), CurrentMemoryContext);
        query.collation = order_by.sk_collation;
        query.decoded = (struct varlena *)DatumGetPointer(make_vector_datum(element, dims));
    }
    return query;
}

template <class Number>
static double own_distance(Metric metric, const Number *q, const Number *x, uint32_t dims)
{
    switch (metric) {
    case Metric::L2:
        return l2_distance(q, x, dims);
    case Metric::InnerProduct:
        return negative_inner_product(q, x, dims);
    case Metric::Cosine:
        break;
    }
    return cosine_distance(q, x, dims);
}

static double call_operator(const ExactQuery &query, Datum value)
{
    return DatumGetFloat8(FunctionCall2Coll(query.op, query.collation, value, query.datum));
}

double exact_distance(const ExactQuery &query, Datum value, Relation index)
{
    if (query.unordered)
        return 0;
    if (query.op)
        return call_operator(query, value);
    const void *x = elements_of_datum(value, query.element, query.dims, index);
    if (query.element == simd::Element::FP16)
        return own_distance(query.metric, (const uint16_t *)query.stored, (const uint16_t *)x, query.dims);
    return own_distance(query.metric, (const float *)query.stored, (const float *)x, query.dims);
}

double decoded_distance(const ExactQuery &query, const float *x)
{
    if (query.unordered)
        return 0;
    if (query.op == nullptr) // halfs give what the same numbers give as floats
        return own_distance(query.metric, query.vector, x, query.dims);
    fill_vector_datum(query.decoded, query.element, x, query.dims);
    return call_operator(query, PointerGetDatum(query.decoded));
}

double score_of_distance(const ExactQuery &query, double distance)
{
    if (std::isnan(distance))
        return std::numeric_limits<double>::infinity();
    switch (query.metric) {
    case Metric::L2:
        return distance * distance * query.scale;
    case Metric::InnerProduct:
        return distance * query.scale;
    case Metric::Cosine:
        break;
    }
    return distance * query.scale;
}

double set_score_scale(ExactQuery *query, const Index &index)
{
    const double scale = index.meta.scale;
    double factor = vector_factor(index, query->vector);
    switch (query->metric) {
    case Metric::L2:
        query->scale = scale * scale;
        break;
    case Metric::InnerProduct:
        if (query->norm > 0)
            factor = index.meta.query_norm / query->norm;
        query->scale = factor * scale;
        break;
    case Metric::Cosine:
        break;
    }
    return factor;
}

double least_score(Metric metric)
{
    return metric == Metric::InnerProduct ? -std::numeric_limits<double>::infinity() : 0;
}

double operator_rounding(const ExactQuery &query)
{
    // Products below the least normal float are rounded to its last digit.
    const double least = query.dims * 0x1p-149;
    if (query.metric == Metric::Cosine)
        return query.scale * (sum_rounding(query.dims) + least / query.norm_sq);
    return query.scale * least;
}

static double norm_of(const float *x, uint32_t dims)
{
    const float square = simd::kernels().dot(x, x, dims);
    if (square > 1e-30f && std::isfinite(square))
        return std::sqrt((double)square);
    const double factor = unit_factor(x, dims);
    return factor > 0 ? 1 / factor : 0;
}

// With e = row - x: |q - x|^2 = |q - row|^2 + 2 <q - row, e> + |e|^2, and |<q - row, e>| <= |q - row| * shift. So for a query
// that is the row itself the bound is 0, although x is as far as |e|.
static double square_of_distance(double square, double error, double shift)
{
    square -= error * error - shift * shift;
    const double d = std::sqrt(square > 0 ? square : 0) - shift;
    return d > 0 ? d * d : 0;
}

// factor_q q - factor_x x
static void difference(const ExactQuery &query, double factor_q, const float *x, double factor_x, float *out)
{
    for (uint32_t d = 0; d < query.dims; d++)
        out[d] = (float)(query.vector[d] * factor_q - x[d] * factor_x);
}

double refined_bound(const ExactQuery &query, const float *x, double error, const RefineCell &cell,
                     float *scratch)
{
    if (query.unordered)
        return 0;
    const uint32_t dims = query.dims;
    const double distance = own_distance(query.metric, query.vector, x, dims);
    if (!std::isfinite(distance)) // overflow; the row's own distance may be anything
        return -std::numeric_limits<double>::infinity();
    const double rounding = 2 * sum_rounding(dims), least = 2 * dims * 0x1p-149; // here and by the operator
    float *direction = scratch + dims;
    switch (query.metric) {
    case Metric::L2: {
        difference(query, 1, x, 1, direction);
        const double shift = error_along(cell, direction, distance, error, dims, scratch);
        return square_of_distance(distance * distance - least, error, shift) * (1 - rounding) * query.scale;
    }
    case Metric::InnerProduct: {
        const double shift = error_along(cell, query.vector, query.norm, error, dims, scratch);
        return (distance - least - query.norm * (shift + rounding * norm_of(x, dims))) * query.scale;
    }
    case Metric::Cosine:
        break;
    }
    // Of unit vectors, whose squared distance is the score. A row that is off by `error` is turned by at most asin(error / |x|), of
    // which the chord is at most sqrt(2) times as long as the error over |x|, and hardly longer than that where it is short.
    const double norm = norm_of(x, dims), turn = error / norm;
    if (!(turn < 1))
        return 0;
    const double chord = std::sqrt(2 - 2 * std::sqrt(1 - turn * turn));
    const double lengths = least / (norm * norm) + least / (query.norm * query.norm);
    const double square = query.scale * (distance - rounding - lengths);
    difference(query, 1 / query.norm, x, 1 / norm, direction);
    const double shift =
        error_along(cell, direction, std::sqrt(Max(square, 0.0)), error, dims, scratch) * chord / error;
    return square_of_distance(square, chord, shift);
}

} // namespace vq::ivf
