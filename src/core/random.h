// Small seeded generators: the same seed gives the same index on every machine.
#pragma once

#include <cmath>
#include <cstdint>

namespace vq {

// SplitMix64 (Steele, Lea, Flood 2014): one 64-bit state, good enough to seed signs and to sample.
class Random
{
public:
    explicit constexpr Random(uint64_t seed) noexcept : state_(seed) {}

    constexpr uint64_t next() noexcept
    {
        uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        return z ^ (z >> 31);
    }

    // Uniform in [0, n), n >= 1 (multiply-shift; the bias is below 2^-32 for n < 2^32).
    constexpr uint64_t below(uint64_t n) noexcept
    {
        return (uint64_t)(((unsigned __int128)next() * n) >> 64);
    }

    // Uniform in [0, 1).
    constexpr double uniform() noexcept { return (double)(next() >> 11) * 0x1.0p-53; }

    // Standard normal (Box-Muller, one of the pair).
    double normal() noexcept
    {
        double u = 1.0 - uniform();
        return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * uniform());
    }

private:
    uint64_t state_;
};

} // namespace vq
