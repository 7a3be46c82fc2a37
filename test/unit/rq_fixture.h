// A residual quantizer over its own data: training, encoding, and estimates through core/space.h.
#pragma once

#include "core/rq_image.h"
#include "pq_fixture.h"

namespace vq {

using RQ = ResidualQuantizer;

inline CodecOptions rq_options(uint32_t dims, int layers, int codewords)
{
    CodecOptions options = {};
    options.dims = dims;
    options.seed = 7;
    options.value[RQ::kLayers] = layers;
    options.value[RQ::kCodewords] = codewords;
    return options;
}

// Trained on `rows` (dims floats each), which are residuals of one list at zero.
struct RqFixture
{
    using C = RQ;

    CodecOptions options;
    size_t rows;
    Memory image;
    CodecShape shape;

    RqFixture(const CodecOptions &o, const Floats &data)
        : options(o), rows(data.size() / o.dims), image(RQ::image_bytes(o, rows))
    {
        const Floats zero(o.dims, 0);
        train(OneList(data, zero).set);
    }
    RqFixture(const CodecOptions &o, const TrainingSet &set)
        : options(o), rows(set.rows), image(RQ::image_bytes(o, set.rows))
    {
        train(set);
    }

    const rq::RqImage &header() const { return rq::header(image.data()); }
    bool has_bytes() const { return rq::has_bytes(header()); }

    Floats move(const Floats &x) const
    {
        Floats y(shape.space_dims);
        RQ::transform(image.data(), x.data(), y.data());
        return y;
    }
    PqRow encode(const Floats &residual, const Floats &centre, const Floats &direction) const
    {
        Memory code(shape.code_bytes);
        const RowCode found =
            RQ::encode(image.data(), residual.data(), centre.data(), direction.data(), code.data(), nullptr);
        return {found, std::vector<uint8_t>(code.data(), code.data() + code.size())};
    }
    PqRow encode(const Floats &residual) const
    {
        return encode(residual, Floats(shape.space_dims, 0), residual);
    }
    Floats decode(const std::vector<uint8_t> &code) const
    {
        Floats r(shape.space_dims);
        RQ::decode(image.data(), code.data(), r.data());
        return r;
    }

    // ||u - r~||^2 of a row's unit residual u.
    double error(const Floats &residual) const
    {
        const Floats r = decode(encode(residual).code);
        const double norm = std::sqrt(dot(residual, residual));
        double sum = 0;
        for (size_t i = 0; i < r.size(); i++)
            sum += (residual[i] / norm - r[i]) * (residual[i] / norm - r[i]);
        return sum;
    }
    double mean_error(const Floats &data) const
    {
        double sum = 0;
        const size_t n = data.size() / options.dims;
        for (size_t i = 0; i < n; i++)
            sum += error(row_of(data, i, options.dims));
        return sum / (double)n;
    }

private:
    void train(const TrainingSet &set)
    {
        Memory scratch(RQ::training_bytes(options, set.rows));
        EXPECT_TRUE(RQ::train(options, set, image.data(), scratch.data(), {}));
        EXPECT_TRUE(RQ::valid(image.data(), image.size(), options.dims));
        shape = RQ::shape(image.data());
    }
};

// Of the first `rows` rows.
inline void expect_same_codes_on_every_level(const RqFixture &f, const Floats &data, size_t rows)
{
    std::vector<uint8_t> expected;
    for (size_t i = 0; i < simd::level_count(); i++) {
        if (!simd::select_level(simd::level(i).table->name))
            continue;
        std::vector<uint8_t> codes;
        for (size_t r = 0; r < rows; r++)
            for (uint8_t b : f.encode(row_of(data, r, f.options.dims)).code)
                codes.push_back(b);
        if (expected.empty())
            expected = codes;
        EXPECT_EQ(codes, expected) << simd::level(i).table->name;
    }
    EXPECT_TRUE(simd::select_level("auto"));
}

using RqQuery = PreparedQuery<RqFixture>;
using RqScores = Scores<RqFixture>;

} // namespace vq
