// Speed of every kernel level that this CPU supports, levels interleaved: min / median / max of seven rounds.
//   make -C bench/core run
#include "simd/kernels.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <sys/mman.h>
#include <ctime>
#include <vector>

namespace {

using namespace vq;

constexpr int kRounds = 7;
constexpr size_t kStreamBytes = 512u << 20; // larger than any cache
constexpr size_t kCachedBytes = 256u << 10; // inside the second-level cache
constexpr double kLeastSeconds = 0.02;      // of one cached measurement

volatile float sink;

// CPU time of this thread: a neighbour that takes the core away does not count, one that takes memory
// bandwidth does.
double now()
{
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct Case
{
    std::string name;
    const char *unit;
    bool once; // one call is long enough
    std::function<void(const simd::Kernels &)> body;
    double work; // units done by one call, for rates; 0 = report ns a call
};

double seconds(const Case &c, const simd::Kernels &k)
{
    for (size_t calls = 1;; calls *= 2) {
        double start = now();
        for (size_t i = 0; i < calls; i++)
            c.body(k);
        double spent = now() - start;
        if (c.once || spent >= kLeastSeconds)
            return spent / (double)calls;
    }
}

void run(const std::vector<Case> &cases, const char *only)
{
    std::printf("%-34s %-18s %10s %10s %10s\n", "kernel", "level", "min", "median", "max");
    for (const Case &c : cases) {
        if (only && c.name.find(only) == std::string::npos)
            continue;
        std::vector<std::vector<double>> values(simd::level_count());
        for (int round = 0; round < kRounds; round++)
            for (size_t l = 0; l < simd::level_count(); l++)
                if (simd::level(l).supported && !(l == 0 && c.once && round > 0)) // slow: scalar streams once
                {
                    double s = seconds(c, *simd::level(l).table);
                    values[l].push_back(c.work ? c.work / s * 1e-9 : s * 1e9);
                }
        for (size_t l = 0; l < simd::level_count(); l++) {
            auto &v = values[l];
            if (v.empty())
                continue;
            std::sort(v.begin(), v.end());
            std::printf("%-34s %-18s %10.2f %10.2f %10.2f %s\n", c.name.c_str(), simd::level(l).table->name,
                        v.front(), v[v.size() / 2], v.back(), c.unit);
        }
        std::fflush(stdout);
    }
}

uint8_t *big_pages(size_t bytes)
{
    void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        std::abort();
    madvise(p, bytes, MADV_HUGEPAGE);
    return static_cast<uint8_t *>(p);
}

struct Data
{
    uint8_t *stream = big_pages(kStreamBytes);
    std::vector<uint8_t> low, high;
    std::vector<float> x, c, out;
    std::vector<uint16_t> bf16; // the upper halves of x; random bits would be subnormals and NaN
    std::vector<uint16_t> half; // x, rounded
    Data()
    {
        std::mt19937_64 random(1);
        for (size_t i = 0; i < kStreamBytes; i += 8) {
            uint64_t word = random();
            std::memcpy(stream + i, &word, 8);
        }
        low.assign(stream, stream + 256 * 64), high.assign(stream + 9999, stream + 9999 + 32 * 256);
        std::normal_distribution<float> normal;
        x.resize(1024 * 1536), c.resize(512 * 1536), out.resize(1024 * 512);
        for (float &v : x)
            v = normal(random);
        for (float &v : c)
            v = normal(random);
        for (size_t i = 0; i < 2048; i++)
            bf16.push_back((uint16_t)(std::bit_cast<uint32_t>(x[i]) >> 16));
        half.resize(2 * 1536);
        simd::kernels().float_to_half(x.data(), half.data(), half.size());
    }
};

void scan(const simd::Kernels &k, const Data &d, size_t bytes, size_t rows, bool wide)
{
    uint32_t sum = 0;
    for (size_t at = 0; at + 32 * rows <= bytes; at += 32 * rows) {
        uint32_t acc[simd::kTileRows] = {};
        if (wide)
            k.fastscan16(d.stream + at, d.low.data(), d.high.data(), rows, acc);
        else
            k.fastscan8(d.stream + at, d.low.data(), rows, acc);
        sum += acc[at % simd::kTileRows];
    }
    sink = (float)sum;
}

std::string text(const char *format, size_t a, size_t b = 0)
{
    char buffer[100];
    std::snprintf(buffer, sizeof buffer, format, a, b);
    return buffer;
}

// What the memory itself gives: a plain sum of 64-bit words. It bounds the streamed rates below.
void add_read(std::vector<Case> &cases, const Data &d)
{
    for (size_t bytes : {kStreamBytes, kCachedBytes})
        cases.push_back(
            {bytes == kStreamBytes ? "plain read memory" : "plain read L2", "GB/s", bytes == kStreamBytes,
             [&d, bytes](auto &) {
                 const uint64_t *words = reinterpret_cast<const uint64_t *>(d.stream);
                 uint64_t sum[8] = {};
                 for (size_t i = 0; i < bytes / 8; i += 8)
                     for (size_t j = 0; j < 8; j++)
                         sum[j] += words[i + j];
                 sink = (float)(sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7]);
             },
             (double)bytes});
}

void add_scans(std::vector<Case> &cases, const Data &d)
{
    for (bool wide : {false, true})
        for (bool streamed : {true, false})
            for (size_t rows : {48, 98, 192}) {
                size_t bytes = (streamed ? kStreamBytes : kCachedBytes) / (32 * rows) * 32 * rows;
                std::string name = wide ? "fastscan16" : "fastscan8";
                cases.push_back({name + text(streamed ? " memory %zu rows" : " L2 %zu rows", rows),
                                 "GB/s of codes", streamed,
                                 [&d, bytes, rows, wide](auto &k) { scan(k, d, bytes, rows, wide); },
                                 (double)bytes});
            }
}

void add_byte_scans(std::vector<Case> &cases, const Data &d)
{
    for (bool streamed : {true, false})
        for (size_t rows : {8, 24, 64}) {
            const size_t bytes = (streamed ? kStreamBytes : kCachedBytes) / (32 * rows) * 32 * rows;
            cases.push_back({"bytescan8" + text(streamed ? " memory %zu rows" : " L2 %zu rows", rows),
                             "GB/s of codes", streamed,
                             [&d, bytes, rows](auto &k) {
                                 uint32_t sum = 0;
                                 for (size_t at = 0; at < bytes; at += 32 * rows) {
                                     uint32_t acc[simd::kTileRows] = {};
                                     k.bytescan8(d.stream + at, d.low.data(), rows, acc);
                                     sum += acc[at % simd::kTileRows];
                                 }
                                 sink = (float)sum;
                             },
                             (double)bytes});
        }
}

// What a row (five beginnings of its code) and a query (two bytes a dimension) of residual quantization pay: 24 layers
// of 256 codewords.
void add_byte_dots(std::vector<Case> &cases, Data &d)
{
    for (size_t rows : {2, 5, 80}) // 80: sixteen rows together
        cases.push_back({text("byte_dots %zu x 24 x 256 x 384", rows), "ns", false,
                         [&d, rows](auto &k) {
                             int32_t *out = reinterpret_cast<int32_t *>(d.out.data());
                             for (size_t m = 0; m < 24; m++)
                                 k.byte_dots(reinterpret_cast<const int8_t *>(d.low.data()), rows, 384,
                                             d.stream + m * 256 * 384, 16, 64 * 96, 96, out, 256);
                             sink = (float)out[77];
                         },
                         0});
    const auto query = [&d](auto dots) { // in two rows of bytes, with 64 layers of 16 codewords
        int32_t *out = reinterpret_cast<int32_t *>(d.out.data());
        dots(reinterpret_cast<const int8_t *>(d.low.data()), out);
        sink = (float)out[77];
    };
    cases.push_back({"byte_dots 2 x 64 x 16 x 768", "ns", false,
                     [&d, query](auto &k) {
                         query([&](const int8_t *x, int32_t *out) {
                             k.byte_dots(x, 2, 768, d.stream, 64, 64 * 192, 192, out, 1024);
                         });
                     },
                     0});
    for (unsigned bits : {4u, 2u, 1u})
        cases.push_back({text("few_bit_dots %u bits, the same", bits), "ns", false,
                         [&d, query, bits](auto &k) {
                             query([&](const int8_t *x, int32_t *out) {
                                 k.few_bit_dots(x, 2, 768, d.stream, 64, 8 * 192 * bits, bits, 192, out,
                                                1024);
                             });
                         },
                         0});
}

// What the beam search does with 256 products of a beginning, and with what a codeword leaves.
void add_beam(std::vector<Case> &cases, Data &d)
{
    cases.push_back({"take_off 384", "ns", false,
                     [&d](auto &k) {
                         float unit;
                         sink = k.take_off(d.x.data(), d.stream, 1e-3f, 96, d.out.data(),
                                           reinterpret_cast<int8_t *>(d.c.data()), &unit);
                         sink = unit;
                     },
                     0});
    cases.push_back({"round_to_bytes 384", "ns", false,
                     [&d](auto &k) {
                         sink = k.round_to_bytes(d.x.data(), 384, reinterpret_cast<int8_t *>(d.out.data()));
                     },
                     0});
    cases.push_back({"codeword_scores 5 x 256 x 384", "ns", false,
                     [&d](auto &k) {
                         const simd::Codebook book = {d.stream, d.x.data(), d.c.data(), 16, 96};
                         float least[5 * 16];
                         k.codeword_scores(reinterpret_cast<const int8_t *>(d.low.data()), 5, book,
                                           d.x.data(), d.c.data(), d.out.data(), least);
                         sink = least[7];
                     },
                     0});
    cases.push_back({"order16", "ns", false,
                     [&d](auto &k) {
                         uint8_t place[16];
                         k.order16(d.x.data(), 16, place);
                         sink = place[4];
                     },
                     0});
    cases.push_back({"at_most 1280", "ns", false,
                     [&d](auto &k) {
                         uint16_t which[1280];
                         sink = (float)k.at_most(d.x.data(), 1280, -2.6f, which); // six or so
                     },
                     0});
    cases.push_back(
        {"finite_sums 1280", "ns", false, [&d](auto &k) { k.finite_sums(d.out.data(), 1280, 0); }, 0});
    cases.push_back({"finite_terms 1280", "ns", false,
                     [&d](auto &k) {
                         k.finite_terms(reinterpret_cast<const int32_t *>(d.stream), d.x.data(), d.c.data(),
                                        1e-3f, 1280, 1, d.out.data());
                         sink = d.out[9];
                     },
                     0});
    cases.push_back({"minima 1280", "ns", false,
                     [&d](auto &k) {
                         float least[simd::kMinima];
                         k.minima(d.x.data(), 1280, least);
                         sink = least[9];
                     },
                     0});
    cases.push_back({"count_at_most 1280", "ns", false,
                     [&d](auto &k) { sink = (float)k.count_at_most(d.x.data(), 1280, -2.6f); }, 0});
}

void add_planes(std::vector<Case> &cases, const Data &d)
{
    for (size_t bytes : {96, 192})
        for (unsigned planes : {1u, 4u, 8u}) {
            size_t codes = kStreamBytes / 4 / bytes;
            cases.push_back(
                {text("bit_planes_dot %zu B, %zu planes", bytes, planes), "GB/s of codes x planes", true,
                 [&d, bytes, planes, codes](auto &k) {
                     uint32_t sum = 0;
                     for (size_t i = 0; i < codes; i++)
                         sum += k.bit_planes_dot(d.stream + i * bytes, d.low.data(), bytes, planes);
                     sink = (float)sum;
                 },
                 (double)(codes * bytes * planes)});
        }
}

void add_floats(std::vector<Case> &cases, Data &d)
{
    for (size_t dims : {128, 384, 1536})
        cases.push_back({text("dot_block 1024 x 512 x %zu", dims), "GFLOP/s", true,
                         [&d, dims](auto &k) {
                             k.dot_block(d.x.data(), 1024, dims, d.c.data(), 512, dims, dims, d.out.data(),
                                         512);
                             sink = d.out[77];
                         },
                         2.0 * 1024 * 512 * (double)dims});
    for (size_t dims : {384, 784, 1536}) {
        cases.push_back({text("dot %zu", dims), "ns", false,
                         [&d, dims](auto &k) { sink = k.dot(d.x.data(), d.c.data(), dims); }, 0});
        cases.push_back({text("l2sq %zu", dims), "ns", false,
                         [&d, dims](auto &k) { sink = k.l2sq(d.x.data(), d.c.data(), dims); }, 0});
        cases.push_back(
            {text("half_l2sq %zu", dims), "ns", false,
             [&d, dims](auto &k) { sink = k.half_l2sq(d.half.data(), d.half.data() + 1536, dims); }, 0});
        cases.push_back({text("half_dot_norms %zu", dims), "ns", false,
                         [&d, dims](auto &k) {
                             float out[3];
                             k.half_dot_norms(d.half.data(), d.half.data() + 1536, dims, out);
                             sink = out[0] + out[1] + out[2];
                         },
                         0});
        cases.push_back({text("bf16_l2sq %zu", dims), "ns", false,
                         [&d, dims](auto &k) {
                             sink = k.bf16_l2sq(d.x.data(), reinterpret_cast<const uint8_t *>(d.bf16.data()),
                                                dims);
                         },
                         0});
    }
    for (size_t n : {512, 1024})
        cases.push_back({text("fwht %zu", n), "ns", false,
                         [&d, n](auto &k) {
                             std::memcpy(d.out.data(), d.x.data(),
                                         n * sizeof(float)); // or it grows to infinity
                             k.fwht(d.out.data(), n);
                         },
                         0});
    cases.push_back(
        {"keys_within 32", "ns", false,
         [&d](auto &k) { sink = (float)k.keys_within((const uint64_t *)d.x.data(), 32, 1000, 1ull << 60); },
         0});
    cases.push_back({"tile_bounds 32", "ns", false,
                     [&d](auto &k) {
                         float lower[simd::kTileRows];
                         uint32_t acc[simd::kTileRows] = {1, 2, 3};
                         const uint16_t *bf16 = d.bf16.data();
                         sink = (float)k.tile_bounds({.acc = acc,
                                                      .add = d.x.data(),
                                                      .scale = bf16,
                                                      .err = bf16 + 32,
                                                      .rows = 32,
                                                      .mul = 1e-3f,
                                                      .offset = 1,
                                                      .list_add = 2,
                                                      .error_width = 3,
                                                      .threshold = 4},
                                                     lower);
                     },
                     0});
}

// What a product-quantized row or query pays: the rotation by a dense matrix, its codes, its tables.
void add_subspaces(std::vector<Case> &cases, Data &d)
{
    for (size_t dims : {384, 784}) {
        for (size_t nx : {2, 10}) // two digits of a row or query; of five rows
            cases.push_back({text("word_dots %zu x %zu squared", nx, dims), "ns", false,
                             [&d, dims, nx](auto &k) {
                                 k.word_dots(reinterpret_cast<const int16_t *>(d.low.data()), nx, dims,
                                             d.stream, dims / 16, dims / 2,
                                             reinterpret_cast<int32_t *>(d.out.data()), dims);
                             },
                             0});
        cases.push_back({text("nearest_codes %zu / %zu", dims, 4), "ns", false,
                         [&d, dims](auto &k) {
                             k.nearest_codes(d.x.data(), d.c.data(), dims, 4,
                                             reinterpret_cast<uint8_t *>(d.out.data()));
                         },
                         0});
        cases.push_back(
            {text("subspace_dots %zu / %zu", dims, 4), "ns", false,
             [&d, dims](auto &k) { k.subspace_dots(d.x.data(), d.c.data(), dims, 4, d.out.data()); }, 0});
    }
}

void print_machine()
{
    char line[256] = "unknown";
    if (FILE *info = std::fopen("/proc/cpuinfo", "r")) {
        while (std::fgets(line, sizeof line, info) && std::strncmp(line, "model name", 10) != 0)
            ;
        std::fclose(info);
    }
    const char *colon = std::strchr(line, ':');
    std::printf("CPU: %s", colon ? colon + 2 : "unknown\n");
    std::printf("compiler: %s\n", __VERSION__);
}

} // namespace

// kernels [PART OF A NAME]
int main(int argc, char **argv)
{
    print_machine();
    static Data data;
    std::vector<Case> cases;
    add_read(cases, data);
    add_byte_scans(cases, data);
    add_byte_dots(cases, data);
    add_beam(cases, data);
    add_scans(cases, data);
    add_planes(cases, data);
    add_floats(cases, data);
    add_subspaces(cases, data);
    run(cases, argc > 1 ? argv[1] : nullptr);
}
