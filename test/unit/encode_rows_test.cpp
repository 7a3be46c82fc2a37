// Rows encoded together: bit for bit what they are one by one, with every codec.
#include "rq_fixture.h"

#include "core/rabitq.h"

#include <optional>

namespace vq {
namespace {

CodecOptions options_of(uint32_t dims, std::initializer_list<int32_t> values)
{
    CodecOptions options = {};
    options.dims = dims;
    options.seed = 3;
    std::copy(values.begin(), values.end(), options.value);
    return options;
}

struct Trained
{
    const CodecOps &ops;
    Memory image;
    std::optional<Memory> encoder;
    CodecShape shape;
    bool with = false; // the encoder

    Trained(const CodecOps &codec, const CodecOptions &options, size_t rows)
        : ops(codec), image(codec.image_bytes(options, rows))
    {
        Random random(options.dims);
        const Floats data = gaussian(random, rows * options.dims), zero(options.dims, 0);
        const std::vector<uint32_t> lists(rows, 0);
        TrainingSet set;
        set.rows = rows, set.vectors = data.data(), set.lists = lists.data(), set.centroids = zero.data();
        Memory scratch(ops.training_bytes(options, rows) + 64);
        EXPECT_TRUE(ops.train(options, set, image.data(), scratch.data(), {}));
        shape = ops.shape(image.data());
        encoder.emplace(ops.encoder_bytes(image.data()) + 1);
        ops.make_encoder(image.data(), encoder->data());
    }

    // The first of n rows, encoded `together` at a time.
    struct Codes
    {
        std::vector<uint8_t> codes, fine;
        std::vector<RowCode> rows;
    };
    Codes encode(const Floats &residuals, const Floats &centres, const Floats &directions, size_t n,
                 size_t together) const
    {
        const size_t D = shape.space_dims;
        Codes out = {std::vector<uint8_t>(n * shape.code_bytes + 1, 0xEE),
                     std::vector<uint8_t>(n * shape.fine_bytes + 1, 0xEE), std::vector<RowCode>(n)};
        for (size_t i = 0; i < n; i += together)
            ops.encode_rows(image.data(), with ? encoder->data() : nullptr, std::min(together, n - i),
                            &residuals[i * D], &centres[i * D], &directions[i * D],
                            &out.codes[i * shape.code_bytes], &out.fine[i * shape.fine_bytes], &out.rows[i]);
        return out;
    }
    Codes one_by_one(const Floats &residuals, const Floats &centres, const Floats &directions, size_t n) const
    {
        const size_t D = shape.space_dims;
        Codes out = encode(residuals, centres, directions, 0, 1);
        for (size_t i = 0; i < n; i++) {
            std::vector<uint8_t> code(shape.code_bytes), fine(shape.fine_bytes + 1);
            out.rows.push_back(ops.encode(image.data(), with ? encoder->data() : nullptr, &residuals[i * D],
                                          &centres[i * D], &directions[i * D], code.data(), fine.data()));
            out.codes.insert(out.codes.end() - 1, code.begin(), code.end());
            out.fine.insert(out.fine.end() - 1, fine.begin(), fine.end() - 1);
        }
        return out;
    }
};

bool same_bits(const std::vector<RowCode> &a, const std::vector<RowCode> &b)
{
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(RowCode)) == 0;
}

// Rows of every magnitude, and some that are their centroid.
void check_rows(const Trained &t, std::initializer_list<size_t> counts)
{
    const size_t most = std::max(counts), D = t.shape.space_dims;
    Random random(most + D);
    Floats residuals = gaussian(random, most * D);
    for (size_t i = 0; i < most; i++)
        for (size_t d = 0; d < D; d++)
            residuals[i * D + d] *= i % 7 == 3 ? 0 : i % 5 == 2 ? 1e18f : 1;
    const Floats centres = gaussian(random, most * D), directions = gaussian(random, most * D);
    const Trained::Codes expected = t.one_by_one(residuals, centres, directions, most);
    for (size_t n : counts) {
        const Trained::Codes got = t.encode(residuals, centres, directions, most, n);
        EXPECT_EQ(got.codes, expected.codes)
            << t.ops.name << ", " << D << " dimensions, " << n << " together";
        EXPECT_EQ(got.fine, expected.fine) << t.ops.name << ", " << D << " dimensions, " << n << " together";
        EXPECT_TRUE(same_bits(got.rows, expected.rows)) << t.ops.name << ", " << D << " dimensions, " << n;
    }
}

// With what the codec encodes faster with, and without.
void check(Trained t, std::initializer_list<size_t> counts)
{
    check_rows(t, counts);
    t.with = t.ops.encoder_bytes(t.image.data()) > 0;
    if (t.with)
        check_rows(t, counts);
}

constexpr std::initializer_list<size_t> kCounts = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                                   12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                                                   23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33};

TEST(EncodeRows, ResidualQuantizer)
{
    for (uint32_t dims : {1u, 2u, 7u, 20u, 37u, 96u})
        for (int codewords : {16, 40})
            for (size_t rows : {0, 700})
                check({kCodecOps<RQ>, options_of(dims, {5, codewords}), rows}, kCounts);
    check({kCodecOps<RQ>, options_of(384, {3, 256}), 0}, kCounts);
}

TEST(EncodeRows, ResidualQuantizerOfManyDimensions)
{
    for (uint32_t dims : {1001u, 2003u, 8000u, 16000u}) // batches of 15, 7, 2 and 1
        check({kCodecOps<RQ>, options_of(dims, {2, 16}), 0}, {1, 2, 3, 16, 17});
}

TEST(EncodeRows, ProductQuantizer)
{
    for (uint32_t dims : {1u, 7u, 37u})
        check({kCodecOps<ProductQuantizer>, options_of(dims, {4, 0, ProductQuantizer::kTrained}), 700},
              kCounts);
    check({kCodecOps<ProductQuantizer>, options_of(16000, {8, 0, ProductQuantizer::kTrained}), 0}, {1, 2, 3});
}

TEST(EncodeRows, Rabitq)
{
    for (uint32_t dims : {1u, 7u, 37u})
        for (int bits : {1, 4})
            check({kCodecOps<RabitqCodec>, options_of(dims, {bits}), 0}, kCounts);
    check({kCodecOps<RabitqCodec>, options_of(16000, {8}), 0}, {1, 2, 3});
}

} // namespace
} // namespace vq
