// Residual quantizer: one step of Adam, and transforms of layers.
#include "core/rq_adam.h"
#include "core/rq_weights.h"

#include <cmath>

namespace vq::rq_detail {

namespace {

// Learning rates. The paper on this quantizer has 1e-3, or 1e-2 for larger codebooks. Here a rate is in proportion to a
// coordinate of a unit vector, which is about D^(-1/2).
constexpr double kCodewordRate = 0.05; // times D^(-1/2)
constexpr double kTransformRate = 5e-4;
constexpr double kMean = 0.9, kMeanSq = 0.999, kTiny = 1e-8; // Adam's beta 1, beta 2 and epsilon

constexpr size_t kTogether = 16; // rows that are transposed together: they fill a cache line of the result

// out = the transpose of x, which is rows x columns.
void turn(const float *x, size_t rows, size_t columns, float *out) noexcept
{
    for (size_t first = 0; first < rows; first += kTogether)
        for (size_t j = 0; j < columns; j++)
            for (size_t i = first; i < std::min(rows, first + kTogether); i++)
                out[j * rows + i] = x[i * columns + j];
}

// out[i][j] = <x_i, y_j>, rows of `length` floats. Asks every few milliseconds whether to go on.
bool products(const float *x, size_t nx, const float *y, size_t ny, size_t length, float *out,
              const Work &work) noexcept
{
    const size_t some = std::max<size_t>(1, 100'000'000 / (ny * length));
    for (size_t i = 0; i < nx; i += some) {
        simd::kernels().dot_block(x + i * length, std::min(some, nx - i), length, y, ny, length, length,
                                  out + i * ny, ny);
        if (!work.go_on(0))
            return false;
    }
    return true;
}

struct Rates
{
    float share;                 // factor from the sum of what rows leave to the batch's gradient
    float codewords, transforms; // learning rates, divided by what the mean lacks because it began at 0
    float unbias_sq;             // 1 / what the mean of squares lacks because of that
};

Rates rates_of(const Adam &a, size_t batch, double fade) noexcept
{
    const double steps = (double)a.steps, rate = fade / (1 - std::pow(kMean, steps));
    return {-2 / (float)batch, (float)(rate * kCodewordRate / std::sqrt((double)a.t.h->dims)),
            (float)(rate * kTransformRate), (float)(1 / (1 - std::pow(kMeanSq, steps)))};
}

// A step of Adam: updates both running means, then x -= rate * mean / (root of mean_sq, corrected by unbias_sq).
void move(const Moved &all, size_t at, size_t n, const float *gradient, float rate, const Rates &r) noexcept
{
    float *x = all.x + at, *mean = all.mean + at, *mean_sq = all.mean_sq + at;
    for (size_t i = 0; i < n; i++) {
        const float g = r.share * gradient[i];
        mean[i] += (float)(1 - kMean) * (g - mean[i]);
        mean_sq[i] += (float)(1 - kMeanSq) * (g * g - mean_sq[i]);
        x[i] -= rate * mean[i] / (std::sqrt(mean_sq[i] * r.unbias_sq) + (float)kTiny);
    }
}

// In matrices whose rows belong to codewords: the gradients of c are g A, that of A is g^T c; then e = c A^T. g: codewords x
// width.
bool step_transformed(Adam &a, size_t layer, const float *g, const Rates &r, const Work &work) noexcept
{
    Trainer &t = a.t;
    const size_t K = t.h->codewords, W = t.width, squares = W * W;
    float *A = a.transforms.x + layer * squares, *c = a.codewords.x + layer * a.book;
    turn(A, W, W, a.square);
    if (!products(g, K, a.square, W, W, a.books[0], work))
        return false;
    turn(g, K, W, a.books[1]);
    turn(c, K, W, a.books[2]);
    if (!products(a.books[1], W, a.books[2], W, K, a.square, work))
        return false;
    move(a.codewords, layer * a.book, a.book, a.books[0], r.codewords, r);
    move(a.transforms, layer * squares, squares, a.square, r.transforms, r);
    if (!products(c, K, A, W, W, a.books[0], work))
        return false;
    for (size_t k = 0; k < K; k++)
        set_codeword(t.h, layer, k, a.books[0] + k * W);
    return true;
}

bool step_plain(Adam &a, size_t layer, const float *g, const Rates &r, const Work &work) noexcept
{
    Trainer &t = a.t;
    const size_t W = t.width, some = rows_between_calls(t, 512);
    for (size_t k = 0; k < t.h->codewords; k++) {
        const size_t at = layer * a.book + k * W;
        move(a.codewords, at, W, g + k * W, r.codewords, r);
        set_codeword(t.h, layer, k, a.codewords.x + at);
        if ((k + 1) % some == 0 && !work.go_on(0))
            return false;
    }
    return true;
}

} // namespace

bool fold_transforms(Adam &a, const Work &work) noexcept
{
    Trainer &t = a.t;
    const size_t squares = t.width * t.width;
    for (size_t m = 0; m < a.plan.layers; m++) {
        for (size_t k = 0; k < t.h->codewords; k++) {
            float *c = a.codewords.x + m * a.book + k * t.width;
            std::fill_n(c, t.width, 0.0f);
            add_codeword(*t.h, m, k, 1, c);
        }
        if (a.plan.transform) {
            float *A = a.transforms.x + m * squares;
            std::fill_n(A, squares, 0.0f);
            for (size_t d = 0; d < t.width; d++)
                A[d * (t.width + 1)] = 1;
        }
        if (!work.go_on(0))
            return false;
    }
    return true;
}

bool step(Adam &a, size_t first, size_t n, double fade, const Work &work) noexcept
{
    Trainer &t = a.t;
    const size_t some = rows_between_calls(t, 16);
    a.steps++;
    const Rates rates = rates_of(a, n, fade);
    for (size_t m = 0; m < a.plan.layers; m++) {
        const Users users(t);
        for (size_t j = 0; j < n; j++) {
            const size_t i = (first + j) % t.rows;
            users.add(t, i, t.codes(i)[m]);
            if ((j + 1) % some == 0 && !work.go_on(0))
                return false;
        }
        if (!(a.plan.transform ? step_transformed : step_plain)(a, m, users.sum, rates, work) ||
            !work.go_on(0))
            return false;
    }
    return true;
}

} // namespace vq::rq_detail
