// Rows that residual quantization encodes in a second: Gaussian rows, an untrained image, levels of the CPU in turns.
//   make -C bench/core encoding && build/bench/encoding --levels avx512
#include "arguments.h"
#include "codecs.h"
#include "vectors.h"

#include "core/random.h"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace vq;
using namespace vq::bench;

constexpr size_t kRows = 2048;
constexpr double kLeastSeconds = 0.5; // of a round

struct Work
{
    const Coding &coding;
    size_t together; // rows handed over in one call
    Aligned image, products;
    const void *encoder = nullptr;
    std::vector<float> residuals, centres;
    std::vector<uint8_t> codes;
    std::vector<RowCode> rows;

    Work(const Coding &c, size_t n, bool with)
        : coding(c), together(n), image(c.ops->image_bytes(c.options, 0)), products(1 << 23)
    {
        const size_t dims = c.options.dims;
        Aligned scratch(c.ops->training_bytes(c.options, 0) + 64);
        if (!c.ops->train(c.options, TrainingSet(), image.data(), scratch.data(), Progress()))
            std::abort();
        if (with && c.ops->encoder_bytes(image.data()) > 0) {
            const double start = now();
            c.ops->make_encoder(image.data(), products.data());
            std::printf("encoder of %zu bytes made in %.2f ms\n", c.ops->encoder_bytes(image.data()),
                        (now() - start) * 1e3);
            encoder = products.data();
        }
        Random random(1);
        residuals.resize(kRows * dims), centres.resize(kRows * dims);
        for (float &v : residuals)
            v = (float)random.normal();
        for (float &v : centres)
            v = (float)random.normal();
        codes.resize(kRows * c.ops->shape(image.data()).code_bytes);
        rows.resize(kRows);
    }

    void encode()
    {
        const size_t dims = coding.options.dims, bytes = codes.size() / kRows;
        for (size_t i = 0; i < kRows; i += together)
            coding.ops->encode_rows(image.data(), encoder, std::min(together, kRows - i),
                                    &residuals[i * dims], &centres[i * dims], nullptr, &codes[i * bytes],
                                    nullptr, &rows[i]);
    }

    // Of a row, in microseconds of CPU time.
    double round()
    {
        const double start = now();
        for (size_t calls = 1;; calls++) {
            encode();
            if (now() - start >= kLeastSeconds)
                return (now() - start) * 1e6 / (double)(calls * kRows);
        }
    }
};

// Equal where levels give the same codes.
uint32_t sum_of(const std::vector<uint8_t> &codes)
{
    uint32_t sum = 0;
    for (uint8_t c : codes)
        sum = sum * 31 + c;
    return sum;
}

void measure(Work *work, const std::vector<std::string> &levels, size_t rounds)
{
    std::vector<std::vector<double>> times(levels.size());
    std::vector<uint32_t> sums(levels.size());
    for (size_t round = 0; round < rounds; round++)
        for (size_t l = 0; l < levels.size(); l++)
            if (simd::select_level(levels[l].c_str())) {
                times[l].push_back(work->round());
                sums[l] = sum_of(work->codes);
            }
    std::printf("%-18s %10s %10s %10s %12s %10s\n", "level", "min us", "median us", "max us", "rows/s",
                "codes");
    for (size_t l = 0; l < levels.size(); l++) {
        std::vector<double> &t = times[l];
        std::sort(t.begin(), t.end());
        if (!t.empty())
            std::printf("%-18s %10.2f %10.2f %10.2f %12.0f   %08x\n", levels[l].c_str(), t[0],
                        t[t.size() / 2], t.back(), 1e6 / t[t.size() / 2], sums[l]);
    }
}

} // namespace

// encoding [--dims D] [--layers M] [--codewords K] [--weight-bits B] [--together ROWS] [--encoder 0] [--rounds N] [--levels A,B,..]
int main(int argc, char **argv)
{
    Arguments a = {{{"dims", "384"},
                    {"layers", "24"},
                    {"codewords", "256"},
                    {"weight-bits", "0"},
                    {"together", "16"},
                    {"encoder", "1"},
                    {"rounds", "7"},
                    {"levels", "auto"}},
                   {}};
    if (!parse(argc, argv, &a) || a.number("together") == 0 || a.number("rounds") == 0)
        return 2;
    const Coding coding = rvq_coding(a.number("dims"), (int)a.number("layers"), (int)a.number("codewords"),
                                     (int)a.number("weight-bits"));
    Work work(coding, a.number("together"), a.number("encoder") != 0);
    measure(&work, a.list("levels"), a.number("rounds"));
}
