#include "core/halves.h"

#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

using namespace vq;

namespace {

struct Rows
{
    size_t dims;
    std::vector<float> values;
    std::vector<AlongCut> which;

    size_t n() const { return which.size(); }
    void add(const std::vector<float> &row)
    {
        which.push_back({0, (uint32_t)which.size()});
        values.insert(values.end(), row.begin(), row.end());
    }
    void cut(size_t left)
    {
        std::vector<float> scratch(halves_scratch_floats(dims));
        cut_in_halves(values.data(), dims, which.data(), n(), left, scratch.data());
    }
    std::set<uint32_t> ids(size_t first, size_t end) const
    {
        std::set<uint32_t> ids;
        for (size_t i = first; i < end; i++)
            ids.insert(which[i].row);
        return ids;
    }
};

// Two clouds far apart along no axis, the rows of the first of them with even numbers.
Rows two_clouds(size_t n, size_t dims)
{
    Random random(n);
    Rows rows = {dims, {}, {}};
    for (size_t i = 0; i < n; i++) {
        std::vector<float> row(dims);
        for (size_t d = 0; d < dims; d++)
            row[d] = (float)random.normal() + (i % 2 ? 3.0f : -3.0f) * (d % 3 ? 1.0f : -1.0f);
        rows.add(row);
    }
    return rows;
}

TEST(Halves, TellCloudsApart)
{
    for (size_t n : {2, 10, 1000, 5000}) {
        Rows rows = two_clouds(n, 24);
        rows.cut(n / 2);
        EXPECT_EQ(rows.ids(0, n).size(), n) << "a row was lost";
        for (size_t i = 1; i < n / 2; i++)
            ASSERT_EQ(rows.which[i].row % 2, rows.which[0].row % 2) << n;
    }
}

TEST(Halves, OfAnySize)
{
    Rows rows = two_clouds(300, 5);
    for (size_t left : {1, 2, 149, 151, 298, 299}) {
        rows.cut(left);
        EXPECT_EQ(rows.ids(0, 300).size(), 300u);
        // Those of one side lie on one side of some number.
        float most = -1e30f;
        for (size_t i = 0; i < left; i++)
            most = std::max(most, rows.which[i].key);
        for (size_t i = left; i < 300; i++)
            ASSERT_GE(rows.which[i].key, most);
    }
}

TEST(Halves, EqualRowsAndOverflow)
{
    for (float value : {0.0f, 1.0f, 1e30f}) {
        Rows rows = {3, {}, {}};
        for (int i = 0; i < 40; i++)
            rows.add({value, -value, i % 4 ? value : -value});
        rows.cut(17);
        EXPECT_EQ(rows.ids(0, 40).size(), 40u);
    }
}

TEST(Halves, Deterministic)
{
    Rows a = two_clouds(3000, 7), b = two_clouds(3000, 7);
    a.cut(1234);
    b.cut(1234);
    EXPECT_EQ(a.ids(0, 1234), b.ids(0, 1234));
}

} // namespace
