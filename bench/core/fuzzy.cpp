// Routing alone: what share of the rows has to be read until the true ten are among them, when lists are divided by the first
// codeword of the residual quantizer's code and sub-lists of many lists are read in one order of distance. Against plain
// lists in order of their centroids. Rows that were read are compared exactly, so no code is at fault.
//   make -C bench/core fuzzy && build/bench/fuzzy FOLDER...      (bench/run.sh --only fuzzy runs it on the usual sets)
// FOLDER: base_*.npy, query_*.npy, gt_*.npy. Options, each with a value:
//   --lists 344 (of the fuzzy layer; the first of --plain is what it is compared with)    --plain 344,600,1024,2048
//   --layers 8    --orders trained,chain,halved,list (codeword_order.h)    --shares 0.1,0.2,0.3,0.5,1 (of the lists, that
//   take part; none: plain lists only)    --queries N    --out DIR (for CSV files)    --centres shrunk (or unit: vectors.h)
//
// Sub-list (l, k) has the centre c_l + w_l e_k, w_l by least squares over the list's rows. With squared L2, but for |q|^2:
//     -2 <q, c_l> - 2 w_l <q, e_k> + [ |c_l|^2 + 2 w_l <c_l, e_k> + w_l^2 |e_k|^2 ]
// Every query reads the same number of rows: sub-lists; tiles with any row of a sub-list that is read; or, last in the table,
// tiles in order of their own centres: by the mean of their rows, or of those rows' codewords.
#include "arguments.h"
#include "codecs.h"
#include "codeword_order.h"

#include "core/rq_image.h"

#include <algorithm>
#include <limits>

using namespace vq;
using namespace vq::bench;

namespace {

constexpr double kGoals[] = {0.95, 0.98};

// Rows read when a true neighbour is; infinite where it never is. Of all queries.
struct Reads
{
    std::vector<double> rows;

