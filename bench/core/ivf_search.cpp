// An IVF index in memory on one thread, as the engine searches but without PostgreSQL: rank the lists, scan the tiles
// of nprobe of them against a running threshold, then compare exact vectors in order of the bounds until no bound is
// smaller than the tenth exact distance.
//   make -C bench/core ivf_search && build/bench/ivf_search FOLDER...   (bench/run.sh --only search: against Faiss)
// FOLDER: base_*.npy, query_*.npy, gt_*.npy. Options, each with a value:
//   --codec pq4 (or rabitq)    --sub 2    --probes 1,2,4,...    --lists N (0 = as the engine)    --queries N
//   --seconds S (of CPU, for each setting and round)    --rounds N    --epsilon E    --centres shrunk (or unit)
//   --from 0.85 (settings of less recall are not timed)    --keep 256 (candidates: kFirstPass of src/ivf/scan/candidates.h)
//   --out DIR (for CSV files)
#include "arguments.h"
#include "codecs.h"

#include "core/centroid_bytes.h"
#include "core/half.h"

#include <algorithm>
#include <limits>

using namespace vq;
using namespace vq::bench;

namespace {

constexpr float kRoundedEpsilon = 3; // as src/ivf/row/route.cpp
constexpr float kRanked = std::numeric_limits<float>::infinity();

struct Candidate
{
    float lower;
    uint32_t place; // in Lists::rows
};

bool later(const Candidate &a, const Candidate &b)
{
    return a.lower > b.lower;
}

struct Result
{
    float score;
    uint32_t row;
    bool operator<(const Result &other) const { return score < other.score; }
};

struct Route
{
    uint32_t list;
    ListTerms terms;
};

void get_centroid(const void *arg, size_t list, float *c, CentroidTerms *terms)
{
    const Encoded &e = *static_cast<const Encoded *>(arg);
    for (size_t d = 0; d < e.shape.space_dims; d++)
        c[d] = bf16_to_float(e.centroids[list * e.shape.space_dims + d]);
    *terms = e.terms[list];
}

CentroidBytes rounded_centroids(const Encoded &e, void *memory)
{
    std::vector<float> scratch(2 * e.shape.space_dims);
    return make_centroid_bytes(e.terms.size(), e.shape.space_dims, memory, scratch.data(), get_centroid, &e);
}

struct Stats
{
    size_t reranked = 0, cut = 0; // cut: queries whose candidates did not suffice
};

class Searcher
{
public:
    Searcher(const VectorSet &set, const Lists &lists, const Encoded &e, float epsilon, size_t keep)
        : set_(set), lists_(lists), e_(e), epsilon_(epsilon), keep_((ptrdiff_t)keep),
          moved_(e.shape.space_dims), scratch_(set.base.dims), state_(e.shape.query_bytes),
          rounded_(centroid_bytes_size(lists.count, e.shape.space_dims)),
          centroid_bytes_(rounded_centroids(e, rounded_.data())),
          bound_scratch_(centroid_bytes_scratch(lists.count, e.shape.space_dims)),
          lower_(CentroidBytes::padded(lists.count)), within_(lower_.size()),
          candidates_(2 * keep + simd::kTileRows)
    {
    }

    // The nearest kNeighbours rows, nearest first.
    const std::vector<Result> &search(const float *q, size_t nprobe)
    {
        const SpaceQuery query = space_query(e_.space, q, 1, moved_.data(), scratch_.data());
        e_.coding.ops->prepare(e_.space.image, moved_.data(), 0, state_.data());
        route(query, std::min(nprobe, lists_.count));
        count_ = 0;
        threshold_ = std::numeric_limits<float>::infinity();
        for (size_t i = 0; i < std::min(nprobe, lists_.count); i++)
            scan(routes_[i]);
        rerank(q);
        return results_;
    }

    Stats stats;

private:
    // Bounds by rounded centroids say which lists may be among the nprobe nearest; those are ranked exactly.
    void route(const SpaceQuery &query, size_t nprobe)
    {
        bound_by_bytes(centroid_bytes_, e_.space.metric, query, kRoundedEpsilon, lower_.data(),
                       bound_scratch_.data());
        std::fill(lower_.begin() + (ptrdiff_t)lists_.count, lower_.end(), kRanked);
        routes_.clear();
        rank_within(query, limit_of(std::min(lists_.count, nprobe + nprobe / 2 + 8)));
        rank_within(query, routes_[nprobe - 1].terms.add);
    }

    // What the bounds of so many lists do not exceed.
    float limit_of(size_t lists)
    {
        bounds_ = lower_;
        const auto last = bounds_.begin() + (ptrdiff_t)lists - 1;
        std::nth_element(bounds_.begin(), last, bounds_.end());
        return *last;
    }

