// Which level runs. The only file that asks what the CPU can do; __builtin_cpu_supports also asks whether the
// operating system saves the wide registers (XCR0).
#include "simd/levels.h"

#include <cstring>

namespace vq::simd {

namespace detail {
constinit const Kernels *active = &kScalar; // correct even before choose_best has run
}

namespace {

bool always() noexcept
{
    return true;
}

#if defined(__x86_64__)

bool has_avx2() noexcept
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c") && __builtin_cpu_supports("popcnt");
}

bool has_avx512() noexcept
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512cd");
}

bool has_vpopcntdq() noexcept
{
    return has_avx512() && __builtin_cpu_supports("avx512vpopcntdq");
}

bool has_vbmi() noexcept
{
    return has_vpopcntdq() && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni");
}

constinit Kernels vpopcntdq_table = {}, vbmi_table = {}; // filled by choose_best

#endif

struct Candidate
{
    const char *family; // a second name, which stands for the best supported level that carries it
    const Kernels *table;
    bool (*supported)() noexcept; // every feature in flags.mk for the files of this level
};

// Best last.
constexpr Candidate kCandidates[] = {
    {"scalar", &kScalar, always},
#if defined(__x86_64__)
    {"avx2", &kAvx2, has_avx2},
    {"avx512", &kAvx512, has_avx512},
    {"avx512", &vpopcntdq_table, has_vpopcntdq},
    {"avx512", &vbmi_table, has_vbmi},
#elif defined(__aarch64__)
    {"neon", &kNeon, always}, // part of the base architecture
#endif
};
constexpr size_t kCandidateCount = sizeof kCandidates / sizeof *kCandidates;

// Runs when the library is loaded, before ordinary static constructors: reads cpuid and fills two tables,
// nothing else.
__attribute__((constructor(101))) void choose_best() noexcept
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    vpopcntdq_table = kAvx512;
    vpopcntdq_table.name = "avx512_vpopcntdq";
    vpopcntdq_table.bit_planes_dot = bit_planes_dot_vpopcntdq;
    vbmi_table = vpopcntdq_table;
    vbmi_table.name = "avx512_vbmi";
    vbmi_table.bytescan8 = bytescan8_vbmi;
    vbmi_table.byte_dots = byte_dots_vnni;
    vbmi_table.few_bit_dots = few_bit_dots_vnni;
    vbmi_table.word_dots = word_dots_vnni;
    vbmi_table.codeword_scores = codeword_scores_vnni;
#endif
    select_level("auto");
}

} // namespace

size_t level_count() noexcept
{
    return kCandidateCount;
}

Level level(size_t i) noexcept
{
    return {kCandidates[i].table, kCandidates[i].supported()};
}

bool select_level(const char *name) noexcept
{
    const bool any = std::strcmp(name, "auto") == 0;
    for (size_t i = kCandidateCount; i-- > 0;) {
        const Candidate &c = kCandidates[i];
        if ((any || std::strcmp(name, c.family) == 0 || std::strcmp(name, c.table->name) == 0) &&
            c.supported()) {
            detail::active = c.table;
            return true;
        }
    }
    return false;
}

} // namespace vq::simd