    // Rows that a query reads for this recall.
    double for_recall(double recall)
    {
        std::sort(rows.begin(), rows.end());
        return rows[std::min(rows.size() - 1, (size_t)std::ceil(recall * (double)rows.size()) - 1)];
    }
};

struct Sublists
{
    size_t lists, codewords;
    Matrix book;
    std::vector<uint8_t> of_row;  // codeword
    std::vector<uint32_t> rows;   // of sub-list l * codewords + k
    std::vector<float> constants; // the bracket above
    std::vector<float> weight;    // of each list
};

// The rows of every list sorted by the place of their codeword in an order, and cut into tiles.
struct Tiling
{
    std::string order;
    std::vector<uint32_t> of_row, rows; // a row's tile; rows of each tile
    std::vector<uint32_t> first, last;  // tiles of a sub-list
    std::vector<uint32_t> read_by;      // the walk that read it last
};

Matrix first_layer(const uint8_t *image)
{
    const rq::RqImage &h = rq::header(image);
    Matrix m{h.codewords, h.dims, std::vector<float>((size_t)h.codewords * h.dims)};
    for (size_t k = 0; k < h.codewords; k++)
        for (size_t d = 0; d < h.dims; d++)
            m.row(k)[d] =
                rq::scales(h, 0)[k] * (float)((int)rq::book(h, 0)[rq::place(h, k, d / 4) + d % 4] - 128);
    return m;
}

Sublists divide(const VectorSet &set, const Lists &lists, const Encoded &e)
{
    const auto &kernels = simd::kernels();
    const size_t D = set.base.dims;
    Sublists s = {lists.count, 0, first_layer(e.image.data()), std::vector<uint8_t>(set.base.rows), {},
                  {},          {}};
    s.codewords = s.book.rows;
    s.rows.resize(s.lists * s.codewords);
    std::vector<float> residual(D);
    std::vector<uint8_t> code(e.shape.code_bytes);
    for (size_t l = 0; l < s.lists; l++) {
        const float *c = &lists.centroids[l * D];
        double dots = 0, squares = 0;
        for (uint32_t i = lists.first[l]; i < lists.first[l + 1]; i++) {
            const uint32_t row = lists.rows[i];
            for (size_t d = 0; d < D; d++)
                residual[d] = set.base.row(row)[d] - c[d];
            (void)e.coding.ops->encode(e.image.data(), residual.data(), c, residual.data(), code.data(),
                                       nullptr);
            const float *word = s.book.row(code[0]);
            s.of_row[row] = code[0];
            s.rows[l * s.codewords + code[0]]++;
            dots += kernels.dot(residual.data(), word, D);
            squares += kernels.dot(word, word, D);
        }
        const float w = squares > 0 ? (float)(dots / squares) : 0;
        s.weight.push_back(w);
        for (size_t k = 0; k < s.codewords; k++) {
            const float *word = s.book.row(k);
            s.constants.push_back(kernels.dot(c, c, D) + 2 * w * kernels.dot(c, word, D) +
                                  w * w * kernels.dot(word, word, D));
        }
    }
    return s;
}

// Tiles of similar rows, whatever their codes: each list halved, and each half again.
Tiling cut_by_vectors(const VectorSet &set, const Lists &lists)
{
    Tiling t;
    t.order = "vectors";
    t.of_row.resize(set.base.rows);
    for (size_t l = 0; l < lists.count; l++) {
        const uint32_t first = lists.first[l], n = lists.first[l + 1] - first;
        Matrix rows{n, set.base.dims, {}};
        for (uint32_t i = first; i < first + n; i++)
            rows.data.insert(rows.data.end(), set.base.row(lists.rows[i]),
                             set.base.row(lists.rows[i]) + rows.dims);
        const uint32_t before = (uint32_t)t.rows.size();
        t.rows.resize(before + (n + simd::kTileRows - 1) / simd::kTileRows);
        uint32_t place = 0;
        for (uint32_t i : order_codewords("list", {&rows, std::vector<uint32_t>(n, 1)})) {
            const uint32_t tile = before + place++ / (uint32_t)simd::kTileRows;
            t.of_row[lists.rows[first + i]] = tile;
            t.rows[tile]++;
        }
    }
    return t;
}

Tiling cut(const Lists &lists, const Sublists &s, const std::string &how)
{
    Tiling t;
    t.order = how;
    t.of_row.resize(lists.of_row.size());
    t.first.resize(s.rows.size());
    t.last.resize(s.rows.size());
    std::vector<uint32_t> order;
    for (size_t l = 0; l < s.lists; l++) {
        const uint32_t *rows = &s.rows[l * s.codewords];
        if (l == 0 || how == "list")
            order = order_codewords(how, {&s.book, {rows, rows + s.codewords}});
        const uint32_t before = (uint32_t)t.rows.size();
        uint32_t place = 0;
        std::vector<uint32_t> next(s.codewords); // place of a codeword's next row
        for (uint32_t k : order) {
            next[k] = place;
            t.first[l * s.codewords + k] = before + place / simd::kTileRows;
            place += rows[k];
            t.last[l * s.codewords + k] = before + (std::max(place, 1u) - 1) / simd::kTileRows;
        }
        t.rows.resize(before + (place + simd::kTileRows - 1) / simd::kTileRows);
        for (uint32_t i = lists.first[l]; i < lists.first[l + 1]; i++) {
            const uint32_t row = lists.rows[i];
            t.of_row[row] = before + next[s.of_row[row]]++ / simd::kTileRows;
            t.rows[t.of_row[row]]++;
        }
    }
    t.read_by.assign(t.rows.size(), 0);
    return t;
}

struct Cell
{
    float score;
    uint32_t number;
    bool operator<(const Cell &other) const { return score < other.score; }
};

// Nearest first; squared L2 but for |q|^2.
std::vector<Cell> rank_centres(const float *centres, size_t count, const float *q, size_t D)
{
    std::vector<Cell> cells(count);
    for (uint32_t i = 0; i < count; i++) {
        const float *c = &centres[i * D];
        cells[i] = {simd::kernels().dot(c, c, D) - 2 * simd::kernels().dot(q, c, D), i};
    }
    std::sort(cells.begin(), cells.end());
    return cells;
}

// Cells that are read whole, in order of their own centres: of_row, and rows of each.
Reads read_cells(const VectorSet &set, const float *centres, const std::vector<uint32_t> &of_row,
                 const std::vector<uint32_t> &rows)
{
    Reads reads;
    for (size_t q = 0; q < set.queries.rows; q++) {
        const uint32_t *truth = &set.truth[q * kNeighbours];
        uint32_t read = 0;
        for (const Cell &cell : rank_centres(centres, rows.size(), set.queries.row(q), set.base.dims)) {
            read += rows[cell.number];
            for (size_t j = 0; j < kNeighbours; j++)
                if (of_row[truth[j]] == cell.number)
                    reads.rows.push_back(read);
        }
    }
    return reads;
}

Reads read_lists(const VectorSet &set, const Lists &lists)
{
    std::vector<uint32_t> rows;
    for (size_t l = 0; l < lists.count; l++)
        rows.push_back(lists.first[l + 1] - lists.first[l]);
    return read_cells(set, lists.centroids.data(), lists.of_row, rows);
}

// Mean of a tile's rows: the vectors, or c_l + w_l e_k, which is known without them.
Matrix tile_centres(const VectorSet &set, const Lists &lists, const Sublists &s, const Tiling &t,
                    bool vectors)
{
    const auto &kernels = simd::kernels();
    const size_t D = set.base.dims;
    Matrix centres{t.rows.size(), D, std::vector<float>(t.rows.size() * D)};
    for (uint32_t row = 0; row < t.of_row.size(); row++) {
        const uint32_t l = lists.of_row[row], tile = t.of_row[row];
        const float share = 1 / (float)t.rows[tile];
        if (vectors) {
            kernels.axpy(share, set.base.row(row), centres.row(tile), D);
            continue;
        }
        kernels.axpy(share, &lists.centroids[l * D], centres.row(tile), D);
        kernels.axpy(share * s.weight[l], s.book.row(s.of_row[row]), centres.row(tile), D);
    }
    return centres;
}

// The fuzzy layer with some of the lists: rows of sub-lists, and rows of tiles for each tiling.
class Reader
{
public:
    Reader(const VectorSet &set, const Lists &lists, const Sublists &s, std::vector<Tiling> *tilings)
        : set_(set), lists_(lists), s_(s), tilings_(*tilings)
    {
    }

