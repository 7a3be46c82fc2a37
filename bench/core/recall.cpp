#include "recall.h"

#include "core/half.h"
#include "core/tile.h"

#include <algorithm>
#include <limits>

namespace vq::bench {

namespace {

// Place of each row among all tiles.
std::vector<uint32_t> places_of_rows(const Lists &lists, const Encoded &e)
{
    std::vector<uint32_t> place(lists.of_row.size());
    for (size_t list = 0; list < lists.count; list++)
        for (uint32_t i = lists.first[list]; i < lists.first[list + 1]; i++)
            place[lists.rows[i]] = e.first_tile[list] * (uint32_t)simd::kTileRows + (i - lists.first[list]);
    return place;
}

class Counter
{
public:
    Counter(const VectorSet &set, const Lists &lists, const Encoded &e, const std::vector<Depth> &depths)
        : set_(set), depths_(depths), place_(places_of_rows(lists, e)), hits_(depths.size())
    {
    }

    // scores: of every place, infinite where there is no row.
    void add(size_t query, const std::vector<float> &scores)
    {
        for (size_t j = 0; j < kNeighbours; j++) {
            const float own = scores[place_[set_.truth[query * kNeighbours + j]]];
            uint32_t rank = 0;
            for (float s : scores)
                rank += s < own;
            for (size_t i = 0; i < depths_.size(); i++)
                hits_[i] += j < depths_[i].nearest && rank < depths_[i].best;
        }
    }

    Recall recall() const
    {
        Recall r(hits_.size());
        for (size_t i = 0; i < r.size(); i++)
            r[i] = (double)hits_[i] / (double)(depths_[i].nearest * set_.queries.rows);
        return r;
    }

private:
    const VectorSet &set_;
    const std::vector<Depth> &depths_;
    std::vector<uint32_t> place_;
    std::vector<size_t> hits_;
};

size_t rows_of_tile(const Lists &lists, const Encoded &e, size_t list, size_t tile)
{
    const size_t before = (tile - e.first_tile[list]) * simd::kTileRows;
    return std::min<size_t>(simd::kTileRows, lists.first[list + 1] - lists.first[list] - before);
}

} // namespace

Depth depth_named(const std::string &name, size_t rows)
{
    const size_t at = name.find('@');
    const double number = std::strtod(name.c_str() + (at == std::string::npos ? 0 : at + 1), nullptr);
    const size_t best = (size_t)(name.ends_with('%') ? number * (double)rows / 100 : number),
                 nearest = at == std::string::npos ? best : std::strtoul(name.c_str(), nullptr, 10);
    return {std::clamp<size_t>(nearest, 1, kNeighbours), std::max<size_t>(1, best)};
}

Recalls recall_by_tables(const VectorSet &set, const Lists &lists, const Encoded &e,
                         const std::vector<Depth> &depths)
{
    const auto &k = simd::kernels();
    Counter by_plain(set, lists, e, depths), by_scaled(set, lists, e, depths);
    std::vector<float> moved(e.shape.space_dims), scratch(set.base.dims);
    std::vector<float> plain_scores(e.plain_add.size() + simd::kTileRows,
                                    std::numeric_limits<float>::infinity());
    std::vector<float> scaled_scores = plain_scores;
    Aligned state(e.shape.query_bytes);
    const QueryHead &head = *(const QueryHead *)state.data();
    for (size_t q = 0; q < set.queries.rows; q++) {
        const SpaceQuery query = space_query(e.space, set.queries.row(q), 1, moved.data(), scratch.data());
        e.coding.ops->prepare(e.space.image, moved.data(), 0, state.data());
        for (size_t list = 0; list < lists.count; list++) {
            const float score = list_terms(e.space, query, e.terms[list], e.centroid(list)).add;
            for (size_t t = e.first_tile[list]; t < e.first_tile[list + 1]; t++) {
                const size_t n = rows_of_tile(lists, e, list, t);
                uint32_t acc[simd::kTileRows] = {};
                float lower[simd::kTileRows];
                e.coding.ops->scan_tile(state.data(), e.tile(t), 0, e.shape.code_bytes, acc);
                simd::TileBounds bounds = {.acc = acc,
                                           .add = e.add(t),
                                           .scale = e.scale(t),
                                           .err = e.err(t),
                                           .rows = n,
                                           .mul = head.mul,
                                           .offset = head.offset,
                                           .list_add = score};
                k.tile_bounds(bounds, lower);
                std::copy(lower, lower + n, &scaled_scores[t * simd::kTileRows]);
                bounds.add = &e.plain_add[t * simd::kTileRows];
                bounds.scale = &e.plain_scale[t * simd::kTileRows];
                k.tile_bounds(bounds, lower);
                std::copy(lower, lower + n, &plain_scores[t * simd::kTileRows]);
            }
        }
        by_plain.add(q, plain_scores);
        by_scaled.add(q, scaled_scores);
    }
    return {by_plain.recall(), by_scaled.recall()};
}

Recalls recall_in_float(const VectorSet &set, const Lists &lists, const Encoded &e,
                        const std::vector<Depth> &depths)
{
    constexpr size_t kQueries = 8; // at a time
    const auto &k = simd::kernels();
    const size_t D = e.shape.space_dims, places = e.plain_add.size();
    Counter by_plain(set, lists, e, depths), by_scaled(set, lists, e, depths);
    std::vector<float> decoded(places * D), scratch(set.base.dims), moved(kQueries * D);
    std::vector<uint8_t> code(e.shape.code_bytes);
    for (size_t p = 0; p < places; p++) {
        tile_unpack(e.tile(p / simd::kTileRows), p % simd::kTileRows, e.shape.code_bytes, code.data());
        e.coding.decode(e.space.image, code.data(), &decoded[p * D]);
    }
    const float factor = e.space.factor();
    std::vector<float> dots(kQueries * places), plain(places), scaled(places);
    for (size_t q = 0; q < set.queries.rows; q += kQueries) {
        const size_t n = std::min(kQueries, set.queries.rows - q);
        SpaceQuery queries[kQueries];
        for (size_t i = 0; i < n; i++)
            queries[i] = space_query(e.space, set.queries.row(q + i), 1, &moved[i * D], scratch.data());
        k.dot_block(moved.data(), n, D, decoded.data(), places, D, D, dots.data(), places);
        for (size_t i = 0; i < n; i++) {
            std::fill(plain.begin(), plain.end(), std::numeric_limits<float>::infinity());
            scaled = plain;
            for (size_t list = 0; list < lists.count; list++) {
                const float score = list_terms(e.space, queries[i], e.terms[list], e.centroid(list)).add;
                const size_t first = e.first_tile[list] * simd::kTileRows;
                for (size_t p = first; p < first + lists.first[list + 1] - lists.first[list]; p++) {
                    const float dot = dots[i * places + p];
                    plain[p] = score + e.plain_add[p] + bf16_to_float(e.plain_scale[p]) * dot;
                    scaled[p] = score + e.float_add[p] - factor * e.float_scale[p] * dot;
                }
            }
            by_plain.add(q + i, plain);
            by_scaled.add(q + i, scaled);
        }
    }
    return {by_plain.recall(), by_scaled.recall()};
}

} // namespace vq::bench
