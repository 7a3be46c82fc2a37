#include "encoded.h"

#include "core/half.h"
#include "core/random.h"
#include "core/tile.h"

#include <algorithm>
#include <cmath>

namespace vq::bench {

namespace {

bool train_image(const VectorSet &set, const Lists &lists, Encoded *e)
{
    const Coding &coding = e->coding;
    const size_t dims = set.base.dims,
                 rows = std::min(coding.ops->training_rows(coding.options), set.base.rows);
    std::vector<uint32_t> of_row(rows);
    for (size_t i = 0; i < rows; i++)
        of_row[i] = lists.of_row[lists.order[i]];
    TrainingSet training;
    training.rows = rows;
    training.vectors = set.base.data.data();
    training.which = lists.order.data();
    training.lists = of_row.data();
    training.centroids = lists.centroids.data();
    training.toward_vector = coding.toward_vector;
    const size_t bytes = coding.ops->image_bytes(coding.options, rows);
    e->image = Aligned(bytes);
    Aligned scratch(coding.ops->training_bytes(coding.options, rows));
    const double start = now();
    const bool trained =
        coding.ops->train(coding.options, training, e->image.data(), scratch.data(), Progress());
    e->train_seconds = now() - start;
    return trained && coding.ops->valid(e->image.data(), bytes, (uint32_t)dims);
}

void move_centroids(const Lists &lists, Encoded *e)
{
    const size_t D = e->shape.space_dims, dims = e->space.dims;
    std::vector<float> y(D), scratch(dims);
    for (size_t list = 0; list < lists.count; list++) {
        space_transform(e->space, &lists.centroids[list * dims], 1, y.data(), scratch.data());
        for (float &v : y) {
            e->centroids.push_back(float_to_bf16(v));
            v = bf16_to_float(e->centroids.back());
        }
        e->terms.push_back(centroid_terms(e->space, y.data()));
    }
}

void move_rows(const VectorSet &set, const Encoded &e, MovedRows *moved)
{
    const size_t D = e.shape.space_dims, dims = e.space.dims;
    std::vector<float> fixed(dims), probe(D), scratch(dims);
    Random random(1);
    for (float &v : fixed)
        v = (float)random.normal();
    e.coding.ops->transform(e.space.image, fixed.data(), probe.data());
    if (probe == moved->probe)
        return;
    moved->probe = probe;
    moved->rows.resize(set.base.rows * D);
    const double start = now();
    for (size_t row = 0; row < set.base.rows; row++)
        space_transform(e.space, set.base.row(row), 1, &moved->rows[row * D], scratch.data());
    moved->seconds = now() - start;
}

// What is summed over all rows.
struct Errors
{
    double norm_sq = 0, plain = 0, scaled = 0;

    void add(const float *r, const float *decoded, float length, float scale, size_t D)
    {
        for (size_t d = 0; d < D; d++) {
            const double plain_error = r[d] - (double)length * decoded[d],
                         error = r[d] - (double)scale * decoded[d];
            norm_sq += (double)r[d] * r[d];
            plain += plain_error * plain_error;
            scaled += error * error;
        }
    }
};

class RowEncoder
{
public:
    RowEncoder(Encoded *e, const MovedRows &moved)
        : e_(*e), moved_(moved), D_(e->shape.space_dims), residual_(simd::kTileRows * D_),
          centre_(simd::kTileRows * D_), direction_(simd::kTileRows * D_), decoded_(D_),
          fine_(simd::kTileRows * (e->shape.fine_bytes + 1)),
          codes_(simd::kTileRows * (size_t)e->shape.code_bytes)
    {
    }

    // Up to 32 rows of one list. Times the encoding alone; errors and the plain factors are for the benchmark.
    void tile(size_t list, size_t place, const uint32_t *rows, size_t n)
    {
        uint8_t *out = e_.tiles.data() + place * e_.tile_bytes;
        float *add = (float *)(out + e_.tile_codes());
        uint16_t *scale = (uint16_t *)(add + simd::kTileRows), *err = scale + simd::kTileRows;
        const size_t bytes = e_.shape.code_bytes;
        for (size_t i = 0, at = 0; i < n; i++)
            for (size_t d = 0; d < D_; d++, at++) {
                const float y = moved_.rows[rows[i] * D_ + d];
                centre_[at] = bf16_to_float(e_.centroids[list * D_ + d]);
                residual_[at] = y - centre_[at];
                direction_[at] = e_.coding.toward_vector ? y + e_.mean_moved[d] : residual_[at];
            }
        RowCode found[simd::kTileRows];
        e_.coding.ops->encode_rows(e_.space.image, e_.encoder.size() > 0 ? e_.encoder.data() : nullptr, n,
                                   residual_.data(), centre_.data(), direction_.data(), codes_.data(),
                                   fine_.data(), found);
        for (size_t i = 0; i < n; i++) {
            float fine_factors[3];
            const RowFactors f =
                row_factors(e_.space, found[i], &residual_[i * D_], &centre_[i * D_], fine_factors);
            add[i] = f.add, scale[i] = f.scale, err[i] = f.err;
            scales_[i] = found[i].scale;
            centre_dots_[i] = found[i].centre_dot;
        }
        tile_pack(codes_.data(), bytes, n, bytes, out);
    }