    void run(double share, Reads *by_row, std::vector<Reads> *by_tile)
    {
        by_tile->resize(tilings_.size());
        for (size_t q = 0; q < set_.queries.rows; q++) {
            rank(set_.queries.row(q), share);
            const uint32_t *truth = &set_.truth[q * kNeighbours];
            walk_rows(truth, by_row);
            for (size_t i = 0; i < tilings_.size(); i++)
                walk_tiles(truth, &tilings_[i], &(*by_tile)[i]);
        }
    }

private:
    void rank(const float *q, double share)
    {
        const auto &kernels = simd::kernels();
        const size_t D = set_.base.dims, K = s_.codewords;
        std::vector<float> along(K);
        for (size_t k = 0; k < K; k++)
            along[k] = kernels.dot(q, s_.book.row(k), D);
        const std::vector<Cell> nearest = rank_centres(lists_.centroids.data(), lists_.count, q, D);
        cells_.clear();
        for (size_t i = 0; i < (size_t)std::ceil(share * (double)lists_.count); i++) {
            const uint32_t l = nearest[i].number;
            const float list = -2 * kernels.dot(q, &lists_.centroids[l * D], D);
            for (uint32_t k = 0, n = l * (uint32_t)K; k < K; k++, n++)
                if (s_.rows[n] > 0)
                    cells_.push_back({list - 2 * s_.weight[l] * along[k] + s_.constants[n], n});
        }
        std::sort(cells_.begin(), cells_.end());
    }

    void walk_rows(const uint32_t *truth, Reads *reads)
    {
        uint32_t rows = 0, wanted[kNeighbours];
        for (size_t j = 0; j < kNeighbours; j++)
            wanted[j] = lists_.of_row[truth[j]] * (uint32_t)s_.codewords + s_.of_row[truth[j]];
        size_t left = kNeighbours;
        for (const Cell &cell : cells_) {
            rows += s_.rows[cell.number];
            for (size_t j = 0; j < kNeighbours; j++)
                if (wanted[j] == cell.number)
                    reads->rows.push_back(rows), left--;
            if (left == 0)
                return;
        }
        reads->rows.insert(reads->rows.end(), left, std::numeric_limits<double>::infinity());
    }

    // A tile is read once, with all its rows, when the first of its sub-lists is.
    void walk_tiles(const uint32_t *truth, Tiling *t, Reads *reads)
    {
        walk_++;
        uint32_t rows = 0;
        size_t left = kNeighbours;
        for (const Cell &cell : cells_)
            for (uint32_t i = t->first[cell.number]; i <= t->last[cell.number]; i++) {
                if (t->read_by[i] == walk_)
                    continue;
                t->read_by[i] = walk_;
                rows += t->rows[i];
                for (size_t j = 0; j < kNeighbours; j++)
                    if (t->of_row[truth[j]] == i)
                        reads->rows.push_back(rows), left--;
                if (left == 0)
                    return;
            }
        reads->rows.insert(reads->rows.end(), left, std::numeric_limits<double>::infinity());
    }

