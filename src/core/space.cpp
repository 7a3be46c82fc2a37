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

float norm(const float *x, size_t n) noexcept
{
    return std::sqrt(simd::kernels().dot(x, x, n));
}

// Of a product or a rotation in space_dims dimensions, as a share of the lengths that meet in it.
float rounding_share(const Space &space) noexcept
{
    return 5 * 0x1p-24f + sum_rounding(space.space_dims);
}

// What rounding takes from a row's constant, and what it adds to the width of its bound, for each unit of ||q' - c||.
struct RowRounding
{
    float add;
    float err;
};

RowRounding row_rounding(const Space &space, const RowCode &code, const float *residual,
                         const float *centre) noexcept
{
    const size_t D = space.space_dims;
    // The longer of r and s r~: sigma is what s r~ has beside r, in each of D - 1 dimensions.
    const float r = norm(residual, D), beside = code.scale > 0 ? code.sigma * std::sqrt((float)(D - 1)) : 0;
    const float length = std::sqrt(r * r + beside * beside), share = rounding_share(space);
    const float c = norm(centre, D);
    if (space.metric == Metric::L2)
        return {share * length * (3 * c + 2 * length), 2.5f * share * length};
    return {2 * share * length * (2 * space.mean_norm + c), 2 * share * length};
}

} // namespace

static void centre(const Space &space, const float *x, double factor, float *out) noexcept
{
    for (uint32_t i = 0; i < space.dims; i++)
        out[i] = (float)(x[i] * factor - space.mean[i]);
}

void space_transform(const Space &space, const float *x, double factor, float *y, float *scratch) noexcept
{
    centre(space, x, factor, scratch);
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
    const RowRounding rounding = row_rounding(space, code, residual, centre);

    // The rounded scale is used for the constant too, so that rounding leaves no bias of the order of <c,
    // r~>.
    RowFactors f;
    f.scale = float_to_bf16(-factor * code.scale);
    f.err = float_to_bf16_up(factor * code.sigma + rounding.err);
    f.add = exact - bf16_to_float(f.scale) * code.centre_dot - rounding.add;
    if (!(std::fabs(f.add) <= kRowLimit) || !std::isfinite(code.scale) || !std::isfinite(code.sigma) ||
        !std::isfinite(rounding.err))
        f = {-INFINITY, 0, 0};

    fine_factors[0] = exact + factor * code.fine_scale * code.fine_centre_dot - rounding.add;
    fine_factors[1] = -factor * code.fine_scale;
    fine_factors[2] = factor * code.fine_sigma + rounding.err;
    if (!std::isfinite(fine_factors[0]) || !std::isfinite(fine_factors[1]) || !std::isfinite(fine_factors[2]))
        fine_factors[0] = -INFINITY, fine_factors[1] = fine_factors[2] = 0;
    return f;
}

static SpaceQuery moved_query(const Space &space, const float *q, double factor, float *moved) noexcept
{
    const auto &k = simd::kernels();
    bool overflow = false;
    for (uint32_t i = 0; i < space.space_dims; i++)
        if (!std::isfinite(moved[i]))
            overflow = true, moved[i] = 0;
    const float mean_dot = (float)(factor * k.dot(q, space.mean, space.dims));
    return {moved, k.dot(moved, moved, space.space_dims), clamp_score(mean_dot), overflow};
}

SpaceQuery space_query(const Space &space, const float *q, double factor, float *moved,
                       float *scratch) noexcept
{
    space_transform(space, q, factor, moved, scratch);
    return moved_query(space, q, factor, moved);
}

void space_queries(const Space &space, size_t n, const float *const *q, const double *factor,
                   float *const *moved, float *const *scratch, SpaceQuery *out) noexcept
{
    for (size_t i = 0; i < n; i++)
        centre(space, q[i], factor[i], scratch[i]);
    space.ops->transform_together(space.image, scratch, n, moved);
    for (size_t i = 0; i < n; i++)
        out[i] = moved_query(space, q[i], factor[i], moved[i]);
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

float list_rounding(const Space &space, const SpaceQuery &query, float centroid_norm, float distance) noexcept
{
    const float share = rounding_share(space);
    if (space.metric == Metric::L2)
        return clamp_score(share * distance * (2 * centroid_norm + 2 * distance));
    const float q = std::sqrt(query.norm_sq) + space.mean_norm;
    return clamp_score(2 * share * q * (space.mean_norm + centroid_norm));
}

float error_distance(const QueryHead &head, float distance) noexcept
{
    float e = head.table_weight * head.table_error;
    return clamp_score(std::sqrt(distance * distance + e * e));
}

} // namespace vq
