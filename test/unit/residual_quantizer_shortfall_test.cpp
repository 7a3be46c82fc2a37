// Residual quantizer: training on rows that are too few, too alike, or mostly one: what it says of them, and that no
// codeword is wasted.
#include "rq_fixture.h"

#include <set>
#include <string>

namespace vq {
namespace {

struct Said
{
    Shortfall level;
    std::string text;
};

Said shortfall(const RqFixture &f, size_t room = 128)
{
    std::vector<char> text(room, '?');
    text[0] = 0;
    const Shortfall level = RQ::shortfall(f.image.data(), f.rows, text.data(), room);
    return {level, text.data()};
}

// n rows, the first `distinct` of which are repeated: the first of all, or one after the other.
Floats repeated(Random &random, size_t dims, size_t distinct, size_t n, bool mostly_the_first)
{
    const Floats few = gaussian(random, distinct * dims);
    Floats data;
    for (size_t i = 0; i < n; i++) {
        const size_t which = i < distinct ? i : mostly_the_first ? 0 : i % distinct;
        data.insert(data.end(), few.begin() + (ptrdiff_t)(which * dims),
                    few.begin() + (ptrdiff_t)((which + 1) * dims));
    }
    return data;
}

TEST(ResidualQuantizerShortfall, EnoughRowsSayNothing)
{
    Random random(1);
    for (int codewords : {16, 17, 40}) {
        const RqFixture f(rq_options(24, 3, codewords), gaussian(random, 128 * (size_t)codewords * 24));
        const Said said = shortfall(f);
        EXPECT_EQ(said.level, Shortfall::None);
        EXPECT_EQ(said.text, "");
    }
}

TEST(ResidualQuantizerShortfall, RowsEnoughToTrainOnButNotToBeGood)
{
    Random random(3);
    for (size_t rows : {272, 2175}) {
        const Said said = shortfall(RqFixture(rq_options(24, 3, 17), gaussian(random, rows * 24)));
        EXPECT_EQ(said.level, Shortfall::Few);
        EXPECT_EQ(said.text,
                  "Rows to train on: " + std::to_string(rows) + ". Codebooks of 17 are good from 2176 on.");
    }
}

TEST(ResidualQuantizerShortfall, TooFewRows)
{
    Random random(2);
    for (size_t rows : {1, 271}) {
        const Said said = shortfall(RqFixture(rq_options(24, 3, 17), gaussian(random, rows * 24)));
        EXPECT_EQ(said.level, Shortfall::All);
        EXPECT_EQ(said.text, "Rows to train on: " + std::to_string(rows) + ". Codebooks of 17 need 272.");
    }
}

TEST(ResidualQuantizerShortfall, RowsThatEqualTheirCentroid)
{
    const Said said = shortfall(RqFixture(rq_options(24, 3, 16), Floats(300 * 24, 0)));
    EXPECT_EQ(said.level, Shortfall::All);
    EXPECT_EQ(said.text, "Nearly all of 300 sampled rows equal the centroid of their list.");
}

TEST(ResidualQuantizerShortfall, MoreLayersThanTheRowsFill)
{
    const Floats ones = {1, 0, 0, 0, -1, 0, 0, 0}; // a codeword each, and exactly
    Floats data;
    for (int i = 0; i < 150; i++)
        data.insert(data.end(), ones.begin(), ones.end());
    const RqFixture f(rq_options(4, 24, 16), data);
    const Said said = shortfall(f);
    EXPECT_EQ(said.level, Shortfall::Part);
    EXPECT_EQ(said.text, "1 of 24 layers left next to nothing of the sampled rows.");
    EXPECT_EQ(shortfall(f, 10).text, "1 of 24 l"); // cut, and ended
    EXPECT_LT(f.mean_error(data), 1e-6);
}

// Codewords of each layer that some row takes, layer after layer.
std::vector<size_t> used_codewords(const RqFixture &f, const Floats &data)
{
    const rq::RqImage &h = f.header();
    std::vector<std::set<uint8_t>> used(h.layers);
    for (size_t i = 0; i < data.size() / h.dims; i++) {
        const Floats x = row_of(data, i, h.dims);
        Floats unit(4 * rq::quads(h.dims), 0);
        uint8_t code[rq::kMostLayers];
        rq::to_unit(x.data(), h.dims, std::sqrt(dot(x, x)), unit.data());
        rq::choose_codes(h, nullptr, 1, unit.data(), 1, code);
        for (size_t m = 0; m < h.layers; m++)
            used[m].insert(code[m]);
    }
    std::vector<size_t> counts;
    for (uint32_t m = 0; m < h.trained_layers; m++)
        counts.push_back(used[m].size());
    return counts;
}

// k-means would give nearly all codewords to the one row that makes up nearly all of the sample.
TEST(ResidualQuantizerShortfall, NoCodewordIsUnusedWhereRowsSuffice)
{
    for (size_t distinct : {32, 40, 64, 200})
        for (bool mostly_the_first : {true, false}) {
            Random random(distinct);
            const Floats data = repeated(random, 24, distinct, 640, mostly_the_first);
            const RqFixture f(rq_options(24, 3, 32), data);
            const std::vector<size_t> used = used_codewords(f, data);
            // Further layers share what the first ones leave of few rows: next to nothing of most.
            for (size_t m = 0; m < (distinct < 200 ? 1 : used.size()); m++)
                EXPECT_EQ(used[m], 32u)
                    << distinct << " rows, layer " << m << (mostly_the_first ? ", one" : "");
        }
}

// Fewer rows than codewords: each has one of its own, and none of them costs a layer.
TEST(ResidualQuantizerShortfall, FewRowsHaveACodewordEach)
{
    for (size_t distinct : {2, 5, 31}) {
        Random random(distinct);
        const Floats data = repeated(random, 24, distinct, 640, true);
        const RqFixture f(rq_options(24, 2, 32), data);
        EXPECT_EQ(used_codewords(f, data)[0], distinct);
        for (size_t i = 0; i < distinct; i++)
            EXPECT_LT(f.error(row_of(data, i, 24)), 1e-3);
    }
}

} // namespace
} // namespace vq