    const VectorSet &set_;
    const Lists &lists_;
    const Sublists &s_;
    std::vector<Tiling> &tilings_;
    std::vector<Cell> cells_;
    uint32_t walk_ = 0;
};

// Prints shares of all rows, and their ratios to plain lists.
class Table
{
public:
    Table(const VectorSet &set, std::FILE *csv) : set_(set), csv_(csv)
    {
        std::printf("| %-34s | rows for .95 | rows for .98 |    to plain    |\n"
                    "|------------------------------------|--------------|--------------|----------------|\n",
                    "read");
        std::fprintf(csv, "set,what,share95,share98\n");
    }

    void line(const std::string &what, Reads reads)
    {
        double share[2];
        for (size_t i = 0; i < 2; i++) {
            share[i] = reads.for_recall(kGoals[i]) / (double)set_.base.rows;
            plain_[i] = plain_[i] > 0 ? plain_[i] : share[i];
        }
        std::printf("| %-34s | %12.4f | %12.4f | %6.2f / %5.2f |\n", what.c_str(), share[0], share[1],
                    share[0] / plain_[0], share[1] / plain_[1]);
        std::fprintf(csv_, "%s,\"%s\",%.5f,%.5f\n", set_.name.c_str(), what.c_str(), share[0], share[1]);
        std::fflush(stdout);
    }

private:
    const VectorSet &set_;
    std::FILE *csv_;
    double plain_[2] = {}; // of the first line
};

bool measure_fuzzy(const VectorSet &set, const Arguments &arguments, Table *table)
{
    const Lists lists = make_lists(set, arguments.number("lists"), centres_named(arguments.text("centres")));
    Encoded e;
    if (!train(set, lists, rvq_coding(set.base.dims, (int)arguments.number("layers"), 256), &e))
        return false;
    const Sublists s = divide(set, lists, e);
    std::vector<Tiling> tilings;
    for (const std::string &how : arguments.list("orders"))
        tilings.push_back(cut(lists, s, how));
    Reader reader(set, lists, s, &tilings);
    for (const std::string &share : arguments.list("shares")) {
        Reads by_row;
        std::vector<Reads> by_tile;
        reader.run(std::strtod(share.c_str(), nullptr), &by_row, &by_tile);
        const std::string what = std::to_string(lists.count) + " x 256, " + share + " of lists";
        table->line(what, by_row);
        for (size_t i = 0; i < tilings.size(); i++)
            table->line("  tiles, " + tilings[i].order, by_tile[i]);
    }
    tilings.push_back(cut_by_vectors(set, lists));
    for (const Tiling &t : tilings)
        for (bool vectors : {false, true}) {
            const Matrix centres = tile_centres(set, lists, s, t, vectors);
            table->line("tiles " + t.order + (vectors ? ", by mean" : ", by codewords"),
                        read_cells(set, centres.data.data(), t.of_row, t.rows));
        }
    return true;
}

bool measure_set(const std::string &folder, const Arguments &arguments)
{
    VectorSet set;
    if (!read_vectors(folder, arguments.number("queries"), &set))
        return false;
    const std::string path = arguments.text("out") + "/fuzzy_" + set.name + ".csv";
    std::FILE *csv = std::fopen(path.c_str(), "w");
    if (!csv) {
        std::perror(path.c_str());
        return false;
    }
    std::printf("\n%s: %zu x %zu, %zu queries. Share of the rows read for recall@10 of .95 and .98.\n\n",
                set.name.c_str(), set.base.rows, set.base.dims, set.queries.rows);
    Table table(set, csv);
    for (const std::string &count : arguments.list("plain")) {
        const Lists lists = make_lists(set, std::strtoul(count.c_str(), nullptr, 10),
                                       centres_named(arguments.text("centres")));
        table.line(count + " plain lists", read_lists(set, lists));
    }
    const bool good = arguments.text("shares") == "none" || measure_fuzzy(set, arguments, &table);
    std::fclose(csv);
    return good;
}

} // namespace

int main(int argc, char **argv)
{
    Arguments arguments = {{{"lists", "344"},
                            {"plain", "344,600,1024,2048"},
                            {"layers", "8"},
                            {"orders", "trained,chain,halved,list"},
                            {"shares", "0.1,0.2,0.3,0.5,1"},
                            {"queries", "1000"},
                            {"centres", "shrunk"},
                            {"out", "."}},
                           {}};
    return run_on_folders("fuzzy", argc, argv, arguments, measure_set);
}
