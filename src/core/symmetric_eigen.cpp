#include "core/symmetric_eigen.h"

#include "core/magnitude.h"
#include "simd/kernels.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace vq {
namespace {

constexpr size_t kLineFloats = 16; // of a cache line
constexpr size_t kBatch = 16;      // reflections applied to a row while it is in the first-level cache
constexpr size_t kPanel = 64;      // columns of the eigenvectors rotated at a time
constexpr size_t kSweeps = 32;     // so many QL sweeps over all columns are collected before they are applied
constexpr int kMaxSteps = 60;      // QL steps an eigenvalue; 1.5 on average

// Off-diagonal entries count as zero below this share of the largest row sum: the rounding errors of the reduction, which is
// in float, are larger.
constexpr double kNegligible = 0x1p-32;

// Entries below this share of the largest are set to zero at the start: their squares would be subnormal numbers, with which
// some processors are a hundred times slower.
constexpr float kTiny = 0x1p-60f;

// Rows i and j = i + 1 become c * row_i - s * row_j and s * row_i + c * row_j.
struct Rotation
{
    uint32_t i;
    float c, s;
};
static_assert(sizeof(Rotation) == 3 * sizeof(float));

struct Work
{
    size_t n;
    float *a;
    double *diagonal;    // n
    double *off;         // n: off[i] couples i and i + 1, the last is 0
    double *tau;         // n + 1: of the reflection stored in row i; none below 1, and none at n
    float *update[2];    // n each
    float *panel;        // n rows of kPanel columns; before that, kBatch reflections
    Rotation *rotations; // kSweeps * n
    size_t rotation_count;
    const Progress &progress;
    double done, reported;
    bool stopped;
};

constexpr size_t whole_lines(size_t floats) noexcept
{
    return (floats + kLineFloats - 1) / kLineFloats * kLineFloats;
}

Work make_work(float *a, size_t n, float *scratch, const Progress &progress) noexcept
{
    constexpr uintptr_t kLine = kLineFloats * sizeof(float);
    float *at = (float *)(((uintptr_t)scratch + kLine - 1) / kLine * kLine);
    auto take = [&at](size_t floats) {
        float *taken = at;
        at += whole_lines(floats);
        return taken;
    };
    return Work{.n = n,
                .a = a,
                .diagonal = (double *)take(2 * n),
                .off = (double *)take(2 * n),
                .tau = (double *)take(2 * (n + 1)),
                .update = {take(n), take(n)},
                .panel = take(n * kPanel),
                .rotations = (Rotation *)take(3 * kSweeps * n),
                .rotation_count = 0,
                .progress = progress,
                .done = 0,
                .reported = 0,
                .stopped = false};
}

// Counts multiply-adds; false once progress has asked to stop.
bool work_done(Work &work, double multiply_adds) noexcept
{
    constexpr double kReport = 1 << 24; // 2 to 10 ms
    work.done += multiply_adds;
    if (work.stopped || work.done - work.reported < kReport)
        return !work.stopped;
    work.reported = work.done;
    double n = (double)work.n,
           planned = 2.5 * n * n * n; // about a quarter each to reduce and to accumulate, half for QL
    work.stopped = !work.progress.go_on(std::min(work.done / planned, 1.0));
    return !work.stopped;
}

// Multiplies all entries by the power of two that brings the largest into 1..2, and returns it.
float scale_entries(float *a, size_t count) noexcept
{
    const uint32_t bits = largest_bits(a, count);
    if (bits == 0 || bits >= kInfinityBits)
        return 1.0f;
    const float scale = scale_to_one(bits);
    for (size_t i = 0; i < count; i++) {
        float v = a[i] * scale;
        a[i] = std::fabs(v) < kTiny ? 0.0f : v;
    }
    return scale;
}

double squared_norm(const float *x, size_t n) noexcept
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sum;
}

// Turns x into the unit vector v for which (I - tau v v^T) x = (0, ..., 0, alpha); returns alpha. Where only the last
// entry is not zero there is nothing to reflect: v and tau are zero.
double make_reflection(float *x, size_t n, double *tau) noexcept
{
    double before = squared_norm(x, n - 1), last = x[n - 1];
    *tau = 0;
    if (!(before > 0)) {
        std::fill(x, x + n, 0.0f);
        return last;
    }
    double norm = std::sqrt(before + last * last);
    double alpha = last >= 0 ? -norm : norm; // the sign that does not cancel
    double inverse = 1.0 / std::sqrt(before + (last - alpha) * (last - alpha));
    for (size_t i = 0; i + 1 < n; i++)
        x[i] = (float)(x[i] * inverse);
    x[n - 1] = (float)((last - alpha) * inverse);
    *tau = 2.0 / squared_norm(x, n); // of v as rounded, so that the reflection stays orthogonal
    return alpha;
}