    void rank_within(const SpaceQuery &query, float limit)
    {
        const size_t found = simd::kernels().at_most(lower_.data(), lower_.size(), limit, within_.data());
        for (size_t i = 0; i < found; i++) {
            const uint32_t list = within_[i];
            routes_.push_back({list, list_terms(e_.space, query, e_.terms[list], e_.centroid(list))});
            lower_[list] = kRanked;
        }
        std::sort(routes_.begin(), routes_.end(),
                  [](const Route &a, const Route &b) { return a.terms.add < b.terms.add; });
    }

    void scan(const Route &route)
    {
        const auto &k = simd::kernels();
        const QueryHead &head = *(const QueryHead *)state_.data();
        const float list_err = epsilon_ * error_distance(head, route.terms.distance);
        const uint32_t first = lists_.first[route.list], rows = lists_.first[route.list + 1] - first;
        for (uint32_t at = 0, t = e_.first_tile[route.list]; at < rows; at += simd::kTileRows, t++) {
            uint32_t acc[simd::kTileRows] = {};
            float lower[simd::kTileRows];
            e_.coding.ops->scan_tile(state_.data(), e_.tile(t), 0, e_.shape.code_bytes, acc);
            uint32_t mask = k.tile_bounds({.acc = acc,
                                           .add = e_.add(t),
                                           .scale = e_.scale(t),
                                           .err = e_.err(t),
                                           .rows = std::min<size_t>(simd::kTileRows, rows - at),
                                           .mul = head.mul,
                                           .offset = head.offset,
                                           .list_add = route.terms.add,
                                           .error_width = list_err,
                                           .threshold = threshold_},
                                          lower);
            for (; mask; mask &= mask - 1) {
                const uint32_t v = (uint32_t)__builtin_ctz(mask);
                candidates_[count_++] = {lower[v], first + at + v};
            }
            if (count_ >= 2 * keep_)
                truncate();
        }
    }

    void truncate()
    {
        const auto sooner = [](const Candidate &a, const Candidate &b) { return a.lower < b.lower; };
        std::nth_element(candidates_.begin(), candidates_.begin() + keep_ - 1, candidates_.begin() + count_,
                         sooner);
        threshold_ = candidates_[(size_t)keep_ - 1].lower;
        count_ = keep_;
    }

    float exact(const float *q, uint32_t row) const
    {
        const auto &k = simd::kernels();
        return set_.metric == Metric::L2 ? k.l2sq(q, set_.base.row(row), set_.base.dims)
                                         : -k.dot(q, set_.base.row(row), set_.base.dims);
    }

    void rerank(const float *q)
    {
        if (count_ > keep_)
            truncate();
        const auto begin = candidates_.begin();
        std::make_heap(begin, begin + count_, later);
        results_.clear();
        while (count_ > 0 &&
               (results_.size() < kNeighbours || candidates_[0].lower < results_.front().score)) {
            std::pop_heap(begin, begin + count_, later);
            const uint32_t row = lists_.rows[candidates_[--count_].place];
            results_.push_back({exact(q, row), row});
            std::push_heap(results_.begin(), results_.end());
            if (results_.size() > kNeighbours)
                std::pop_heap(results_.begin(), results_.end()), results_.pop_back();
            stats.reranked++;
        }
        stats.cut += count_ == 0 && threshold_ < results_.front().score;
        std::sort_heap(results_.begin(), results_.end());
    }

