// A product quantizer over its own data: training, encoding, and estimates through core/space.h.
#pragma once

#include "core/half.h"
#include "core/pq_image.h"
#include "core/random.h"
#include "core/space.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <new>
#include <vector>

namespace vq {

using Floats = std::vector<float>;
using PQ = ProductQuantizer;

// Exactly `bytes` bytes, 64-byte aligned, so that the sanitizer sees every byte too far.
class Memory
{
public:
    explicit Memory(size_t bytes) : bytes_(bytes), at_((uint8_t *)operator new(bytes, kAlign))
    {
        std::memset(at_, 0xA5, bytes);
    }
    Memory(const Memory &other) : Memory(other.bytes_) { std::memcpy(at_, other.at_, bytes_); }
    Memory &operator=(const Memory &) = delete;
    ~Memory() { operator delete(at_, kAlign); }

    uint8_t *data() const { return at_; }
    size_t size() const { return bytes_; }
    bool operator==(const Memory &other) const
    {
        return bytes_ == other.bytes_ && std::memcmp(at_, other.at_, bytes_) == 0;
    }

private:
    static constexpr std::align_val_t kAlign{64};
    size_t bytes_;
    uint8_t *at_;
};

inline Floats gaussian(Random &random, size_t n, double scale = 1)
{
    Floats x(n);
    for (float &v : x)
        v = (float)(scale * random.normal());
    return x;
}

// Neighbouring dimensions are alike, as the coordinates of pictures and embeddings are.
inline Floats correlated(Random &random, size_t rows, size_t dims, double rho = 0.9)
{
    Floats x = gaussian(random, rows * dims);
    for (size_t i = 0; i < x.size(); i++)
        if (i % dims)
            x[i] = (float)(rho * x[i - 1] + std::sqrt(1 - rho * rho) * x[i]);
    return x;
}

inline Floats row_of(const Floats &rows, size_t i, size_t dims)
{
    return Floats(rows.begin() + (ptrdiff_t)(i * dims), rows.begin() + (ptrdiff_t)((i + 1) * dims));
}

inline double dot(const Floats &a, const Floats &b)
{
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++)
        sum += (double)a[i] * b[i];
    return sum;
}

inline CodecOptions pq_options(uint32_t dims, int sub_dims, int32_t threshold = 0,
                               PQ::Rotation rotation = PQ::kTrained)
{
    CodecOptions options = {};
    options.dims = dims;
    options.seed = 7;
    options.value[PQ::kSubDims] = sub_dims;
    options.value[PQ::kThreshold] = threshold;
    options.value[PQ::kRotation] = rotation;
    return options;
}

inline int32_t millionths(double threshold)
{
    return (int32_t)std::lround(threshold * PQ::kUnitThreshold);
}

// The rows of `data` as training rows of one list at `centroid`, which says their dimensions. Both must live as long.
struct OneList
{
    std::vector<uint32_t> lists;
    TrainingSet set;

    OneList(const Floats &data, const Floats &centroid) : lists(data.size() / centroid.size(), 0)
    {
        set.rows = lists.size();
        set.vectors = data.data();
        set.lists = lists.data();
        set.centroids = centroid.data();
    }
    OneList(const OneList &) = delete;
    OneList &operator=(const OneList &) = delete;
};

struct PqRow
{
    RowCode found;
    std::vector<uint8_t> code;
};

// Trained on `rows` (dims floats each), which are residuals of one list at zero.
struct PqFixture
{
    using C = PQ;

    CodecOptions options;
    size_t rows;
    Memory image;
    CodecShape shape;

    PqFixture(const CodecOptions &o, const Floats &data, bool toward_vector = false)
        : options(o), rows(data.size() / o.dims), image(PQ::image_bytes(o, rows))
    {
        const Floats zero(o.dims, 0);
        OneList training(data, zero);
        training.set.toward_vector = toward_vector;
        train(training.set);
    }
    PqFixture(const CodecOptions &o, const TrainingSet &set)
        : options(o), rows(set.rows), image(PQ::image_bytes(o, set.rows))
    {
        train(set);
    }

    const pq::PqImage &header() const { return pq::header(image.data()); }
    size_t columns() const { return pq::columns(shape.space_dims, header().sub_dims); }
    size_t width(size_t j) const { return pq::width(header(), j); }

    Floats move(const Floats &x) const
    {
        Floats y(shape.space_dims);
        PQ::transform(image.data(), x.data(), y.data());
        return y;
    }
    // residual: codec space.
    PqRow encode(const Floats &residual, const Floats &centre, const Floats &direction) const
    {
        Memory code(shape.code_bytes);
        const RowCode found =
            PQ::encode(image.data(), residual.data(), centre.data(), direction.data(), code.data(), nullptr);
        return {found, std::vector<uint8_t>(code.data(), code.data() + code.size())};
    }
    PqRow encode(const Floats &residual) const
    {
        return encode(residual, Floats(shape.space_dims, 0), residual);
    }
    Floats decode(const std::vector<uint8_t> &code) const
    {
        Floats r(shape.space_dims);
        PQ::decode(image.data(), code.data(), r.data());
        return r;
    }
    size_t code_of(const PqRow &row, size_t j) const { return row.code[j / 2] >> (j % 2 ? 4 : 0) & 15; }
    // Coordinate d of centroid k in column j.
    float centroid(size_t j, size_t d, size_t k) const
    {
        return pq::codebook(header(), j)[pq::kCentroids * (1 + d) + k];
    }

