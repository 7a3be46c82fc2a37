// Numbers for people: as many digits as say something.
#pragma once

#include <algorithm>
#include <cmath>

namespace vq::ivf {

inline double rounded(double x, int decimals)
{
    const double unit = std::pow(10.0, decimals);
    return std::round(x * unit) / unit; // 0.947, not 0.9470000000000001
}

// To so many digits where that leaves decimals; else to a whole number.
inline double significant(double x, int digits)
{
    constexpr double kTiny = 1e-280; // whose last digit no power of ten reaches
    if (std::fabs(x) < kTiny || !std::isfinite(x))
        return x;
    return rounded(x, std::max(0, digits - 1 - (int)std::floor(std::log10(std::fabs(x)))));
}

// A mean of counts.
inline double rounded_mean(double x)
{
    return significant(x, 4);
}

// A ratio about 1.
inline double rounded_ratio(double x)
{
    return rounded(x, 3);
}

// A share of a whole, such as a recall: 0 and 1 are said of none and of all alone.
inline double rounded_share(double x)
{
    constexpr double kLeast = 0.0001;
    return x > 0 && x < 1 ? rounded(std::clamp(x, kLeast, 1 - kLeast), 4) : x;
}

// Milliseconds, or seconds, to the thousandth.
inline double rounded_time(double x)
{
    return rounded(x, 3);
}

} // namespace vq::ivf
