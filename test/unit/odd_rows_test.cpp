// Odd rows, finite all of them: what is trained on them is valid and finite, for every codec, refine code and the recall table.
#include "core/kmeans.h"
#include "core/magnitude.h"
#include "core/product_quantizer.h"
#include "core/rabitq.h"
#include "core/recall_table.h"
#include "core/residual_quantizer.h"
#include "core/scalar_quantizer.h"
#include "pq_fixture.h"

#include <cfloat>
#include <functional>
#include <numeric>

namespace vq {
namespace {

constexpr size_t kDims = 12;

// Coordinate d of row i; g is a standard normal deviate.
struct Odd
{
    const char *name;
    std::function<double(size_t i, size_t d, double g)> value;
};

const Odd kOdd[] = {
    {"ordinary", [](size_t, size_t, double g) { return g; }},
    {"zero", [](size_t, size_t, double) { return 0; }},
    {"equal", [](size_t, size_t d, double) { return 1 + (double)d; }},
    {"two values", [](size_t i, size_t d, double) { return i % 2 ? 1.0 : (double)d; }},
    {"largest", [](size_t i, size_t d, double) { return (i + d) % 2 ? FLT_MAX : -FLT_MAX; }},
    {"largest, one sign", [](size_t, size_t, double) { return (double)FLT_MAX; }},
    {"squares overflow", [](size_t, size_t, double g) { return 1e25 * g; }},
    {"squares sum up to overflow", [](size_t, size_t, double g) { return 1e18 * g; }},
    {"squares underflow", [](size_t, size_t, double g) { return 1e-25 * g; }},
    {"denormal", [](size_t, size_t, double g) { return 1e-41 * g; }},
    {"least denormal", [](size_t i, size_t, double) { return i % 3 ? 0.0 : (double)FLT_TRUE_MIN; }},
    {"one dimension constant", [](size_t, size_t d, double g) { return d == 3 ? 7.0 : g; }},
    {"all but one dimension constant", [](size_t, size_t d, double g) { return d == 3 ? g : 7.0; }},
    {"one dimension huge", [](size_t, size_t d, double g) { return d == 3 ? 1e37 * g : g; }},
    {"one dimension tiny", [](size_t, size_t d, double g) { return d == 3 ? 1e-38 * g : g; }},
    {"on a line", [](size_t i, size_t d, double) { return (double)i * (1 + (double)d); }},
    {"far from the origin", [](size_t, size_t, double g) { return 1e7 + g; }},
    {"integers", [](size_t, size_t, double g) { return std::round(30 * g); }},
    {"large integers", [](size_t, size_t, double g) { return std::round(1e9 * g); }},
    {"of every size", [](size_t i, size_t, double g) { return std::pow(10, (double)(i % 75) - 37) * g; }},
    {"one largest", [](size_t i, size_t d, double g) { return i == 5 ? (d % 2 ? FLT_MAX : -FLT_MAX) : g; }},
    {"one not zero", [](size_t i, size_t, double g) { return i == 5 ? g : 0; }},
};

Floats rows_of(const Odd &odd, size_t n)
{
    Random random(11);
    Floats x(n * kDims);
    for (size_t i = 0; i < x.size(); i++)
        x[i] = (float)std::clamp(odd.value(i / kDims, i % kDims, random.normal()), -(double)FLT_MAX,
                                 (double)FLT_MAX);
    return x;
}

// The sample's mean, as the builder takes it.
Floats mean_of(const Floats &x)
{
    Floats mean(kDims, 0);
    const size_t n = x.size() / kDims;
    for (size_t d = 0; d < kDims && n > 0; d++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += x[i * kDims + d];
        mean[d] = (float)(sum / (double)n);
    }
    return mean;
}

struct Case
{
    CodecOps ops;
    std::vector<int32_t> values;
};

const Case kCases[] = {
    {kCodecOps<RabitqCodec>, {1}},
    {kCodecOps<RabitqCodec>, {5}},
    {kCodecOps<ProductQuantizer>, {4, ProductQuantizer::kAuto}},
    {kCodecOps<ProductQuantizer>, {5, 200'000, ProductQuantizer::kRandom}},
    {kCodecOps<ResidualQuantizer>, {3, 16}},
    {kCodecOps<ResidualQuantizer>, {3, 16, 8}},
    {kCodecOps<ResidualQuantizer>, {3, 16, 0, ResidualQuantizer::kTrained}},
    {kCodecOps<ResidualQuantizer>, {3, 16, 4, ResidualQuantizer::kTrained}},
};

void expect_number(const RowCode &code, const std::string &what)
{
    for (float v : {code.scale, code.sigma}) {
        EXPECT_FALSE(std::isnan(v)) << what;
        EXPECT_GE(v, 0) << what;
    }
    EXPECT_FALSE(std::isnan(code.centre_dot)) << what;
}

void expect_sound(const Case &c, const Floats &data, const Floats &centroid, const std::string &what)
{
    CodecOptions o = {};
    o.dims = kDims;
    o.seed = 3;
    std::copy(c.values.begin(), c.values.end(), o.value);
    const OneList training(data, centroid);
    const size_t n = training.set.rows;
    Memory image(c.ops.image_bytes(o, n)), scratch(c.ops.training_bytes(o, n));
    ASSERT_TRUE(c.ops.train(o, training.set, image.data(), scratch.data(), {})) << what;
    ASSERT_TRUE(c.ops.valid(image.data(), image.size(), kDims)) << what;
    const CodecShape shape = c.ops.shape(image.data());
    const Floats zero(shape.space_dims, 0);
    Floats residual(kDims), moved(shape.space_dims);
    Memory code(shape.code_bytes), fine(shape.fine_bytes + 1), state(shape.query_bytes);
    for (size_t i = 0; i < std::min<size_t>(n, 20); i++) {
        for (size_t d = 0; d < kDims; d++)
            residual[d] = data[i * kDims + d] - centroid[d];
        c.ops.transform(image.data(), residual.data(), moved.data());
        if (!all_finite(moved.data(), moved.size()))
            continue; // the engine leaves such rows to the exact comparison
        expect_number(c.ops.encode(image.data(), nullptr, moved.data(), zero.data(), moved.data(),
                                   code.data(), fine.data()),
                      what);
        c.ops.prepare(image.data(), moved.data(), 0, state.data());
        const QueryHead &head = *(const QueryHead *)state.data();
        EXPECT_FALSE(std::isnan(head.mul) || std::isnan(head.offset) || std::isnan(head.table_error)) << what;
    }
}

TEST(OddRows, CodecsTrainValidImages)
{
    for (const Odd &odd : kOdd)
        for (size_t n : {1, 2, 255, 300, 700}) {
            const Floats data = rows_of(odd, n), mean = mean_of(data), zero(kDims, 0);
            for (size_t c = 0; c < std::size(kCases); c++) {
                const std::string what = std::string(odd.name) + ", " + std::to_string(n) + " rows, " +
                                         kCases[c].ops.name + " " + std::to_string(c);
                expect_sound(kCases[c], data, mean, what);
                expect_sound(kCases[c], data, zero, what + ", about the origin");
            }
        }
}

TEST(OddRows, ScalarQuantizersTrainValidImages)
{
    for (const Odd &odd : kOdd)
        for (size_t n : {0, 1, 2, 300})
            for (Element e : {Element::SQ6, Element::SQ8, Element::FP16, Element::BF16, Element::FP32}) {
                const Floats data = rows_of(odd, n);
                Floats image(sq_image_bytes(e, kDims) / sizeof(float)), decoded(kDims);
                sq_train(e, kDims, data.data(), n, image.data());
                EXPECT_TRUE(sq_valid(e, kDims, image.data())) << odd.name << ", " << n << " rows";
                Memory code(sq_code_bytes(e, kDims));
                for (size_t i = 0; i < n; i++) {
                    const float error =
                        sq_encode(e, kDims, image.data(), data.data() + i * kDims, code.data());
                    ASSERT_TRUE(std::isfinite(error) && error >= 0) << odd.name;
                    sq_decode(e, kDims, image.data(), code.data(), decoded.data());
                    ASSERT_TRUE(error == FLT_MAX || all_finite(decoded.data(), kDims)) << odd.name;
                }
            }
}

TEST(OddRows, CentroidsAreFinite)
{
    for (const Odd &odd : kOdd)
        for (size_t n : {1, 2, 300})
            for (bool spherical : {false, true}) {
                // Rows whose squares do not fit float are not given to k-means, and it works about their mean.
                Floats data = rows_of(odd, n), kept;
                const Floats mean = mean_of(data);
                for (size_t i = 0; i < n; i++) {
                    double square = 0;
                    for (size_t d = 0; d < kDims; d++)
                        square += (double)data[i * kDims + d] * data[i * kDims + d];
                    for (size_t d = 0; d < kDims && square <= 1e36; d++)
                        kept.push_back(spherical && square > 0
                                           ? (float)(data[i * kDims + d] / std::sqrt(square))
                                           : data[i * kDims + d] - mean[d] * (mean[d] < 1e18f));
                }
                KmeansOptions options;
                options.dims = kDims;
                options.rows = kept.size() / kDims;
                options.clusters = 7;
                options.spherical = spherical;
                Floats centroids(7 * kDims, NAN);
                Memory scratch(kmeans_scratch_bytes(options));
                ASSERT_TRUE(kmeans_train(options, kept.data(), centroids.data(), scratch.data()));
                EXPECT_TRUE(all_finite(centroids.data(), centroids.size()))
                    << odd.name << ", " << n << " rows, spherical " << spherical;
            }
}

// Gaps and widths of any size that are no NaN.
TEST(OddRows, RecallTablesAreValid)
{
    constexpr size_t kQueries = 20, kPlaces = 30, kNear = 100;
    const float values[] = {0, FLT_TRUE_MIN, 1e-30f, 1, 1e30f, FLT_MAX, INFINITY};
    const size_t n = std::size(values);
    for (size_t kind = 0; kind <= n; kind++)
        for (size_t width = 0; width <= n; width++)
            for (size_t places : {(size_t)1, kPlaces})
                for (bool deep : {false, true}) {
                    Random random(kind);
                    const auto value = [&](size_t k) { return values[k < n ? k : random.below(n)]; };
                    Floats gaps(kQueries * places), widths(kNear), scratch(std::max(kQueries, kNear));
                    for (size_t q = 0; q < kQueries; q++) {
                        for (size_t p = 1; p < places; p++)
                            gaps[q * places + p] = value(kind);
                        std::sort(&gaps[q * places], &gaps[q * places] + places);
                    }
                    std::vector<NearList> lists(kNear);
                    for (NearList &l : lists)
                        l = {value(kind), (uint32_t)random.below(places)};
                    for (float &w : widths)
                        w = value(width);
                    RecallMeasurements m = {};
                    m.queries = kQueries;
                    m.places = places;
                    m.gaps = gaps.data();
                    for (size_t d = 0; d < (deep ? kRecallDepths : 1); d++)
                        m.near_lists[d] = {lists.data(), kNear};
                    m.widths = widths.data();
                    m.width_count = width == n ? 0 : kNear;
                    m.default_epsilon = 1.9f;
                    m.scratch = scratch.data();
                    std::vector<FartherRow> farther;
                    for (const NearList &l : lists)
                        farther.push_back({l, value(width), value(kind)});
                    if (deep)
                        m.costs = {1e-3, 2, farther.data(), farther.size(), kQueries};
                    const RecallTable table = fit_recall_table(m);
                    EXPECT_TRUE(valid_recall_table(table)) << kind << " " << width << " " << places;
                    for (double recall : {.5, .8, .985, 1.0})
                        for (double depth : {1.0, 50.0, 1e9}) {
                            const RecallTarget t = recall_target(table, recall, depth);
                            EXPECT_FALSE(std::isnan(t.reach) || std::isnan(t.epsilon) || std::isnan(t.lists));
                        }
                }
}

} // namespace
} // namespace vq
