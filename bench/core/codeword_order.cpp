#include "codeword_order.h"

#include "simd/kernels.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace vq::bench {

namespace {

constexpr int kPowerRounds = 12; // of the power iteration: a direction that splits well is enough

std::vector<uint32_t> chain(const Matrix &m)
{
    std::vector<uint32_t> order(m.rows);
    std::iota(order.begin(), order.end(), 0u);
    for (size_t i = 0; i + 1 < m.rows; i++) {
        const auto far = [&](uint32_t k) { return simd::kernels().l2sq(m.row(order[i]), m.row(k), m.dims); };
        size_t best = i + 1;
        for (size_t j = i + 2; j < m.rows; j++)
            best = far(order[j]) < far(order[best]) ? j : best;
        std::swap(order[i + 1], order[best]);
    }
    return order;
}

class Halving
{
public:
    Halving(const CodewordUse &use, uint32_t unit) : m_(*use.codewords), rows_(use.rows), unit_(unit) {}

    // Orders the codewords [begin, end), whose rows begin a tile.
    void run(uint32_t *begin, uint32_t *end)
    {
        const size_t total = rows_of(begin, end);
        if (end - begin < 2 || total <= unit_)
            return;
        const std::vector<float> axis = principal(begin, end);
        std::vector<float> along(m_.rows);
        for (uint32_t *k = begin; k < end; k++)
            along[*k] = simd::kernels().dot(m_.row(*k), axis.data(), m_.dims);
        std::sort(begin, end, [&](uint32_t a, uint32_t b) { return along[a] < along[b]; });
        uint32_t *middle = split(begin, end, std::max<size_t>(1, total / unit_ / 2) * unit_);
        run(begin, middle);
        run(middle, end);
    }

private:
    size_t rows_of(const uint32_t *begin, const uint32_t *end) const
    {
        size_t total = 0;
        for (; begin < end; begin++)
            total += rows_[*begin];
        return total;
    }

    // Where the rows before come nearest to `wanted`; neither side is empty.
    uint32_t *split(uint32_t *begin, uint32_t *end, size_t wanted) const
    {
        size_t before = rows_[*begin];
        uint32_t *at = begin + 1;
        for (; at < end - 1 && before + rows_[*at] / 2 < wanted; at++)
            before += rows_[*at];
        return at;
    }

    // Of the codewords, each as often as it has rows: power iteration.
    std::vector<float> principal(const uint32_t *begin, const uint32_t *end) const
    {
        const auto &k = simd::kernels();
        std::vector<float> mean(m_.dims), axis(m_.row(*begin), m_.row(*begin) + m_.dims), next(m_.dims);
        const float share = 1 / (float)std::max<size_t>(1, rows_of(begin, end));
        for (const uint32_t *i = begin; i < end; i++)
            k.axpy(share * (float)rows_[*i], m_.row(*i), mean.data(), m_.dims);
        k.axpy(-1, mean.data(), axis.data(), m_.dims);
        for (int round = 0; round < kPowerRounds; round++) {
            const float offset = k.dot(mean.data(), axis.data(), m_.dims);
            std::fill(next.begin(), next.end(), 0.0f);
            float sum = 0;
            for (const uint32_t *i = begin; i < end; i++) {
                const float weight = (float)rows_[*i] * (k.dot(m_.row(*i), axis.data(), m_.dims) - offset);
                k.axpy(weight, m_.row(*i), next.data(), m_.dims);
                sum += weight;
            }
            k.axpy(-sum, mean.data(), next.data(), m_.dims);
            const float norm = std::sqrt(k.dot(next.data(), next.data(), m_.dims));
            for (size_t d = 0; norm > 0 && d < m_.dims; d++)
                axis[d] = next[d] / norm;
        }
        return axis;
    }

    const Matrix &m_;
    const std::vector<uint32_t> &rows_;
    uint32_t unit_;
};

} // namespace

std::vector<uint32_t> order_codewords(const std::string &how, const CodewordUse &use)
{
    if (how == "chain")
        return chain(*use.codewords);
    std::vector<uint32_t> order(use.codewords->rows);
    std::iota(order.begin(), order.end(), 0u);
    if (how == "halved") {
        const CodewordUse once = {use.codewords, std::vector<uint32_t>(order.size(), 1)};
        Halving(once, 1).run(order.data(), order.data() + order.size());
    } else if (how == "list") {
        const auto used =
            std::stable_partition(order.begin(), order.end(), [&](uint32_t k) { return use.rows[k] > 0; });
        Halving(use, simd::kTileRows).run(order.data(), order.data() + (used - order.begin()));
    }
    return order;
}

} // namespace vq::bench
