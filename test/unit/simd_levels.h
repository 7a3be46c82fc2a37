// One test body over all levels: a level that this CPU cannot run is reported as skipped, never passed over.
#pragma once

#include "guarded.h"
#include "simd/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace vq::simd {

class EveryLevel : public testing::TestWithParam<size_t>
{
protected:
    void SetUp() override
    {
        if (!level(GetParam()).supported)
            GTEST_SKIP() << "this CPU cannot run " << kernels().name;
    }
    const Kernels &kernels() const { return *level(GetParam()).table; }
    static const Kernels &scalar() { return *level(0).table; }
};

inline std::string level_name(const testing::TestParamInfo<size_t> &info)
{
    return level(info.param).table->name;
}

#define VQ_EVERY_LEVEL(fixture)                                                                              \
    INSTANTIATE_TEST_SUITE_P(Levels, fixture, testing::Range<size_t>(0, level_count()), level_name)

// Every length up to 130, so every tail of every width, then some large ones.
inline std::vector<size_t> lengths(size_t first)
{
    std::vector<size_t> all;
    for (size_t n = first; n <= 130; n++)
        all.push_back(n);
    for (size_t n : {191, 255, 384, 385, 784, 1000, 1535, 1536, 4099, 16000})
        all.push_back(n);
    return all;
}

class Random
{
public:
    explicit Random(size_t seed) : engine_(seed) {}
    float real() { return std::normal_distribution<float>(0, 1)(engine_); }
    uint8_t byte() { return (uint8_t)engine_(); }
    size_t below(size_t n) { return engine_() % n; }
    std::vector<float> reals(size_t n)
    {
        std::vector<float> v(n);
        for (float &x : v)
            x = real();
        return v;
    }
    std::vector<uint8_t> bytes(size_t n)
    {
        std::vector<uint8_t> v(n);
        for (uint8_t &x : v)
            x = byte();
        return v;
    }

private:
    std::mt19937_64 engine_;
};

// A sum in double with the sum of absolute terms, which the bound in kernels.h speaks of.
struct Exact
{
    double sum = 0, absolute = 0;
    void add(double term) { sum += term, absolute += std::fabs(term); }
    double bound(size_t n) const { return (double)n * 0x1p-22 * absolute; }
};

inline void expect_within(float got, const Exact &exact, size_t n, const char *what)
{
    EXPECT_LE(std::fabs((double)got - exact.sum), exact.bound(n)) << what << ", n = " << n << ", got " << got;
}

} // namespace vq::simd
