// What residual quantization leaves of the rows: plain, as the paper of wrvq has it (layered.h), and ours. Equal layers,
// training rows and beam; rounds of the first two are --rounds a layer, ours has its own fewer (core/rq_layers.cpp).
//   make -C bench/core loss && build/bench/loss FOLDER...      (bench/run.sh --only loss runs it on the usual sets)
// FOLDER: base_*.npy, query_*.npy, gt_*.npy. Options, each with a value:
//   --parts layers,codewords,paper,bytes    --layers 4,8,16,32    --words 32,64,128,512 (of 4 layers)    --beam 5
//   --rows 32768 (trained on, at most)    --rounds 25    --held 10000 (rows measured, of the sample and of the others)
//   --lists N (0 = sqrt(rows))    --queries N    --out DIR (for CSV files)    --centres shrunk (or unit: vectors.h)
// NMSE: sum of squared errors over sum of squared norms, of residuals or, where it says so, of whole vectors.
#include "arguments.h"
#include "codecs.h"
#include "layered.h"
#include "recall.h"

#include <algorithm>
#include <functional>

using namespace vq;
using namespace vq::bench;

namespace {

constexpr size_t kGreedy = 1;
constexpr int kFewLayers = 4;             // of the comparison of codewords, and of the paper's table
constexpr size_t kPaperRows = 1000;       // that the paper trained on
constexpr const char *kPaperShare = "5%"; // of the rows are reranked, at most

// Rows to be quantized as they are.
struct Rows
{
    Matrix sample, seen, held; // trained on; some of them; some others
};

struct Loss
{
    double held, seen; // NMSE
};

class Report
{
public:
    Report(const std::string &set, std::FILE *csv) : set_(set), csv_(csv)
    {
        std::fprintf(csv, "set,part,quantizer,layers,codewords,rows,nmse,nmse_in_sample,train_s\n");
    }

    void part(const std::string &name, const std::string &what)
    {
        part_ = name;
        std::printf(
            "\n%s\n\n| %-22s | layers | words |  rows |  NMSE | to plain | in sample | train s |\n"
            "|------------------------|--------|-------|-------|-------|----------|-----------|---------|\n",
            what.c_str(), "quantizer");
    }

    // first: what the next lines are compared with.
    void line(const std::string &quantizer, size_t layers, size_t words, size_t rows, Loss loss,
              double seconds, bool first = false)
    {
        plain_ = first ? loss.held : plain_;
        std::printf("| %-22s | %6zu | %5zu | %5zu | %.3f | %8.3f | %9.3f | %7.1f |\n", quantizer.c_str(),
                    layers, words, rows, loss.held, loss.held / plain_, loss.seen, seconds);
        std::fprintf(csv_, "%s,%s,%s,%zu,%zu,%zu,%.5f,%.5f,%.2f\n", set_.c_str(), part_.c_str(),
                     quantizer.c_str(), layers, words, rows, loss.held, loss.seen, seconds);
        std::fflush(stdout);
    }

