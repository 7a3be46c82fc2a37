// Confidence interval of a mean of shares, such as the recall of several queries (docs/formulas.md, Interval of a mean).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace vq {

struct Interval // of 95 % confidence; 0 <= low <= mean <= high <= 1
{
    double mean;
    double low;
    double high;
};

// n >= 1 values in [0, 1], each the share of hits among `trials` >= 1 tries; sum and sum_sq: of the values and of their
// squares. Wilson's score interval wants a number of independent tries, but those of one value mostly hit or miss together.
// So it is given as many as would vary like the values do. Values that are all alike do not tell, and count as one try each.
inline Interval mean_interval(double sum, double sum_sq, size_t n, size_t trials) noexcept
{
    constexpr double z = 1.959964, z_sq = z * z; // of 95 % of a normal distribution
    const double mean = std::clamp(sum / (double)n, 0.0, 1.0);
    const double variance = n > 1 ? std::max(0.0, (sum_sq - sum * mean) / (double)(n - 1)) : 0;
    const double most = (double)n * (double)trials;
    double tries = (double)n;
    if (variance > 1e-12)
        tries = std::clamp((double)n * mean * (1 - mean) / variance, (double)n, most);
    const double centre = (mean + z_sq / (2 * tries)) / (1 + z_sq / tries);
    const double half =
        z / (1 + z_sq / tries) * std::sqrt(mean * (1 - mean) / tries + z_sq / (4 * tries * tries));
    return {mean, std::clamp(centre - half, 0.0, mean), std::clamp(centre + half, mean, 1.0)};
}

} // namespace vq
