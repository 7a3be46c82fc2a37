// Numbers for people: as many digits as say something.
#pragma once

#include <cmath>

namespace vq::ivf {

inline double rounded(double x, int decimals)
{
    const double unit = std::pow(10.0, decimals);
    return std::round(x * unit) / unit; // 0.947, not 0.9470000000000001
}

// To so many digits, whatever the size of x.
inline double significant(double x, int digits)
{
    if (x == 0 || !std::isfinite(x))
        return x;
    const int place = digits - 1 - (int)std::floor(std::log10(std::fabs(x)));
    // Not by a negative power of ten, which is no number of floating point.
    return place >= 0 ? rounded(x, place) : std::round(x / std::pow(10.0, -place)) * std::pow(10.0, -place);
}

} // namespace vq::ivf