// w = tau p - tau^2 / 2 <p, v> v, in place of p = A v: then (I - tau v v^T) A (I - tau v v^T) = A - v w^T - w v^T.
void finish_update(float *p, const float *v, size_t n, double tau) noexcept
{
    double along = 0;
    for (size_t i = 0; i < n; i++)
        along += (double)p[i] * v[i];
    along *= 0.5 * tau * tau;
    for (size_t i = 0; i < n; i++)
        p[i] = (float)(tau * p[i] - along * v[i]);
}

// A -> T = Q^T A Q, tridiagonal, from the last row up; of A only the lower triangle is read. Row k is replaced by its
// reflection. The update of one step is made in the next one, which then passes over the matrix once instead of twice.
bool reduce(Work &work) noexcept
{
    const simd::Kernels &kernels = simd::kernels();
    const size_t n = work.n;
    const float *v = nullptr, *w = nullptr; // of the last step
    auto update = [&](float *row, size_t i) {
        if (!v)
            return;
        kernels.axpy(-v[i], w, row, i + 1);
        kernels.axpy(-w[i], v, row, i + 1);
    };
    work.off[n - 1] = work.tau[0] = work.tau[n] = 0;
    for (size_t k = n - 1; k > 0; k--) {
        float *reflection = work.a + k * n, *product = work.update[k % 2];
        update(reflection, k);
        work.diagonal[k] = reflection[k];
        work.off[k - 1] = make_reflection(reflection, k, &work.tau[k]);
        std::fill(product, product + k, 0.0f);
        for (size_t i = 0; i < k; i++) {
            float *row = work.a + i * n;
            update(row, i);
            product[i] += kernels.dot(row, reflection, i + 1);
            kernels.axpy(reflection[i], row, product, i);
        }
        finish_update(product, reflection, k, work.tau[k]);
        v = reflection;
        w = product;
        if (!work_done(work, 2.0 * (double)(k * k)))
            return false;
    }
    work.diagonal[0] = work.a[0];
    return true;
}

// Multiplies row r of Q^T by the reflections first..end-1 from the right. The row grows: before reflection k it has k - 1
// columns, and it begins as that of the identity.
void accumulate_row(const Work &work, size_t r, size_t first, size_t end) noexcept
{
    const simd::Kernels &kernels = simd::kernels();
    float *row = work.a + r * work.n;
    for (size_t k = std::max(first, r + 1); k < end; k++) {
        if (k == r + 1)
            std::fill(row, row + r, 0.0f);
        row[k - 1] = k == r + 1 ? 1.0f : 0.0f;
        if (work.tau[k] == 0)
            continue;
        const float *v = work.panel + (k - first) * work.n;
        kernels.axpy((float)(-work.tau[k] * kernels.dot(row, v, k)), v, row, k);
    }
}

// Puts Q^T in place of the reflections, which are copied, a batch at a time, because rows of Q^T take their places.
bool accumulate(Work &work) noexcept
{
    const size_t n = work.n;
    for (size_t first = 1; first <= n; first += kBatch) {
        size_t end = std::min(first + kBatch, n + 1);
        for (size_t k = first; k < std::min(end, n); k++)
            std::memcpy(work.panel + (k - first) * n, work.a + k * n, k * sizeof(float));
        for (size_t r = 0; r + 1 < end; r++) {
            accumulate_row(work, r, first, end);
            if (!work_done(work, 2.0 * (double)(end * kBatch)))
                return false;
        }
    }
    return true;
}

void rotate_panel(const Work &work) noexcept
{
    for (size_t at = 0; at < work.rotation_count; at++) {
        const float c = work.rotations[at].c, s = work.rotations[at].s;
        float *__restrict x = work.panel + work.rotations[at].i * kPanel, *__restrict y = x + kPanel;
        for (size_t j = 0; j < kPanel; j++) {
            float upper = x[j], lower = y[j];
            x[j] = c * upper - s * lower;
            y[j] = s * upper + c * lower;
        }
    }
}