    // What encoding leaves of a row: ||r - s r~||^2 / ||r||^2.
    double distortion(const Floats &residual) const
    {
        const PqRow row = encode(residual);
        const Floats r = decode(row.code);
        double sum = 0;
        for (size_t i = 0; i < r.size(); i++) {
            const double e = residual[i] - (double)row.found.scale * r[i];
            sum += e * e;
        }
        return sum / dot(residual, residual);
    }
    // Its mean over rows of the original space.
    double mean_distortion(const Floats &data) const
    {
        double sum = 0;
        const size_t n = data.size() / options.dims;
        for (size_t i = 0; i < n; i++)
            sum += distortion(move(row_of(data, i, options.dims)));
        return sum / (double)n;
    }

private:
    void train(const TrainingSet &set)
    {
        Memory scratch(PQ::training_bytes(options, set.rows));
        EXPECT_TRUE(PQ::train(options, set, image.data(), scratch.data(), {}));
        EXPECT_TRUE(PQ::valid(image.data(), image.size(), options.dims));
        shape = PQ::shape(image.data());
    }
};

// A prepared query without a space: q in codec space.
template <class Fixture>
struct PreparedQuery
{
    Memory state;

    PreparedQuery(const Fixture &f, const Floats &q) : state(f.shape.query_bytes)
    {
        Fixture::C::prepare(f.image.data(), q.data(), 0, state.data());
    }
    const QueryHead &head() const { return *(const QueryHead *)state.data(); }
    uint32_t sum(const std::vector<uint8_t> &code) const
    {
        return Fixture::C::scan_row(state.data(), code.data());
    }
    double dot(const std::vector<uint8_t> &code) const
    {
        return (double)head().mul * sum(code) + head().offset;
    }
};
using PqQuery = PreparedQuery<PqFixture>;

// --- scores ---

inline double exact_score(Metric metric, const Floats &q, const Floats &x)
{
    double sum = 0;
    for (size_t i = 0; i < q.size(); i++)
        sum += metric == Metric::L2 ? ((double)q[i] - x[i]) * ((double)q[i] - x[i]) : -(double)q[i] * x[i];
    return sum;
}

inline std::vector<uint8_t> to_bf16(const Floats &c)
{
    std::vector<uint8_t> out(2 * c.size());
    for (size_t i = 0; i < c.size(); i++) {
        const uint16_t h = float_to_bf16(c[i]);
        std::memcpy(&out[2 * i], &h, 2);
    }
    return out;
}

// A fixture seen through core/space.h, with one list at `origin`, whose centroid is rounded as an index stores it.
template <class Fixture>
struct Scores
{
    struct Estimate
    {
        double score, error; // error: one standard error
        float bound;         // as tile_bounds has it, at one standard error
        bool found;          // by a search that asks for anything below infinity
    };

    const Fixture &f;
    Floats mean, moved_mean, centre;
    Space space;

    Scores(const Fixture &fixture, Metric metric, const Floats &m, const Floats &origin)
        : f(fixture), mean(m),
          moved_mean(f.move(m)), space{metric,        f.options.dims,    f.shape.space_dims,
                                       mean.data(),   moved_mean.data(), &kCodecOps<typename Fixture::C>,
                                       f.image.data()}
    {
        centre = moved(origin);
        for (float &v : centre)
            v = bf16_to_float(float_to_bf16(v));
    }
    Scores(const Scores &) = delete;

    Floats moved(const Floats &x) const
    {
        Floats y(f.shape.space_dims), scratch(f.options.dims);
        space_transform(space, x.data(), 1, y.data(), scratch.data());
        return y;
    }
    Floats residual(const Floats &x) const
    {
        Floats r = moved(x);
        for (size_t i = 0; i < r.size(); i++)
            r[i] -= centre[i];
        return r;
    }
    auto encode(const Floats &x) const
    {
        const Floats r = residual(x);
        return f.encode(r, centre, space.metric == Metric::L2 ? r : f.move(x));
    }
    RowFactors factors(const Floats &x, const PqRow &row) const
    {
        float fine[3];
        const Floats r = residual(x);
        return row_factors(space, row.found, r.data(), centre.data(), fine);
    }
    Estimate estimate(const Floats &q, const PqRow &row, const RowFactors &factors) const
    {
        Floats q_moved(f.shape.space_dims), scratch(f.options.dims);
        const SpaceQuery query = space_query(space, q.data(), 1, q_moved.data(), scratch.data());
        const PreparedQuery<Fixture> tables(f, q_moved);
        const ListTerms list =
            list_terms(space, query, centroid_terms(space, centre.data()), to_bf16(centre).data());
        const float distance = error_distance(tables.head(), list.distance);
        uint32_t acc[simd::kTileRows] = {tables.sum(row.code)};
        float lower[simd::kTileRows];
        const uint32_t mask = simd::kernels().tile_bounds({.acc = acc,
                                                           .add = &factors.add,
                                                           .scale = &factors.scale,
                                                           .err = &factors.err,
                                                           .rows = 1,
                                                           .mul = tables.head().mul,
                                                           .offset = tables.head().offset,
                                                           .list_add = list.add,
                                                           .error_width = distance,
                                                           .threshold = INFINITY},
                                                          lower);
        // Beyond that the engine looks at every row (fits_float in ivf/scan/batch.h).
        const bool fits = std::fabs(list.add) < 1e30f && distance < 1e15f;
        return {list.add + factors.add + bf16_to_float(factors.scale) * tables.dot(row.code),
                distance * (double)bf16_to_float(factors.err), lower[0], mask == 1 || !fits};
    }
};
using PqScores = Scores<PqFixture>;

} // namespace vq