    void none(const std::string &quantizer, size_t layers, size_t words)
    {
        std::printf("| %-22s | %6zu | %5zu | %5s | %5s | %8s | %9s | %7s |\n", quantizer.c_str(), layers,
                    words, "", "none", "", "", "");
    }

private:
    std::string set_, part_;
    std::FILE *csv_;
    double plain_ = 1;
};

struct Task
{
    const VectorSet &set;
    const Lists &lists;
    const Arguments &arguments;
    Report *report;
    size_t beam;
    int rounds;
};

// Rows Lists::order[first, first + n), less the centroids of their lists, if any.
Matrix take(const VectorSet &set, const Lists &lists, bool residuals, size_t first, size_t n)
{
    const size_t D = set.base.dims;
    n = std::min(n, set.base.rows - std::min(first, set.base.rows));
    Matrix out{n, D, {}};
    for (size_t i = first; i < first + n; i++) {
        const float *x = set.base.row(lists.order[i]);
        out.data.insert(out.data.end(), x, x + D);
        if (residuals)
            simd::kernels().axpy(-1, &lists.centroids[lists.of_row[lists.order[i]] * D], out.row(i - first),
                                 D);
    }
    return out;
}

Rows take_rows(const Task &t, bool residuals, size_t sample)
{
    const size_t measured = t.arguments.number("held");
    return {take(t.set, t.lists, residuals, 0, sample),
            take(t.set, t.lists, residuals, 0, std::min(sample, measured)),
            take(t.set, t.lists, residuals, sample, measured)};
}

struct Ours
{
    Aligned image;
    double seconds;
};

Ours train_ours(const Matrix &sample, int layers, int codewords)
{
    using Q = ResidualQuantizer;
    const CodecOptions options = rvq_coding(sample.dims, layers, codewords).options;
    const std::vector<uint32_t> lists(sample.rows);
    const std::vector<float> origin(sample.dims);
    TrainingSet set;
    set.rows = sample.rows;
    set.vectors = sample.data.data();
    set.lists = lists.data();
    set.centroids = origin.data();
    Ours ours = {Aligned(Q::image_bytes(options, sample.rows)), 0};
    Aligned scratch(Q::training_bytes(options, sample.rows));
    const double start = now();
    (void)Q::train(options, set, ours.image.data(), scratch.data(), Progress());
    ours.seconds = now() - start;
    return ours;
}

// With the scale a row that is stored, or with the row's norm.
double nmse_of_ours(const Ours &ours, const Matrix &rows, bool scaled)
{
    const auto &k = simd::kernels();
    const uint8_t *image = ours.image.data();
    const std::vector<float> origin(rows.dims);
    std::vector<float> decoded(rows.dims), error(rows.dims);
    std::vector<uint8_t> code(ResidualQuantizer::shape(image).code_bytes);
    double whole = 0, sum = 0;
    for (size_t i = 0; i < rows.rows; i++) {
        const float *r = rows.row(i);
        const RowCode found = ResidualQuantizer::encode(image, r, origin.data(), r, code.data(), nullptr);
        ResidualQuantizer::decode(image, code.data(), decoded.data());
        const float norm_sq = k.dot(r, r, rows.dims);
        std::copy_n(r, rows.dims, error.data());
        k.axpy(scaled ? -found.scale : -std::sqrt(norm_sq), decoded.data(), error.data(), rows.dims);
        whole += norm_sq;
        sum += k.dot(error.data(), error.data(), rows.dims);
    }
    return sum / whole;
}

void measure_ours(const Task &t, const Rows &rows, size_t layers, size_t words)
{
    const Ours ours = train_ours(rows.sample, (int)layers, (int)words);
    for (bool scaled : {false, true})
        t.report->line(scaled ? "ours, scale stored" : "ours, norm a row", layers, words, rows.sample.rows,
                       {nmse_of_ours(ours, rows.held, scaled), nmse_of_ours(ours, rows.seen, scaled)},
                       ours.seconds);
}

// Plain and the paper's, of some numbers of layers: trained once for the most. after: prints what belongs beside them.
struct Pair
{
    Layered plain, unit;
};

Pair measure_layered(const Task &t, const Rows &rows, const std::vector<size_t> &layers, size_t words,
                     const std::function<void(size_t)> &after)
{
    const size_t most = *std::max_element(layers.begin(), layers.end());
    Pair pair = {train_layered(false, rows.sample, most, words, t.rounds),
                 train_layered(true, rows.sample, most, words, t.rounds)};
    struct Line
    {
        const Layered *quantizer;
        size_t beam;
        Losses held, seen;
    };
    std::vector<Line> lines;
    for (const Layered *q : {&pair.plain, &pair.unit})
        for (size_t beam : {t.beam, kGreedy})
            lines.push_back({q, beam, encode_layered(*q, most, beam, rows.held, nullptr),
                             encode_layered(*q, most, beam, rows.seen, nullptr)});
    for (size_t n : layers) {
        for (const Line &line : lines)
            t.report->line(std::string(line.quantizer->unit ? "paper's" : "plain") +
                               (line.beam == kGreedy ? ", greedy" : ", beam"),
                           n, words, rows.sample.rows, {line.held.nmse(n), line.seen.nmse(n)},
                           line.quantizer->seconds[n - 1], &line == &lines[0]);
        after(n);
    }
    return pair;
}

std::vector<size_t> numbers(const Arguments &arguments, const std::string &name)
{
    std::vector<size_t> out;
    for (const std::string &word : arguments.list(name))
        out.push_back(std::strtoul(word.c_str(), nullptr, 10));
    return out;
}

// A sample that ours takes whole.
size_t sample_rows(const Task &t, size_t words)
{
    const size_t used =
        ResidualQuantizer::training_rows(rvq_coding(t.set.base.dims, kFewLayers, (int)words).options);
    return std::min({t.arguments.number("rows"), used, t.set.base.rows / 2});
}

Layered measure_layers(const Task &t)
{
    t.report->part("layers", "Residuals, by layers:");
    const Rows rows = take_rows(t, true, sample_rows(t, 256));
    return measure_layered(t, rows, numbers(t.arguments, "layers"), 256,
                           [&](size_t n) { measure_ours(t, rows, n, 256); })
        .plain;
}

void measure_codewords(const Task &t)
{
    t.report->part("codewords", "Residuals, by codewords of a layer:");
    for (size_t words : numbers(t.arguments, "words")) {
        const Rows rows = take_rows(t, true, sample_rows(t, words));
        measure_layered(t, rows, {kFewLayers}, words, [&](size_t n) {
            if (words <= 256)
                measure_ours(t, rows, n, words);
            else
                t.report->none("ours: a byte at most", n, words);
        });
    }
}

// By the rows less what is left of them. rows: of all, in Lists::order.
Recall recall_of_layered(const Task &t, const Layered &q, size_t layers, const Matrix &rows,
                         const std::vector<Depth> &depths, double *nmse)
{
    Matrix left, approximations = t.set.base;
    *nmse = encode_layered(q, layers, t.beam, rows, &left).nmse(layers);
    for (size_t i = 0; i < rows.rows; i++)
        simd::kernels().axpy(-1, left.row(i), approximations.row(t.lists.order[i]), rows.dims);
    return recall_of_rows(t.set, approximations, depths);
}

std::string recall_text(const Recall &r)
{
    char text[64];
    std::snprintf(text, sizeof text, "%.3f/%.3f/%.3f", r[0], r[1], r[2]);
    return text;
}

struct Coded
{
    size_t bytes;
    double nmse;
    Recall recall;
};

// As an index would have it: tables, the row's scale and exact constant.
Coded measure_codec(const Task &t, const Lists &lists, const Coding &coding, const std::vector<Depth> &depths)
{
    Encoded e;
    if (!train(t.set, lists, coding, &e))
        return {};
    encode(t.set, lists, nullptr, &e);
    return {e.shape.code_bytes, e.nmse_scaled, recall_by_tables(t.set, lists, e, depths).scaled};
}

// Codes of 4 x 256 on whole vectors: the loss, and the true nearest among the best 5 % of all rows.
void measure_paper(const Task &t)
{
    std::vector<std::pair<std::string, Recall>> recalls;
    std::vector<Depth> depths;
    for (const char *nearest : {"1", "5", "10"})
        depths.push_back(depth_named(std::string(nearest) + "@" + kPaperShare, t.set.base.rows));
    const Matrix all = take(t.set, t.lists, false, 0, t.set.base.rows);
    t.report->part("paper", "Whole vectors, trained on as few as the paper says, and on more:");
    for (size_t sample : {kPaperRows, sample_rows(t, 256)}) {
        const Rows rows = take_rows(t, false, sample);
        const Pair pair =
            measure_layered(t, rows, {kFewLayers}, 256, [&](size_t n) { measure_ours(t, rows, n, 256); });
        for (const Layered *q : {&pair.plain, &pair.unit}) {
            double nmse;
            recalls.emplace_back((q->unit ? "paper's, " : "plain, ") + std::to_string(sample) + " rows",
                                 recall_of_layered(t, *q, kFewLayers, all, depths, &nmse));
        }
    }
    const Coding ours = rvq_coding(t.set.base.dims, kFewLayers, 256);
    recalls.emplace_back("ours, one list",
                         measure_codec(t, make_lists(t.set, 1, Centres::Shrunk), ours, depths).recall);
    recalls.emplace_back("ours, " + std::to_string(t.lists.count) + " lists",
                         measure_codec(t, t.lists, ours, depths).recall);
    std::printf("\n| 4 x 256                | true 1/5/10 in best 5 %% |\n"
                "|------------------------|-------------------------|\n");
    for (const auto &[name, recall] : recalls)
        std::printf("| %-22s | %23s |\n", name.c_str(), recall_text(recall).c_str());
}

void measure_bytes(const Task &t, Layered plain, std::FILE *csv)
{
    constexpr size_t kLayers = 24;
    const std::vector<Depth> depths = {{10, 10}, {10, 20}, {10, 50}};
    const size_t D = t.set.base.dims;
    if (plain.books.size() < kLayers)
        plain =
            train_layered(false, take(t.set, t.lists, true, 0, sample_rows(t, 256)), kLayers, 256, t.rounds);
    std::printf(
        "\nResiduals, by bytes of a code:\n\n| code         | bytes |  NMSE | recall@10 in 10/20/50 |\n"
        "|--------------|-------|-------|-----------------------|\n");
    const auto line = [&](const std::string &name, const Coded &coded) {
        std::printf("| %-12s | %5zu | %.3f | %21s |\n", name.c_str(), coded.bytes, coded.nmse,
                    recall_text(coded.recall).c_str());
        std::fprintf(csv, "%s,%s,%zu,%.5f,%.4f,%.4f,%.4f\n", t.set.name.c_str(), name.c_str(), coded.bytes,
                     coded.nmse, coded.recall[0], coded.recall[1], coded.recall[2]);
        std::fflush(stdout);
    };
    std::fprintf(csv, "set,code,bytes,nmse,r10,r20,r50\n");
    Coded coded = {kLayers, 0, {}};
    coded.recall = recall_of_layered(t, plain, kLayers, take(t.set, t.lists, true, 0, t.set.base.rows),
                                     depths, &coded.nmse);
    line("plain, beam", coded);
    for (int layers : {(int)kLayers, 2 * (int)kLayers})
        line("rvq", measure_codec(t, t.lists, rvq_coding(D, layers, 256), depths));
    for (int sub : {8, 4})
        line("pq4/" + std::to_string(sub),
             measure_codec(t, t.lists, pq_coding(D, sub, ProductQuantizer::kTrained, 0, false), depths));
    line("rabitq", measure_codec(t, t.lists, rabitq_coding(D), depths));
}

bool measure_set(const std::string &folder, const Arguments &arguments)
{
    VectorSet set;
    if (!read_vectors(folder, arguments.number("queries"), &set))
        return false;
    const size_t wanted = arguments.number("lists");
    const Lists lists =
        make_lists(set, wanted ? wanted : (size_t)std::lround(std::sqrt((double)set.base.rows)),
                   centres_named(arguments.text("centres")));
    const std::string path = arguments.text("out") + "/loss_" + set.name + ".csv",
                      bytes = arguments.text("out") + "/loss_bytes_" + set.name + ".csv";
    std::FILE *csv = std::fopen(path.c_str(), "w"), *bytes_csv = std::fopen(bytes.c_str(), "w");
    if (!csv || !bytes_csv) {
        std::perror(path.c_str());
        return false;
    }
    std::printf("\n%s: %zu x %zu, %zu lists, %zu queries, beam %s, %s rounds.\n", set.name.c_str(),
                set.base.rows, set.base.dims, lists.count, set.queries.rows, arguments.text("beam").c_str(),
                arguments.text("rounds").c_str());
    Report report(set.name, csv);
    const Task t = {
        set, lists, arguments, &report, arguments.number("beam"), (int)arguments.number("rounds")};
    const std::vector<std::string> parts = arguments.list("parts");
    const auto wants = [&](const char *part) {
        return std::find(parts.begin(), parts.end(), part) != parts.end();
    };
    Layered plain;
    if (wants("layers"))
        plain = measure_layers(t);
    if (wants("codewords"))
        measure_codewords(t);
    if (wants("paper"))
        measure_paper(t);
    if (wants("bytes"))
        measure_bytes(t, std::move(plain), bytes_csv);
    std::fclose(csv);
    std::fclose(bytes_csv);
    return true;
}

} // namespace

int main(int argc, char **argv)
{
    Arguments arguments = {{{"parts", "layers,codewords,paper,bytes"},
                            {"layers", "4,8,16,32"},
                            {"words", "32,64,128,512"},
                            {"beam", "5"},
                            {"rows", "32768"},
                            {"rounds", "25"},
                            {"held", "10000"},
                            {"lists", "0"},
                            {"queries", "500"},
                            {"centres", "shrunk"},
                            {"out", "."}},
                           {}};
    return run_on_folders("loss", argc, argv, arguments, measure_set);
}