// Applies the rotations collected so far to the rows of the matrix, some columns at a time that stay in the cache.
bool apply_rotations(Work &work) noexcept
{
    const size_t n = work.n;
    for (size_t first = 0; first < n && work.rotation_count; first += kPanel) {
        size_t columns = std::min(kPanel, n - first);
        for (size_t i = 0; i < n; i++) {
            std::memcpy(work.panel + i * kPanel, work.a + i * n + first, columns * sizeof(float));
            std::fill(work.panel + i * kPanel + columns, work.panel + (i + 1) * kPanel, 0.0f);
        }
        rotate_panel(work);
        for (size_t i = 0; i < n; i++)
            std::memcpy(work.a + i * n + first, work.panel + i * kPanel, columns * sizeof(float));
        if (!work_done(work, 2.0 * (double)(work.rotation_count * kPanel)))
            return false;
    }
    work.rotation_count = 0;
    return true;
}

// One QL step with an implicit shift on the block first..last, whose off-diagonal entries are not zero.
void ql_step(Work &work, size_t first, size_t last) noexcept
{
    double *d = work.diagonal, *e = work.off;
    double g = (d[first + 1] - d[first]) / (2 * e[first]);
    g = d[last] - d[first] + e[first] / (g + std::copysign(std::sqrt(g * g + 1), g)); // minus the shift
    double s = 1, c = 1, p = 0;
    for (size_t i = last; i-- > first;) {
        double f = s * e[i], b = c * e[i], r = std::sqrt(f * f + g * g);
        e[i + 1] = r;
        if (!(r > 0)) { // the block has come apart
            d[i + 1] -= p;
            e[last] = 0;
            return;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        work.rotations[work.rotation_count++] = {(uint32_t)i, (float)c, (float)s};
    }
    d[first] -= p;
    e[first] = g;
    e[last] = 0;
}

// The tridiagonal matrix becomes its eigenvalues, in no order; the rows of the matrix become the eigenvectors.
bool diagonalize(Work &work) noexcept
{
    const size_t n = work.n;
    double norm = 0;
    for (size_t i = 0; i < n; i++)
        norm = std::max(norm, std::fabs(work.diagonal[i]) + 2 * std::fabs(work.off[i]));
    for (size_t first = 0; first < n; first++) {
        for (int steps = 0;; steps++) {
            size_t last = first;
            while (last + 1 < n && !(std::fabs(work.off[last]) <= kNegligible * norm))
                last++;
            if (last == first || steps == kMaxSteps)
                break;
            ql_step(work, first, last);
            if (work.rotation_count + n > kSweeps * n && !apply_rotations(work))
                return false;
        }
        work.off[first] = 0;
    }
    return apply_rotations(work);
}

void sort_descending(Work &work) noexcept
{
    const size_t n = work.n;
    for (size_t i = 0; i + 1 < n; i++) {
        size_t j = (size_t)(std::max_element(work.diagonal + i, work.diagonal + n) - work.diagonal);
        if (j == i)
            continue;
        std::swap(work.diagonal[i], work.diagonal[j]);
        std::swap_ranges(work.a + i * n, work.a + (i + 1) * n, work.a + j * n);
    }
}

// Thousands of rotations by small angles can round in the same way each time, and lengthen the rows: this undoes it.
void normalize_rows(Work &work) noexcept
{
    for (size_t i = 0; i < work.n; i++) {
        float *row = work.a + i * work.n;
        double inverse = 1.0 / std::sqrt(squared_norm(row, work.n));
        for (size_t j = 0; j < work.n; j++)
            row[j] = (float)(row[j] * inverse);
    }
}

} // namespace

size_t symmetric_eigen_scratch_floats(size_t n) noexcept
{
    return kLineFloats + 2 * whole_lines(2 * n) + whole_lines(2 * (n + 1)) + 2 * whole_lines(n) +
           whole_lines(n * kPanel) + whole_lines(3 * kSweeps * n);
}

bool symmetric_eigen(float *a, size_t n, float *values, float *scratch, const Progress &progress) noexcept
{
    Work work = make_work(a, n, scratch, progress);
    const float scale = scale_entries(a, n * n);
    if (!reduce(work) || !accumulate(work) || !diagonalize(work))
        return false;
    sort_descending(work);
    normalize_rows(work);
    for (size_t i = 0; i < n; i++)
        values[i] = (float)std::clamp(work.diagonal[i] / scale, (double)-FLT_MAX, (double)FLT_MAX);
    return true;
}

} // namespace vq
