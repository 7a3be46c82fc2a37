#include "layered.h"

#include "vectors.h"

#include "core/kmeans.h"
#include "simd/kernels.h"

#include <algorithm>
#include <cmath>

namespace vq::bench {

namespace {

constexpr int kStartRounds = 3; // of kmeans_train, which looks at near centroids only; the others look at all
constexpr size_t kRowsAtOnce = 16; // to encode: products with a codebook that stays in the cache

std::vector<float> norms_sq(const Matrix &m)
{
    std::vector<float> out;
    for (size_t i = 0; i < m.rows; i++)
        out.push_back(simd::kernels().dot(m.row(i), m.row(i), m.dims));
    return out;
}

std::vector<uint32_t> nearest(const Matrix &rows, const Matrix &book)
{
    std::vector<uint32_t> list(rows.rows);
    std::vector<float> scratch(kmeans_assign_scratch_floats(book.rows));
    kmeans_assign(rows.data.data(), rows.rows, rows.dims, book.data.data(), norms_sq(book).data(), book.rows,
                  list.data(), nullptr, scratch.data());
    return list;
}

Matrix cluster(const Matrix &rows, size_t codewords, int rounds, uint64_t seed)
{
    KmeansOptions options;
    options.dims = rows.dims;
    options.rows = rows.rows;
    options.clusters = codewords;
    options.iterations = std::min(rounds, kStartRounds);
    options.seed = seed;
    Matrix book{codewords, rows.dims, std::vector<float>(codewords * rows.dims)};
    std::vector<double> scratch(kmeans_scratch_bytes(options) / sizeof(double) + 1);
    (void)kmeans_train(options, rows.data.data(), book.data.data(), scratch.data());
    for (int round = options.iterations; round < rounds; round++) {
        const std::vector<uint32_t> list = nearest(rows, book);
        std::vector<float> sum(book.data.size());
        std::vector<uint32_t> count(codewords);
        for (size_t i = 0; i < rows.rows; i++) {
            simd::kernels().axpy(1, rows.row(i), &sum[list[i] * rows.dims], rows.dims);
            count[list[i]]++;
        }
        for (size_t k = 0; k < codewords; k++)
            for (size_t d = 0; d < rows.dims && count[k] > 0; d++)
                book.row(k)[d] = sum[k * rows.dims + d] / (float)count[k];
    }
    return book;
}

Matrix to_unit(const Matrix &rows, const std::vector<float> &squares)
{
    Matrix out = rows;
    for (size_t i = 0; i < rows.rows; i++)
        for (size_t d = 0; d < rows.dims && squares[i] > 0; d++)
            out.row(i)[d] /= std::sqrt(squares[i]);
    return out;
}

// Of one row and layer: which beginning, and the codeword after it.
struct Choice
{
    float left_sq;
    uint32_t from, codeword;
    bool operator<(const Choice &other) const { return left_sq < other.left_sq; }
};

class BeamSearch
{
public:
    BeamSearch(const Layered &q, size_t layers, size_t beam, Losses *losses)
        : q_(q), beam_(beam), dims_(q.books[0].dims), losses_(*losses), left_(kRowsAtOnce * beam * dims_),
          next_(left_.size()), left_sq_(kRowsAtOnce * beam), next_sq_(left_sq_.size())
    {
        for (size_t m = 0; m < layers; m++)
            squares_.push_back(norms_sq(q.books[m]));
        losses_.left.resize(layers);
    }

    // Up to kRowsAtOnce rows; what is left of them goes to `left`.
    void run(const float *rows, size_t n, float *left)
    {
        width_ = 1;
        for (size_t i = 0; i < n; i++) {
            std::copy_n(&rows[i * dims_], dims_, &left_[i * dims_]);
            left_sq_[i] = simd::kernels().dot(&rows[i * dims_], &rows[i * dims_], dims_);
            losses_.whole += left_sq_[i];
        }
        for (size_t m = 0; m < squares_.size(); m++)
            layer(m, n);
        for (size_t i = 0; i < n && left; i++)
            std::copy_n(&left_[i * width_ * dims_], dims_, &left[i * dims_]);
    }

private:
    void layer(size_t m, size_t n)
    {
        const auto &k = simd::kernels();
        const Matrix &book = q_.books[m];
        const size_t K = book.rows, kept = std::min(beam_, width_ * K);
        dots_.resize(n * width_ * K);
        choices_.resize(width_ * K);
        k.dot_block(left_.data(), n * width_, dims_, book.data.data(), K, dims_, dims_, dots_.data(), K);
        for (size_t i = 0; i < n; i++) {
            const size_t first = i * width_;
            for (uint32_t b = 0; b < width_; b++) {
                const float sq = left_sq_[first + b], step = q_.unit ? std::sqrt(sq) : 1;
                const float *dots = &dots_[(first + b) * K];
                for (uint32_t c = 0; c < K; c++)
                    choices_[b * K + c] = {sq + step * (step * squares_[m][c] - 2 * dots[c]), b, c};
            }
            std::partial_sort(choices_.begin(), choices_.begin() + (ptrdiff_t)kept, choices_.end());
            for (size_t j = 0; j < kept; j++) {
                const Choice &choice = choices_[j];
                const float *from = &left_[(first + choice.from) * dims_];
                float *to = &next_[(i * kept + j) * dims_];
                std::copy_n(from, dims_, to);
                k.axpy(q_.unit ? -std::sqrt(left_sq_[first + choice.from]) : -1, book.row(choice.codeword),
                       to, dims_);
                next_sq_[i * kept + j] = k.dot(to, to, dims_);
            }
            losses_.left[m] += next_sq_[i * kept];
        }
        left_.swap(next_);
        left_sq_.swap(next_sq_);
        width_ = kept;
    }

    const Layered &q_;
    size_t beam_, dims_, width_ = 1; // width: beginnings of a row
    Losses &losses_;
    std::vector<std::vector<float>> squares_; // norms of each layer's codewords
    std::vector<float> left_, next_, left_sq_, next_sq_, dots_;
    std::vector<Choice> choices_;
};

} // namespace

Layered train_layered(bool unit, const Matrix &sample, size_t layers, size_t codewords, int rounds)
{
    Layered q = {unit, {}, {}};
    const double start = now();
    Matrix left = sample;
    for (size_t m = 0; m < layers; m++) {
        const std::vector<float> squares = norms_sq(left);
        const Matrix rows = unit ? to_unit(left, squares) : left;
        q.books.push_back(cluster(rows, codewords, rounds, m + 1));
        const std::vector<uint32_t> list = nearest(rows, q.books[m]);
        for (size_t i = 0; i < left.rows; i++)
            simd::kernels().axpy(unit ? -std::sqrt(squares[i]) : -1, q.books[m].row(list[i]), left.row(i),
                                 left.dims);
        q.seconds.push_back(now() - start);
    }
    return q;
}

Losses encode_layered(const Layered &quantizer, size_t layers, size_t beam, const Matrix &rows, Matrix *left)
{
    Losses losses;
    BeamSearch search(quantizer, layers, beam, &losses);
    if (left)
        *left = {rows.rows, rows.dims, std::vector<float>(rows.data.size())};
    for (size_t i = 0; i < rows.rows; i += kRowsAtOnce)
        search.run(rows.row(i), std::min(kRowsAtOnce, rows.rows - i), left ? left->row(i) : nullptr);
    return losses;
}

} // namespace vq::bench