    // The errors of the tile that was encoded last.
    void inspect(size_t place, const uint32_t *rows, size_t n, Errors *errors)
    {
        const auto &k = simd::kernels();
        for (size_t i = 0; i < n; i++) {
            const float *y = &moved_.rows[rows[i] * D_];
            for (size_t d = 0; d < D_; d++)
                residual_[d] = y[d] - centre_[d];
            e_.coding.decode(e_.space.image, &codes_[i * e_.shape.code_bytes], decoded_.data());
            const float length =
                e_.coding.length(e_.space.image, std::sqrt(k.dot(residual_.data(), residual_.data(), D_)));
            errors->add(residual_.data(), decoded_.data(), length, scales_[i], D_);
            const size_t at = place * simd::kTileRows + i;
            float fine_factors[3];
            const RowCode unscaled = {0, 0, 0, 0, 0, 0};
            const float exact =
                row_factors(e_.space, unscaled, residual_.data(), centre_.data(), fine_factors).add;
            e_.float_scale[at] = scales_[i];
            e_.float_add[at] = exact + e_.space.factor() * scales_[i] * centre_dots_[i];
            e_.plain_scale[at] = float_to_bf16(-e_.space.factor() * length);
            e_.plain_add[at] = e_.space.metric == Metric::L2
                                   ? length * length * k.dot(decoded_.data(), decoded_.data(), D_) +
                                         2 * length * k.dot(centre_.data(), decoded_.data(), D_)
                                   : -length * k.dot(e_.mean_moved.data(), decoded_.data(), D_);
        }
    }

private:
    Encoded &e_;
    const MovedRows &moved_;
    size_t D_;
    std::vector<float> residual_, centre_, direction_, decoded_;
    std::vector<uint8_t> fine_, codes_;
    float scales_[simd::kTileRows], centre_dots_[simd::kTileRows];
};

void encode_rows(const Lists &lists, const MovedRows &moved, Encoded *e)
{
    RowEncoder encoder(e, moved);
    Errors errors;
    for (size_t list = 0; list < lists.count; list++)
        for (size_t i = lists.first[list], place = e->first_tile[list]; i < lists.first[list + 1];
             i += simd::kTileRows, place++) {
            const size_t n = std::min<size_t>(simd::kTileRows, lists.first[list + 1] - i);
            const double start = now();
            encoder.tile(list, place, &lists.rows[i], n);
            e->encode_seconds += now() - start;
            encoder.inspect(place, &lists.rows[i], n, &errors);
        }
    e->nmse = errors.plain / errors.norm_sq;
    e->nmse_scaled = errors.scaled / errors.norm_sq;
}

} // namespace

bool train(const VectorSet &set, const Lists &lists, const Coding &coding, Encoded *e)
{
    e->coding = coding;
    if (!train_image(set, lists, e))
        return false;
    const uint8_t *image = e->image.data();
    e->shape = coding.ops->shape(image);
    e->encoder = Aligned(coding.ops->encoder_bytes(image));
    coding.ops->make_encoder(image, e->encoder.data());
    e->mean_moved.resize(e->shape.space_dims);
    coding.ops->transform(image, lists.mean.data(), e->mean_moved.data());
    e->space = {set.metric,
                (uint32_t)set.base.dims,
                e->shape.space_dims,
                lists.mean.data(),
                e->mean_moved.data(),
                coding.ops,
                image};
    return true;
}

void encode(const VectorSet &set, const Lists &lists, MovedRows *moved, Encoded *e)
{
    MovedRows own;
    moved = moved ? moved : &own;
    move_centroids(lists, e);
    move_rows(set, *e, moved);
    e->transform_seconds = moved->seconds;

    e->first_tile.assign(1, 0);
    for (size_t list = 0; list < lists.count; list++) {
        const uint32_t rows = lists.first[list + 1] - lists.first[list];
        e->first_tile.push_back(e->first_tile.back() + (rows + simd::kTileRows - 1) / simd::kTileRows);
    }
    e->tile_bytes = e->tile_codes() + simd::kTileRows * sizeof(RowFactors);
    e->tiles = Aligned(e->first_tile.back() * e->tile_bytes);
    const size_t places = e->first_tile.back() * simd::kTileRows;
    for (auto *v : {&e->plain_add, &e->float_add, &e->float_scale})
        v->resize(places);
    e->plain_scale.resize(places);
    e->encode_seconds = 0;
    encode_rows(lists, *moved, e);
}

} // namespace vq::bench
