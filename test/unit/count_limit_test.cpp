#include "core/count_limit.h"

#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <vector>

using namespace vq;

namespace {

struct Cut
{
    bool found;
    float limit;
    size_t kept;
};

Cut cut(const std::vector<float> &numbers, size_t least, size_t most)
{
    std::vector<float> x = numbers;
    x.resize(count_limit_room(numbers.size()));
    Cut result = {};
    result.found = count_limit(x.data(), numbers.size(), least, most, &result.limit);
    for (float number : numbers)
        result.kept += number <= result.limit;
    return result;
}

TEST(CountLimit, LeavesAsManyAsWanted)
{
    Random random(1);
    for (size_t n : {1, 2, 15, 16, 17, 100, 1000, 5000})
        for (int round = 0; round < 20; round++) {
            std::vector<float> x;
            for (size_t i = 0; i < n; i++)
                x.push_back((float)random.normal() * (round % 2 ? 1e-20f : 1e20f));
            const size_t least = 1 + random.below(n), most = std::min(n, least + random.below(1 + n / 8));
            const Cut c = cut(x, least, most);
            ASSERT_TRUE(c.found) << least << " to " << most << " of " << n;
            ASSERT_GE(c.kept, least);
            ASSERT_LE(c.kept, most);
        }
}

TEST(CountLimit, ExactlySoMany)
{
    std::vector<float> x;
    for (int i = 0; i < 777; i++)
        x.push_back((float)(i * 17 % 777));
    for (size_t wanted : {1, 2, 400, 776, 777})
        EXPECT_EQ(cut(x, wanted, wanted).kept, wanted);
}

TEST(CountLimit, ExtremesAndSigns)
{
    const std::vector<float> x = {-FLT_MAX, FLT_MAX, -0.0f, 0.0f, FLT_MIN, -FLT_MIN, 1e-45f, -1e-45f};
    for (size_t wanted : {1, 2, 3, 5, 6, 7, 8}) { // 0 and -0 are equal, so there is no four
        const Cut c = cut(x, wanted, wanted);
        EXPECT_TRUE(c.found) << wanted;
        EXPECT_EQ(c.kept, wanted);
    }
    EXPECT_FALSE(cut(x, 4, 4).found);
}

TEST(CountLimit, TiesLeaveNone)
{
    std::vector<float> x(100, 3.0f);
    EXPECT_FALSE(cut(x, 10, 50).found);
    EXPECT_TRUE(cut(x, 10, 100).found);
    std::fill_n(x.begin(), 30, 2.0f);
    EXPECT_EQ(cut(x, 10, 30).kept, 30u);
    EXPECT_FALSE(cut(x, 31, 99).found);
}

} // namespace