    const VectorSet &set_;
    const Lists &lists_;
    const Encoded &e_;
    float epsilon_;
    ptrdiff_t keep_;
    std::vector<float> moved_, scratch_;
    Aligned state_;
    Aligned rounded_; // what the next points to
    CentroidBytes centroid_bytes_;
    Aligned bound_scratch_;
    std::vector<float> lower_; // bounds of the lists' scores; kRanked where a list is in routes_
    std::vector<float> bounds_;
    std::vector<uint16_t> within_;
    std::vector<Route> routes_; // nearest first
    std::vector<Candidate> candidates_;
    ptrdiff_t count_ = 0;
    float threshold_ = 0;
    std::vector<Result> results_; // a heap, farthest on top, until they are sorted
};

struct Point
{
    size_t nprobe;
    double recall = 0, reranked = 0, cut = 0;
    std::vector<double> rates; // queries a CPU second, one a round
};

// A row at the distance of the true tenth counts whatever its number.
void measure_recall(const VectorSet &set, Searcher *searcher, Point *point)
{
    const auto &k = simd::kernels();
    size_t hits = 0;
    searcher->stats = {};
    for (size_t q = 0; q < set.queries.rows; q++) {
        const float *query = set.queries.row(q), *last = set.base.row(set.truth[(q + 1) * kNeighbours - 1]);
        const float worst = set.metric == Metric::L2 ? k.l2sq(query, last, set.base.dims)
                                                     : -k.dot(query, last, set.base.dims);
        for (const Result &r : searcher->search(query, point->nprobe))
            hits += r.score <= worst + 1e-5f * std::fabs(worst);
    }
    point->recall = (double)hits / (double)(kNeighbours * set.queries.rows);
    point->reranked = (double)searcher->stats.reranked / (double)set.queries.rows;
    point->cut = (double)searcher->stats.cut / (double)set.queries.rows;
}

double measure_rate(const VectorSet &set, Searcher *searcher, size_t nprobe, double seconds)
{
    size_t done = 0;
    const double start = now();
    double spent = 0;
    for (; spent < seconds; spent = now() - start)
        for (int i = 0; i < 16; i++)
            searcher->search(set.queries.row(done++ % set.queries.rows), nprobe);
    return (double)done / spent;
}

void print(const VectorSet &set, const Lists &lists, const Encoded &e, std::vector<Point> &points,
           const char *codec, const std::string &out)
{
    const std::string path = out + "/search_" + set.name + "_" + std::to_string(lists.count) + ".csv";
    std::FILE *csv = std::fopen(path.c_str(), "w");
    std::printf("\n%s: %zu lists, %s, %u bytes a code; built in %.1f CPU s\n\n", set.name.c_str(),
                lists.count, codec, e.shape.code_bytes,
                e.train_seconds + e.transform_seconds + e.encode_seconds);
    std::printf("| nprobe | recall@10 | queries/s min/median/max | rows reranked | out of candidates |\n"
                "|--------|-----------|--------------------------|---------------|-------------------|\n");
    if (csv)
        std::fprintf(csv, "set,codec,code_bytes,lists,nprobe,recall,qps,reranked\n");
    for (Point &p : points) {
        std::sort(p.rates.begin(), p.rates.end());
        const double median = p.rates[p.rates.size() / 2];
        std::printf("| %6zu | %9.4f | %24s | %13.1f | %17.3f |\n", p.nprobe, p.recall,
                    (std::to_string((int)p.rates.front()) + "/" + std::to_string((int)median) + "/" +
                     std::to_string((int)p.rates.back()))
                        .c_str(),
                    p.reranked, p.cut);
        if (csv)
            std::fprintf(csv, "%s,%s,%u,%zu,%zu,%.4f,%.1f,%.1f\n", set.name.c_str(), codec,
                         e.shape.code_bytes, lists.count, p.nprobe, p.recall, median, p.reranked);
    }
    if (csv)
        std::fclose(csv);
}

bool measure_set(const std::string &folder, const Arguments &arguments)
{
    VectorSet set;
    if (!read_vectors(folder, arguments.number("queries"), &set))
        return false;
    const Lists lists = make_lists(set, arguments.number("lists"), centres_named(arguments.text("centres")));
    const Coding coding = arguments.text("codec") == "rabitq"
                              ? rabitq_coding(set.base.dims)
                              : pq_coding(set.base.dims, (int)arguments.number("sub"),
                                          ProductQuantizer::kTrained, 0, set.metric != Metric::L2);
    Encoded e;
    if (!train(set, lists, coding, &e))
        return false;
    encode(set, lists, nullptr, &e);
    Searcher searcher(set, lists, e, (float)arguments.real("epsilon"), arguments.number("keep"));
    std::vector<Point> points;
    for (const std::string &nprobe : arguments.list("probes")) {
        points.push_back({std::strtoul(nprobe.c_str(), nullptr, 10), 0, 0, 0, {}});
        measure_recall(set, &searcher, &points.back());
        if (points.back().recall < arguments.real("from"))
            points.pop_back();
        else if (points.back().recall > 0.99)
            break;
    }
    for (size_t round = 0; round < arguments.number("rounds"); round++)
        for (Point &point : points)
            point.rates.push_back(measure_rate(set, &searcher, point.nprobe, arguments.real("seconds")));
    print(set, lists, e, points, coding.ops->name, arguments.text("out"));
    return true;
}

} // namespace

int main(int argc, char **argv)
{
    Arguments arguments = {{{"codec", "pq4"},
                            {"sub", "2"},
                            {"probes", "1,2,3,4,6,8,12,16,24,32,48,64"},
                            {"lists", "0"},
                            {"queries", "1000"},
                            {"seconds", "0.3"},
                            {"rounds", "3"},
                            {"epsilon", "1.9"},
                            {"keep", "256"},
                            {"from", "0.85"},
                            {"centres", "shrunk"},
                            {"out", "."}},
                           {}};
    return run_on_folders("ivf_search", argc, argv, arguments, measure_set);
}
