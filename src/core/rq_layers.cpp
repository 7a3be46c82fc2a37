// Residual quantizer: codewords layer by layer.
#include "core/rq_work.h"

#include <cmath>

namespace vq::rq_detail {

namespace {

// kmeans_train compares a row only with centroids near its last one. Among the directions that earlier layers leave there are
// no such neighbourhoods: so it makes only the start, and rounds over all codewords follow. 16 rounds of kmeans_train and none
// over all would leave 4 % more, and take longer.
constexpr int kStartRounds = 3;
constexpr int kLloydRounds = 8;
// The start and the first kPartRounds rounds look at kPartRows rows for each codeword, the ratio (one number) at kRatioRows,
// instead of at all rows: training takes a quarter less time and leaves .3 % more (arxiv-minilm-384, 24 layers of 256
// codewords, 65,536 rows).
constexpr int kPartRounds = 4;
constexpr size_t kPartRows = 128, kRatioRows = 32;
constexpr float kRelax = 1.8f; // of steps towards means, but in the last round; 1.5 leaves .5 % more
// Least squared distance of two unit vectors for each to have a codeword: rounding a Gaussian codeword to bytes moves it by
// 6e-5.
constexpr float kLeastApart = 1e-4f;
// Mean length of what is left of unit vectors below which codewords would be rounding errors.
constexpr double kLeastLeft = 1e-3;

double mean_norm(const Trainer &t) noexcept
{
    double sum = 0;
    for (size_t i = 0; i < t.rows; i++)
        sum += t.norms()[i];
    return sum / (double)t.rows;
}

// take(row, codeword) for each of the first `rows` rows in scratch and its nearest codeword.
template <class Take>
bool each_nearest(Trainer &t, size_t layer, size_t rows, const Part &part, Take take) noexcept
{
    int8_t *bytes = reinterpret_cast<int8_t *>(t.scratch + t.l.bytes_of_rows);
    const size_t some = rows_between_calls(t, t.h->codewords) / kMostTogether + 1;
    for (size_t i = 0; i < rows; i += kMostTogether) {
        const size_t n = std::min(kMostTogether, rows - i);
        uint8_t codes[kMostTogether];
        nearest_codewords(*t.h, layer, t.row(i), n, bytes, codes);
        for (size_t j = 0; j < n; j++)
            take(i + j, codes[j]);
        if (i / kMostTogether % some == 0 && !part.go_on((double)i / (double)rows))
            return false;
    }
    return true;
}

// How many of the first rows make so many for each codeword. They are spread over the sample (read_rows).
size_t part_of_rows(const Trainer &t, size_t a_codeword) noexcept
{
    return std::min(t.rows, a_codeword * t.h->codewords);
}

// Rows in scratch are unit vectors, their lengths are in norms(). The layer's ratio is the one factor for its centroids c with
// which it leaves the least of the rows x = length * unit vector: sum of <x, c> / sum of <c, c>, c being the nearest to the
// unit vector.
bool layer_ratio(Trainer &t, size_t layer, const Part &part, double *ratio) noexcept
{
    double dots = 0, squares = 0;
    const bool done = each_nearest(t, layer, part_of_rows(t, kRatioRows), part, [&](size_t i, uint8_t k) {
        dots += (double)t.norms()[i] * simd::kernels().dot(t.row(i), t.centroid(k), t.h->dims);
        squares += norms_sq(*t.h, layer)[k];
    });
    *ratio = squares > 0 ? dots / squares : 0;
    return done;
}

// Subtracts the layer's codewords from all rows: unit vectors get their lengths, and what is left becomes unit vectors again.
bool take_layer_off(Trainer &t, size_t layer, const Part &part) noexcept
{
    for (size_t i = 0; i < t.rows; i++)
        for (size_t d = 0; d < t.h->dims; d++)
            t.row(i)[d] *= t.norms()[i];
    return each_nearest(t, layer, t.rows, part, [&](size_t i, uint8_t k) {
        (void)take_off(*t.h, layer, k, t.row(i), t.row(i));
        const double norm = residual_norm(t.row(i), t.h->dims);
        t.norms()[i] = (float)norm;
        if (norm > 1e-30)
            to_unit(t.row(i), t.h->dims, norm, t.row(i));
    });
}

// distances() become those of rows to their own centroids, squared; or, if `to` is given, to that where it is nearer. *farthest
// becomes the row with the largest one among those that share their centroid; `rows` if none is far enough.
bool farthest_row(Trainer &t, size_t layer, size_t rows, const Users &users, const float *to,
                  const Part &part, size_t *farthest) noexcept
{
    const size_t some = rows_between_calls(t, 8);
    float most = -1;
    for (size_t i = 0; i < rows; i++) {
        const uint8_t k = t.codes(i)[layer];
        float *distance = t.distances() + i;
        const float d = simd::kernels().l2sq(t.row(i), to ? to : t.centroid(k), t.h->dims);
        *distance = to ? std::min(*distance, d) : d;
        if (*distance > most && users.count[k] > 1) {
            most = *distance;
            *farthest = i;
        }
        if (i % some == 0 && !part.go_on(1))
            return false;
    }
    if (most < kLeastApart)
        *farthest = rows; // no other row is left
    return true;
}

// Each codeword without rows gets the row that is farthest from all codewords, which leaves its old one. (kmeans_train splits
// large clusters instead, which does not help where these are one row many times.)
bool seed_unused(Trainer &t, size_t layer, size_t rows, const Users &users, const Part &part) noexcept
{
    const float *last = nullptr;
    for (size_t k = 0; k < t.h->codewords; k++) {
        if (users.count[k] > 0)
            continue;
        size_t row = rows;
        if (!farthest_row(t, layer, rows, users, last, part, &row))
            return false;
        if (row == rows)
            return true;
        const uint8_t old = t.codes(row)[layer];
        users.count[old]--;
        simd::kernels().axpy(-1, t.row(row), users.sum + old * t.width, t.width);
        t.codes(row)[layer] = (uint8_t)k;
        users.add(t, row, k);
        std::copy_n(t.row(row), t.width, t.centroid(k));
        last = t.centroid(k);
    }
    return true;
}

// A round of Lloyd's algorithm over all codewords.
bool lloyd_round(Trainer &t, size_t layer, size_t rows, float relax, const Part &part) noexcept
{
    const Users users(t);
    if (!each_nearest(t, layer, rows, part,
                      [&](size_t i, uint8_t k) {
                          users.add(t, i, k);
                          t.codes(i)[layer] = k;
                      }) ||
        !seed_unused(t, layer, rows, users, part))
        return false;
    for (size_t k = 0; k < t.h->codewords; k++) {
        float *c = t.centroid(k);
        const float *sum = users.sum + k * t.width;
        for (size_t d = 0; users.count[k] > 0 && d < t.width; d++)
            c[d] += relax * (sum[d] / (float)users.count[k] - c[d]);
        set_codeword(t.h, layer, k, c);
    }
    return true;
}

// Finds the centroids of the unit vectors.
bool cluster_layer(Trainer &t, size_t layer, const Part &part) noexcept
{
    KmeansOptions options = clustering(t.options, part_of_rows(t, kPartRows));
    Part start = {part.whole, part.from, part.share * .3};
    options.seed = t.options.seed + layer;
    options.progress = Part::call;
    options.progress_arg = &start;
    if (!kmeans_train(options, t.row(0), t.centroid(0), t.scratch + t.l.kmeans))
        return false;
    for (size_t k = 0; k < t.h->codewords; k++)
        set_codeword(t.h, layer, k, t.centroid(k));
    const double share = part.share * .7 / kLloydRounds;
    for (int round = 0; round < kLloydRounds; round++)
        if (!lloyd_round(t, layer, round < kPartRounds ? part_of_rows(t, kPartRows) : t.rows,
                         round + 1 < kLloydRounds ? kRelax : 1,
                         {part.whole, part.from + part.share * .3 + share * round, share}))
            return false;
    return true;
}

bool train_layer(Trainer &t, size_t layer, const Part &part) noexcept
{
    const Part clusters = {part.whole, part.from, part.share * .8},
               ratios = {part.whole, part.from + part.share * .8, part.share * .1},
               left = {part.whole, part.from + part.share * .9, part.share * .1};
    double ratio;
    if (!cluster_layer(t, layer, clusters) || !layer_ratio(t, layer, ratios, &ratio))
        return false;
    for (size_t k = 0; k < t.h->codewords; k++) {
        for (size_t d = 0; d < t.h->dims; d++)
            t.centroid(k)[d] *= (float)ratio;
        set_codeword(t.h, layer, k, t.centroid(k));
    }
    return take_layer_off(t, layer, left);
}

} // namespace

KmeansOptions clustering(const CodecOptions &o, size_t rows) noexcept
{
    KmeansOptions k;
    k.dims = 4 * quads(o.dims);
    k.rows = rows;
    k.clusters = (size_t)o.value[ResidualQuantizer::kCodewords];
    k.iterations = kStartRounds;
    return k;
}

bool train_layers(Trainer &t, const Part &part) noexcept
{
    const double share = part.share / t.h->layers;
    for (size_t m = 0; m < t.h->layers && mean_norm(t) > kLeastLeft; m++) {
        if (!train_layer(t, m, {part.whole, part.from + share * (double)m, share}))
            return false;
        t.h->trained_layers = (uint32_t)m + 1;
    }
    return true;
}

} // namespace vq::rq_detail
