// What the codes alone are worth: recall of the true ten among the best R by a code's estimate over all rows, with no
// lists left out and nothing reranked.
//   make -C bench/core codes && build/bench/codes FOLDER...      (bench/run.sh --only codes runs it on the usual sets)
// FOLDER: base_*.npy, query_*.npy, gt_*.npy. Options, each with a value:
//   --sub 2,4,8    --rotations trained,random    --losses 0,0.1,auto (thresholds T)    --codecs pq4,rabitq,rvq
//   --layers 8,16,24,32    --codewords 256    --weight-bits 0,4,8,16    --training linear (or trained; of rvq)
//   --codeword-bits 8,4,2,1 (of a codeword's coordinate)
//   --lists N (0 = sqrt(rows))    --queries N    --float 1 (the same without tables)    --out DIR (for CSV files)
//   --centres shrunk (or unit: vectors.h)    --depths 1,10,20,50,100 (or K@R, K@P%: depth_named of recall.h)
#include "arguments.h"
#include "codecs.h"
#include "recall.h"

#include <algorithm>

using namespace vq;
using namespace vq::bench;

namespace {

struct Row
{
    std::string codec, rotation, loss;
    int sub_dims;
    double threshold; // that rows were encoded with
};

struct Output
{
    std::FILE *csv;
    bool in_float;
    std::vector<std::string> names; // of the depths
    std::vector<Depth> depths;
};

struct Column
{
    const char *name;
    int width; // 0: six for each depth
};
constexpr Column kColumns[] = {{"code", 6},         {"bytes", 5},        {"rotation", 8}, {"loss", 11},
                               {"plain", 0},        {"scaled", 0},       {"NMSE", 6},     {"scaled", 6},
                               {"train s", 7},      {"encode/s", 8},     {"move us", 7},  {"tables us", 9},
                               {"plain, float", 0}, {"scaled, float", 0}};

int width(const Column &column, const Output &out)
{
    return column.width > 0 ? column.width : std::max(13, 6 * (int)out.depths.size() - 1);
}

void print_row(const std::vector<std::string> &cells, const Output &out)
{
    for (size_t i = 0; i < cells.size(); i++)
        std::printf("| %*s ", width(kColumns[i], out), cells[i].c_str());
    std::printf("|\n");
    std::fflush(stdout);
}

std::string number(double value, int digits)
{
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

std::string recall_text(const Recall &r)
{
    std::string text;
    for (double share : r) {
        text.append(text.empty() ? "" : "/");
        text.append(number(share, 3));
    }
    return text;
}

// Of what was trained on rows.
size_t stored_bytes(const Encoded &e)
{
    const CodecOps &ops = *e.coding.ops;
    return ops.trained(e.image.data()) ? ops.stored_bytes(e.coding.options, e.image.size()) : 0;
}

void print_csv(std::FILE *csv, const VectorSet &set, const Row &row, const Encoded &e,
               const std::string &form, const Recall &r)
{
    std::fprintf(csv, "%s,%s,%d,%s,%s,%g,%s,%u", set.name.c_str(), row.codec.c_str(), row.sub_dims,
                 row.rotation.c_str(), row.loss.c_str(), row.threshold, form.c_str(), e.shape.code_bytes);
    for (double share : r)
        std::fprintf(csv, ",%.4f", share);
    std::fprintf(csv, ",%.5f,%.5f,%.2f,%.0f,%.2f,%zu\n", e.nmse, e.nmse_scaled, e.train_seconds,
                 (double)set.base.rows / e.encode_seconds, 1e6 * e.transform_seconds / (double)set.base.rows,
                 stored_bytes(e));
}

void print_header(const VectorSet &set, const Lists &lists, const Output &out)
{
    std::string depths;
    for (const std::string &name : out.names)
        depths += (depths.empty() ? "" : "/") + name;
    std::printf("\n%s: %zu x %zu, %zu lists, %zu queries, %s, kernels %s. Recall of the true ten in the best "
                "%s.\n\n",
                set.name.c_str(), set.base.rows, set.base.dims, lists.count, set.queries.rows,
                set.metric == Metric::L2 ? "L2" : "inner product", simd::kernels().name, depths.c_str());
    std::vector<std::string> names, lines;
    for (const Column &column : kColumns) {
        names.push_back(column.name);
        lines.push_back(std::string((size_t)width(column, out), '-'));
    }
    const size_t shown = names.size() - (out.in_float ? 0 : 2);
    names.resize(shown), lines.resize(shown);
    print_row(names, out);
    print_row(lines, out);
    std::fprintf(out.csv, "set,codec,sub_dims,rotation,loss,threshold,form,code_bytes");
    for (const std::string &name : out.names)
        std::fprintf(out.csv, ",r%s", name.c_str());
    std::fprintf(out.csv, ",nmse,nmse_scaled,train_s,encode_rows_per_s,transform_us,stored_bytes\n");
}

// Of a query.
double table_seconds(const VectorSet &set, const Encoded &e)
{
    std::vector<float> moved(e.shape.space_dims), scratch(set.base.dims);
    Aligned state(e.shape.query_bytes);
    double seconds = 0;
    for (size_t q = 0; q < set.queries.rows; q++) {
        (void)space_query(e.space, set.queries.row(q), 1, moved.data(), scratch.data());
        const double start = now();
        e.coding.ops->prepare(e.space.image, moved.data(), 0, state.data());
        seconds += now() - start;
    }
    return seconds / (double)set.queries.rows;
}

bool measure(const VectorSet &set, const Lists &lists, const Coding &coding, Row row, MovedRows *moved,
             const Output &out)
{
    Encoded e;
    if (!train(set, lists, coding, &e))
        return false;
    const bool pq = coding.ops->id == ProductQuantizer::kId, has_plain = row.codec != "rabitq";
    const std::string code = pq ? row.codec + "/" + std::to_string(row.sub_dims) : row.codec;
    if (pq) {
        row.threshold = ProductQuantizer::threshold(e.space.image);
        if (row.loss.starts_with("auto")) {
            row.loss += ' ';
            row.loss += number(row.threshold, 2);
        }
        if (row.loss.starts_with("auto") && row.threshold == 0) {
            print_row({code, "", row.rotation, row.loss, "as off", "as off", "", "", "", "", "", ""}, out);
            return true;
        }
    }
    encode(set, lists, moved, &e);
    const double rows = (double)set.base.rows;
    const auto cells = [&](const Recalls &r, const std::string &how) {
        print_csv(out.csv, set, row, e, "scaled" + how, r.scaled);
        if (has_plain)
            print_csv(out.csv, set, row, e, "plain" + how, r.plain);
        return std::vector<std::string>{has_plain ? recall_text(r.plain) : "", recall_text(r.scaled)};
    };
    std::vector<std::string> line = {code, std::to_string(e.shape.code_bytes), row.rotation, row.loss};
    const auto append = [&](const std::vector<std::string> &more) {
        line.insert(line.end(), more.begin(), more.end());
    };
    append(cells(recall_by_tables(set, lists, e, out.depths), ""));
    append({has_plain ? number(e.nmse, 4) : "", number(e.nmse_scaled, 4), number(e.train_seconds, 2),
            number(rows / e.encode_seconds, 0), number(1e6 * e.transform_seconds / rows, 2),
            number(1e6 * table_seconds(set, e), 1)});
    if (out.in_float)
        append(cells(recall_in_float(set, lists, e, out.depths), " float"));
    print_row(line, out);
    return true;
}

// One code size and rotation: every loss, and for the inner product either direction of it.
bool measure_losses(const VectorSet &set, const Lists &lists, const Arguments &arguments, int sub_dims,
                    const std::string &rotation, const Output &out)
{
    const auto kind = rotation == "trained" ? ProductQuantizer::kTrained : ProductQuantizer::kRandom;
    MovedRows moved;
    for (const std::string &loss : arguments.list("losses")) {
        const double threshold = loss == "auto" ? -1 : std::strtod(loss.c_str(), nullptr);
        for (bool toward_vector : {false, true}) {
            if (toward_vector && (set.metric == Metric::L2 || threshold == 0))
                continue;
            const std::string name = threshold == 0 ? "off" : loss + (toward_vector ? " x" : " r");
            const Coding coding = pq_coding(set.base.dims, sub_dims, kind, threshold, toward_vector);
            if (!measure(set, lists, coding, {"pq4", rotation, name, sub_dims, 0}, &moved, out))
                return false;
        }
    }
    return true;
}

bool measure_set(const std::string &folder, const Arguments &arguments)
{
    VectorSet set;
    if (!read_vectors(folder, arguments.number("queries"), &set))
        return false;
    const size_t lists_wanted = arguments.number("lists");
    const Lists lists =
        make_lists(set, lists_wanted ? lists_wanted : (size_t)std::lround(std::sqrt((double)set.base.rows)),
                   centres_named(arguments.text("centres")));
    const std::string path = arguments.text("out") + "/codes_" + set.name + ".csv";
    Output out = {
        std::fopen(path.c_str(), "w"), arguments.number("float") != 0, arguments.list("depths"), {}};
    for (const std::string &name : out.names)
        out.depths.push_back(depth_named(name, set.base.rows));
    if (!out.csv) {
        std::perror(path.c_str());
        return false;
    }
    print_header(set, lists, out);
    bool good = true;
    for (const std::string &codec : arguments.list("codecs")) {
        if (codec == "rabitq") {
            good = good && measure(set, lists, rabitq_coding(set.base.dims), {codec, "random", "", 0, 0},
                                   nullptr, out);
            continue;
        }
        if (codec == "rvq") {
            const int codewords = (int)arguments.number("codewords");
            const auto training = arguments.text("training") == "trained" ? ResidualQuantizer::kTrained
                                                                          : ResidualQuantizer::kLinear;
            for (const std::string &layers : arguments.list("layers"))
                for (const std::string &weights : arguments.list("weight-bits"))
                    for (const std::string &bits : arguments.list("codeword-bits"))
                        good =
                            good &&
                            measure(set, lists,
                                    rvq_coding(set.base.dims, std::atoi(layers.c_str()), codewords,
                                               std::atoi(weights.c_str()), training, std::atoi(bits.c_str())),
                                    {codec, bits + " bits", "weights " + weights, 0, 0}, nullptr, out);
            continue;
        }
        for (const std::string &sub : arguments.list("sub"))
            for (const std::string &rotation : arguments.list("rotations"))
                good = good && measure_losses(set, lists, arguments, std::atoi(sub.c_str()), rotation, out);
    }
    std::fclose(out.csv);
    return good;
}

} // namespace

int main(int argc, char **argv)
{
    Arguments arguments = {{{"sub", "2,4,8"},
                            {"rotations", "trained,random"},
                            {"losses", "0,0.1,auto"},
                            {"codecs", "rabitq,pq4"},
                            {"layers", "8,16,24,32"},
                            {"codewords", "256"},
                            {"weight-bits", "0"},
                            {"codeword-bits", "8"},
                            {"training", "linear"},
                            {"lists", "0"},
                            {"queries", "1000"},
                            {"float", "0"},
                            {"centres", "shrunk"},
                            {"depths", "1,10,20,50,100"},
                            {"out", "."}},
                           {}};
    return run_on_folders("codes", argc, argv, arguments, measure_set);
}
