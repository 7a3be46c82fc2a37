// Images without training rows, of every codec: made of options and seed alone, small, and told from trained ones.
#include "core/product_quantizer.h"
#include "core/rabitq.h"
#include "core/residual_quantizer.h"
#include "core/rq_image.h"
#include "pq_fixture.h"

namespace vq {
namespace {

struct Case
{
    CodecOps ops;
    std::vector<int32_t> values;
    size_t rows; // that train it; 0 = none do
};

const Case kCases[] = {
    {kCodecOps<RabitqCodec>, {1}, 0},
    {kCodecOps<RabitqCodec>, {8}, 0},
    {kCodecOps<ProductQuantizer>, {4, ProductQuantizer::kAuto}, 256},
    {kCodecOps<ProductQuantizer>, {1, 900'000}, 256},
    {kCodecOps<ResidualQuantizer>, {24, 256}, 4096},
    {kCodecOps<ResidualQuantizer>, {64, 16}, 256},
    {kCodecOps<ResidualQuantizer>, {5, 40, 8}, 640},
};

CodecOptions options_of(const Case &c, uint32_t dims)
{
    CodecOptions o = {};
    o.dims = dims;
    o.seed = 7;
    std::copy(c.values.begin(), c.values.end(), o.value);
    return o;
}

Memory image_of(const CodecOps &ops, const CodecOptions &o, const Floats &data)
{
    const Floats zero(o.dims, 0);
    const OneList training(data, zero);
    const size_t rows = training.set.rows;
    Memory image(ops.image_bytes(o, rows)), scratch(ops.training_bytes(o, rows));
    EXPECT_TRUE(ops.train(o, training.set, image.data(), scratch.data(), {}));
    EXPECT_TRUE(ops.valid(image.data(), image.size(), o.dims));
    return image;
}

TEST(Untrained, OptionsForItAreValidAndGiveASmallImage)
{
    for (const Case &c : kCases)
        for (uint32_t dims : {1u, 3u, 384u, 1536u, 16000u}) {
            const CodecOptions o = c.ops.untrained_options(options_of(c, dims));
            ASSERT_TRUE(c.ops.valid_options(o)) << c.ops.name;
            EXPECT_EQ(o.dims, dims);
            EXPECT_LE(c.ops.image_bytes(o, 0), 65536 + 1100 * (size_t)dims) << c.ops.name << " " << dims;
        }
}

TEST(Untrained, ShapeIsKnownAheadOfTraining)
{
    for (const Case &c : kCases)
        for (uint32_t dims : {20u, 33u}) {
            Random random(1);
            const CodecOptions o = options_of(c, dims);
            const Memory image = image_of(c.ops, o, gaussian(random, std::max(c.rows, (size_t)1) * dims));
            const CodecShape planned = c.ops.planned_shape(o), shape = c.ops.shape(image.data());
            EXPECT_EQ(planned.space_dims, shape.space_dims) << c.ops.name << " " << dims;
            EXPECT_EQ(planned.code_bytes, shape.code_bytes) << c.ops.name << " " << dims;
            EXPECT_EQ(planned.fine_bytes, shape.fine_bytes) << c.ops.name << " " << dims;
            EXPECT_EQ(planned.query_bytes, shape.query_bytes) << c.ops.name << " " << dims;
            EXPECT_EQ(planned.row_group, shape.row_group) << c.ops.name << " " << dims;
        }
}

TEST(Untrained, NothingOfItDependsOnRowsThatAreTooFew)
{
    for (const Case &c : kCases) {
        Random random(1);
        const CodecOptions o = options_of(c, 20);
        const Memory none = image_of(c.ops, o, {});
        EXPECT_FALSE(c.ops.trained(none.data())) << c.ops.name;
        for (size_t rows : {(size_t)1, c.rows / 2 + 1, c.rows > 0 ? c.rows - 1 : 300}) {
            const Memory few = image_of(c.ops, o, gaussian(random, rows * 20));
            EXPECT_FALSE(c.ops.trained(few.data())) << c.ops.name;
            EXPECT_TRUE(few == none) << c.ops.name << ", " << rows << " rows";
        }
        if (c.rows > 0) {
            EXPECT_TRUE(c.ops.trained(image_of(c.ops, o, gaussian(random, c.rows * 20)).data()))
                << c.ops.name;
        }
    }
}

TEST(Untrained, RowsAreStillTold)
{
    for (const Case &c : kCases) {
        Random random(2);
        const CodecOptions o = c.ops.untrained_options(options_of(c, 64));
        const Memory image = image_of(c.ops, o, {});
        const CodecShape shape = c.ops.shape(image.data());
        const Floats zero(shape.space_dims, 0);
        Floats moved(shape.space_dims);
        Memory code(shape.code_bytes), fine(shape.fine_bytes + 1), state(shape.query_bytes);
        double near = 0, far = 0; // estimates of <q, x> for a query that equals its row, and for others
        for (int i = 0; i < 50; i++) {
            const Floats x = gaussian(random, 64);
            c.ops.transform(image.data(), x.data(), moved.data());
            const RowCode found = c.ops.encode(image.data(), nullptr, moved.data(), zero.data(), moved.data(),
                                               code.data(), fine.data());
            for (const bool self : {true, false}) {
                if (!self)
                    c.ops.transform(image.data(), gaussian(random, 64).data(), moved.data());
                c.ops.prepare(image.data(), moved.data(), 0, state.data());
                const QueryHead &head = *(const QueryHead *)state.data();
                const double estimate =
                    (double)found.scale *
                    ((double)head.mul * c.ops.scan_row(state.data(), code.data()) + (double)head.offset);
                (self ? near : far) += estimate / 50;
            }
        }
        EXPECT_GT(near, 30) << c.ops.name; // 64 where codes tell all
        EXPECT_LT(std::fabs(far), 10) << c.ops.name;
    }
}

// FNV-1a
uint64_t hash(const uint8_t *bytes, size_t n)
{
    uint64_t h = 0xcbf29ce484222325;
    for (size_t i = 0; i < n; i++)
        h = (h ^ bytes[i]) * 0x100000001b3;
    return h;
}

// Indexes are written without these bytes, and need them ever after: a change is a new kFormatVersion (ivf/store/format.h).
// Left out is the header of the residual quantizer, whose measurements may differ in the last bit.
TEST(Untrained, ASeedMakesTheSameOnEveryLevelAndInEveryVersion)
{
    const uint64_t expected[] = {3910087706551740139u,  14171987098271723694u, 7627461860614262926u,
                                 14121097970123553337u, 1323232181756822654u,  9598502597061653426u,
                                 5088548847240271849u};
    for (size_t i = 0; i < simd::level_count(); i++) {
        if (!simd::select_level(simd::level(i).table->name))
            continue;
        for (size_t c = 0; c < std::size(kCases); c++) {
            const CodecOps &ops = kCases[c].ops;
            const Memory image = image_of(ops, ops.untrained_options(options_of(kCases[c], 100)), {});
            const size_t skipped = ops.id == ResidualQuantizer::kId ? sizeof(rq::RqImage) : 0;
            EXPECT_EQ(hash(image.data() + skipped, image.size() - skipped), expected[c])
                << ops.name << " " << c << ", " << simd::level(i).table->name;
        }
    }
    EXPECT_TRUE(simd::select_level("auto"));
}

// Whose images are made again with so many layers.
TEST(Untrained, TheResidualQuantizersLayersStayWhatTheyWere)
{
    const auto layers = [](int32_t wanted, int32_t codewords, int32_t weights) {
        CodecOptions o = {100, 1, {}};
        o.value[ResidualQuantizer::kLayers] = wanted;
        o.value[ResidualQuantizer::kCodewords] = codewords;
        o.value[ResidualQuantizer::kWeightBits] = weights;
        return ResidualQuantizer::untrained_options(o).value[ResidualQuantizer::kLayers];
    };
    EXPECT_EQ(layers(24, 256, 0), 48);
    EXPECT_EQ(layers(40, 256, 0), 64);
    EXPECT_EQ(layers(64, 17, 0), 64);
    EXPECT_EQ(layers(64, 17, 8), 64);
    EXPECT_EQ(layers(64, 16, 0), 64);
    EXPECT_EQ(layers(96, 17, 0), 96);
}

TEST(Untrained, DamagedOptionsAreRefused)
{
    for (const Case &c : kCases) {
        CodecOptions o = options_of(c, 20);
        EXPECT_TRUE(c.ops.valid_options(o));
        for (size_t i = 0; i < c.values.size(); i++)
            for (int32_t bad : {-2, 1 << 30, INT32_MIN}) {
                const int32_t was = o.value[i];
                o.value[i] = bad;
                EXPECT_FALSE(c.ops.valid_options(o)) << c.ops.name << " option " << i << ": " << bad;
                o.value[i] = was;
            }
    }
}

} // namespace
} // namespace vq
