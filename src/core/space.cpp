#include "core/space.h"

#include "core/half.h"

#include <cmath>

namespace vq {

namespace {

float clamp_score(float v) noexcept
{
    if (std::isnan(v))
        return -kScoreLimit;
    return v > kScoreLimit ? kScoreLimit : v < -kScoreLimit ? -kScoreLimit : v;
}

// Constants beyond this could overflow in a sum with a list's score, and a bound that is not a number finds no row.
constexpr float kRowLimit = 1.0e37f;

// exact constant: ||r||^2 for L2; -<c + R m, r> for the inner product.
float exact_constant(const Space &space, const float *residual, const float *centre) noexcept
{
    const auto &k = simd::kernels();
    if (space.metric == Metric::L2)
        return k.dot(residual, residual, space.space_dims);
    return -(k.dot(centre, residual, space.space_dims) + k.dot(space.mean_moved, residual, space.space_dims));
}

} // namespace

void space_transform(const Space &space, const float *x, float *y, float *scratch) noexcept
{
    for (uint32_t i = 0; i < space.dims; i++)
        scratch[i] = x[i] - space.mean[i];
    space.ops->transform(space.image, scratch, y);
}

CentroidTerms centroid_terms(const Space &space, const float *c) noexcept
{
    const auto &k = simd::kernels();
    return {clamp_score(k.dot(c, c, space.space_dims)),
            clamp_score(k.dot(space.mean_moved, c, space.space_dims))};
}

RowFactors row_factors(const Space &space, const RowCode &code, const float *residual, const float *centre,
                       float fine_factors[3]) noexcept
{
    const float factor = space.factor();
    const float exact = exact_constant(space, residual, centre);

    // The rounded scale is used for the constant too, so that rounding leaves no bias of the order of <c, r~>.
    RowFactors f;
    f.scale = float_to_bf16(-factor * code.scale);
    f.err = float_to_bf16_up(factor * code.sigma);
    f.add = exact - bf16_to_float(f.scale) * code.centre_dot;
    if (!(std::fabs(f.add) <= kRowLimit) || !std::isfinite(code.scale) || !std::isfinite(code.sigma))
        f = {-INFINITY, 0, 0};

    fine_factors[0] = exact + factor * code.fine_scale * code.fine_centre_dot;
    fine_factors[1] = -factor * code.fine_scale;
    fine_factors[2] = factor * code.fine_sigma;
    if (!std::isfinite(fine_factors[0]) || !std::isfinite(fine_factors[1]) || !std::isfinite(fine_factors[2]))
        fine_factors[0] = -INFINITY, fine_factors[1] = fine_factors[2] = 0;
    return f;
}

SpaceQuery space_query(const Space &space, const float *q, float *moved, float *scratch) noexcept
{
    const auto &k = simd::kernels();
    space_transform(space, q, moved, scratch);
    bool overflow = false;
    for (uint32_t i = 0; i < space.space_dims; i++)
        if (!std::isfinite(moved[i]))
            overflow = true, moved[i] = 0;
    return {moved, k.dot(moved, moved, space.space_dims), clamp_score(k.dot(q, space.mean, space.dims)),
            overflow};
}

ListTerms list_terms(const Space &space, const SpaceQuery &query, const CentroidTerms &terms,
                     const uint8_t *centroid) noexcept
{
    const auto &k = simd::kernels();
    if (query.overflow)
        return {-kScoreLimit, kScoreLimit};
    if (space.metric == Metric::L2) {
        float d2 = clamp_score(k.bf16_l2sq(query.moved, centroid, space.space_dims));
        return {d2, std::sqrt(d2 > 0 ? d2 : 0)};
    }
    float dot = k.bf16_dot(query.moved, centroid, space.space_dims);
    float d2 = clamp_score(query.norm_sq + terms.norm_sq - 2 * dot);
    return {clamp_score(-(dot + terms.mean_dot + query.mean_dot)), std::sqrt(d2 > 0 ? d2 : 0)};
}

float error_distance(const QueryHead &head, float distance) noexcept
{
    float e = head.table_weight * head.table_error;
    return clamp_score(std::sqrt(distance * distance + e * e));
}

} // namespace vq
