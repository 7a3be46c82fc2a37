// NEON on aarch64, where it is part of the base architecture.
#if defined(__aarch64__)

#include "simd/levels.h"
#include "simd/wide_bytes.h"
#include "simd/wide_table.h"

#include <arm_neon.h>

namespace vq::simd {

namespace {

struct Lanes : Batch<xsimd::neon64, 6>
{
    static F load_first(const float *p, size_t n) noexcept
    {
        float v[4] = {};
        __builtin_memcpy(v, p, n * sizeof *p);
        return F::load_unaligned(v);
    }
    static void store_first(float *p, F v, size_t n) noexcept
    {
        float lanes[4];
        v.store_unaligned(lanes);
        __builtin_memcpy(p, lanes, n * sizeof *p);
    }
    static F fma(F a, F b, F c) noexcept { return vfmaq_f32(c, a, b); }
    static float sum(F v) noexcept { return vaddvq_f32(v); }
    static void store_sums(float *out, F a, F b, F c, F d) noexcept
    {
        vst1q_f32(out, vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d)));
    }

    template <size_t H>
    static F butterfly(F v) noexcept
    {
        float32x4_t x = v, other = H == 1 ? vrev64q_f32(x) : vextq_f32(x, x, 2);
        const uint32x4_t upper = H == 1 ? uint32x4_t{0, ~0u, 0, ~0u} : uint32x4_t{0, 0, ~0u, ~0u};
        return vbslq_f32(upper, vsubq_f32(other, x), vaddq_f32(x, other));
    }

    // Bit i is shifted up to the sign of lane i.
    static F flip(F v, unsigned bits) noexcept
    {
        const int32x4_t up = {31, 30, 29, 28};
        uint32x4_t sign = vandq_u32(vshlq_u32(vdupq_n_u32(bits), up), vdupq_n_u32(0x80000000u));
        return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(v), sign));
    }

    static F from_int(const uint32_t *p) noexcept
    {
        return vcvtq_f32_s32(vreinterpretq_s32_u32(vld1q_u32(p)));
    }
    static F fp16(const uint8_t *p) noexcept { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }
    static void store_fp16(uint8_t *p, F v) noexcept { vst1_u8(p, vreinterpret_u8_f16(vcvt_f16_f32(v))); }
    static F bf16(const uint8_t *p) noexcept
    {
        return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
    }
    static F from_bytes(const int8_t *p) noexcept
    {
        uint32_t word;
        __builtin_memcpy(&word, p, 4);
        return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(word)))));
    }
    static F quads(const uint8_t *p) noexcept
    {
        uint32_t word;
        __builtin_memcpy(&word, p, 4);
        const int16x8_t wide = vmovl_s8(vcreate_s8(word ^ 0x80808080));
        return vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide)));
    }
    static float fold(F v) noexcept
    {
        const float32x4_t lanes = v;
        const float32x2_t pair = vadd_f32(vget_low_f32(lanes), vget_high_f32(lanes));
        return vget_lane_f32(pair, 0) + vget_lane_f32(pair, 1);
    }
    static void store_bytes(int8_t *p, F a, F b, F c, F d) noexcept
    {
        const auto halves = [](F v) { return vmovn_s32(vsubq_s32(vcvtq_s32_f32(v), vdupq_n_s32(128))); };
        vst1q_s8(p, vcombine_s8(vmovn_s16(vcombine_s16(halves(a), halves(b))),
                                vmovn_s16(vcombine_s16(halves(c), halves(d)))));
    }
    static uint32_t below(F a, F b) noexcept
    {
        const uint32x4_t place = {1, 2, 4, 8};
        return vaddvq_u32(vandq_u32(vcltq_f32(a, b), place));
    }
    static uint32_t equal(F a, F b) noexcept
    {
        const uint32x4_t place = {1, 2, 4, 8};
        return vaddvq_u32(vandq_u32(vceqq_f32(a, b), place));
    }
    static F spread_min(F v) noexcept { return vdupq_n_f32(vminvq_f32(v)); }
};

// --- FastScan ---
//
// TBL looks up sixteen entries of one column: the low nibbles are rows 0..15 of the tile, the high
// nibbles 16..31. The widening additions UADDW put them into 16-bit sums in row order, so there is nothing to
// unpack at the end. Both columns share the sums: 65,535 / (255 * 2) = 128 code rows. Four sums a table are
// independent, and an addition takes two or three cycles, so they overlap.

constexpr size_t kChunkRows = 128;

struct Sums // of one table: rows 0..7, 8..15, 16..23, 24..31
{
    uint16x8_t part[4];
};

__attribute__((always_inline)) inline void look_up(Sums &s, uint8x16_t low, uint8x16_t high,
                                                   uint8x16_t table) noexcept
{
    uint8x16_t a = vqtbl1q_u8(table, low), b = vqtbl1q_u8(table, high);
    s.part[0] = vaddw_u8(s.part[0], vget_low_u8(a));
    s.part[1] = vaddw_high_u8(s.part[1], a);
    s.part[2] = vaddw_u8(s.part[2], vget_low_u8(b));
    s.part[3] = vaddw_high_u8(s.part[3], b);
}

struct FastScan
{
    // kTables: 1 for byte entries, 2 where the second table holds the high bytes.
    template <size_t kTables>
    __attribute__((always_inline)) static void scan(const uint8_t *codes,
                                                    const uint8_t *const (&lut)[kTables], size_t rows,
                                                    uint32_t acc[kTileRows]) noexcept
    {
        for (size_t start = 0; start < rows; start += kChunkRows) {
            const size_t end = rows - start < kChunkRows ? rows : start + kChunkRows;
            Sums sums[kTables] = {};
            for (size_t half = 2 * start; half < 2 * end; half++) // one column
            {
                uint8x16_t code = vld1q_u8(codes + 16 * half);
                uint8x16_t low = vandq_u8(code, vdupq_n_u8(15)), high = vshrq_n_u8(code, 4);
                for (size_t t = 0; t < kTables; t++)
                    look_up(sums[t], low, high, vld1q_u8(lut[t] + 16 * half));
            }
            for (size_t t = 0; t < kTables; t++)
                for (size_t i = 0; i < 4; i++) {
                    const int32x4_t shift = vdupq_n_s32((int)(8 * t));
                    uint32_t *to = acc + 8 * i;
                    uint32x4_t low = vshlq_u32(vmovl_u16(vget_low_u16(sums[t].part[i])), shift);
                    uint32x4_t high = vshlq_u32(vmovl_high_u16(sums[t].part[i]), shift);
                    vst1q_u32(to, vaddq_u32(vld1q_u32(to), low));
                    vst1q_u32(to + 4, vaddq_u32(vld1q_u32(to + 4), high));
                }
        }
    }
};

// --- bytes ---

// The entries of sixteen codes. TBL looks up in 64 of them; TBX does so too, but where its index is out of range it keeps what
// the quarters before have found.
__attribute__((always_inline)) inline uint8x16_t look_up_256(const uint8_t *table, uint8x16_t codes) noexcept
{
    uint8x16_t found = vqtbl4q_u8(vld1q_u8_x4(table), codes);
    for (size_t quarter = 1; quarter < 4; quarter++)
        found = vqtbx4q_u8(found, vld1q_u8_x4(table + 64 * quarter),
                           vsubq_u8(codes, vdupq_n_u8((uint8_t)(64 * quarter))));
    return found;
}

void bytescan8(const uint8_t *codes, const uint8_t *lut, size_t rows, uint32_t acc[kTileRows]) noexcept
{
    constexpr size_t kByteChunkRows = 256; // code rows whose entries, up to 255 each, 16 bits hold the sum of
    for (size_t start = 0; start < rows; start += kByteChunkRows) {
        const size_t end = rows - start < kByteChunkRows ? rows : start + kByteChunkRows;
        uint16x8_t sum[4] = {vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0)};
        for (size_t r = start; r < end; r++) {
            const uint8x16_t low = vld1q_u8(codes + 32 * r), high = vld1q_u8(codes + 32 * r + 16);
            // Nibbles of column 0 below those of column 1: the lower ones are rows 0..15.
            const uint8x16_t a = look_up_256(lut + 256 * r, vsliq_n_u8(low, high, 4)),
                             b = look_up_256(lut + 256 * r, vsriq_n_u8(high, low, 4));
            sum[0] = vaddw_u8(sum[0], vget_low_u8(a));
            sum[1] = vaddw_high_u8(sum[1], a);
            sum[2] = vaddw_u8(sum[2], vget_low_u8(b));
            sum[3] = vaddw_high_u8(sum[3], b);
        }
        for (size_t i = 0; i < 4; i++) {
            uint32_t *to = acc + 8 * i;
            vst1q_u32(to, vaddw_u16(vld1q_u32(to), vget_low_u16(sum[i])));
            vst1q_u32(to + 4, vaddw_high_u16(vld1q_u32(to + 4), sum[i]));
        }
    }
}

// A load takes four dimensions of sixteen codewords apart. Sums of two products of bytes must fit 16 bits, with a sign. Of
// bytes 0..255 they would not (2 * 127 * 255), so here the 128 is subtracted from them first, and there is no excess.
struct Bytes
{
    using Codes = int8x16x4_t;
    using Four = const int8_t *;
    struct Sum
    {
        int32x4_t part[4];
    };
    static constexpr size_t kLanes = 16, kSums = 5;
    static Codes load(const uint8_t *p) noexcept
    {
        const uint8x16x4_t c = vld4q_u8(p);
        Codes out;
        for (size_t d = 0; d < 4; d++)
            out.val[d] = vreinterpretq_s8_u8(veorq_u8(c.val[d], vdupq_n_u8(128)));
        return out;
    }
    static Codes load_numbers(const uint8_t *p) noexcept
    {
        const uint8x16x4_t c = vld4q_u8(p);
        Codes out;
        for (size_t d = 0; d < 4; d++)
            out.val[d] = vreinterpretq_s8_u8(c.val[d]);
        return out;
    }
    template <unsigned kBits>
    static Codes numbers(const Codes &c, size_t group) noexcept
    {
        const int8x16_t shift = vdupq_n_s8(-(int8_t)(group * kBits)); // to the right
        Codes out;
        for (size_t d = 0; d < 4; d++)
            out.val[d] = vreinterpretq_s8_u8(
                vandq_u8(vshlq_u8(vreinterpretq_u8_s8(c.val[d]), shift), vdupq_n_u8((1 << kBits) - 1)));
        return out;
    }
    static Four spread(const int8_t *p) noexcept { return p; }
    static int32_t excess(const int8_t *x, size_t n) noexcept { return plain_excess(x, n); }
    static Sum start(int32_t) noexcept
    {
        const int32x4_t zero = vdupq_n_s32(0);
        return {{zero, zero, zero, zero}};
    }
    static Sum add(Sum s, const Codes &c, Four x) noexcept
    {
        for (size_t d = 0; d < 4; d += 2) {
            const int8x16_t x0 = vdupq_n_s8(x[d]), x1 = vdupq_n_s8(x[d + 1]);
            const int16x8_t low = vmlal_s8(vmull_s8(vget_low_s8(c.val[d]), vget_low_s8(x0)),
                                           vget_low_s8(c.val[d + 1]), vget_low_s8(x1)),
                            high = vmlal_high_s8(vmull_high_s8(c.val[d], x0), c.val[d + 1], x1);
            s.part[0] = vaddw_s16(s.part[0], vget_low_s16(low));
            s.part[1] = vaddw_high_s16(s.part[1], low);
            s.part[2] = vaddw_s16(s.part[2], vget_low_s16(high));
            s.part[3] = vaddw_high_s16(s.part[3], high);
        }
        return s;
    }
    static void store(int32_t *out, const Sum &s) noexcept
    {
        for (size_t i = 0; i < 4; i++)
            vst1q_s32(out + 4 * i, s.part[i]);
    }
};

// Two words of a row where a codeword has four bytes: the first words of sixteen rows, and the second ones.
struct Words
{
    struct Codes
    {
        int16x8x2_t half[2]; // of eight rows each
    };
    using Four = const int8_t *;
    using Sum = Bytes::Sum;
    static constexpr size_t kLanes = 16, kSums = 5;
    static Codes load(const uint8_t *p) noexcept
    {
        Codes out;
        for (size_t h = 0; h < 2; h++) {
            const int16x8_t low = vreinterpretq_s16_u8(vld1q_u8(p + 32 * h)),
                            high = vreinterpretq_s16_u8(vld1q_u8(p + 32 * h + 16));
            out.half[h] = {{vuzp1q_s16(low, high), vuzp2q_s16(low, high)}};
        }
        return out;
    }
    static Four spread(const int8_t *p) noexcept { return p; }
    static int32_t excess(const int8_t *, size_t) noexcept { return 0; }
    static Sum start(int32_t s) noexcept { return Bytes::start(s); }
    static Sum add(Sum s, const Codes &c, Four x) noexcept
    {
        for (size_t d = 0; d < 2; d++) {
            int16_t word;
            __builtin_memcpy(&word, x + 2 * d, sizeof word);
            const int16x8_t v = vdupq_n_s16(word);
            for (size_t h = 0; h < 2; h++) {
                s.part[2 * h] = vmlal_s16(s.part[2 * h], vget_low_s16(c.half[h].val[d]), vget_low_s16(v));
                s.part[2 * h + 1] = vmlal_high_s16(s.part[2 * h + 1], c.half[h].val[d], v);
            }
        }
        return s;
    }
    static void store(int32_t *out, const Sum &s) noexcept { Bytes::store(out, s); }
};

// --- filter keys ---

// Two keys at a time: narrowed, both their masks are one 64-bit word.
uint32_t keys_within(const uint64_t *keys, size_t n, uint64_t low, uint64_t high) noexcept
{
    const uint64x2_t least = vdupq_n_u64(low), width = vdupq_n_u64(high - low);
    uint32_t mask = 0;
    size_t v = 0;
    for (; v + 2 <= n; v += 2) {
        const uint64x2_t within = vcleq_u64(vsubq_u64(vld1q_u64(keys + v), least), width);
        const uint64_t both = vget_lane_u64(vreinterpret_u64_u32(vmovn_u64(within)), 0);
        mask |= (uint32_t)((both & 1) | (both >> 32 & 1) << 1) << v;
    }
    if (v < n) {
        uint64_t last;
        __builtin_memcpy(&last, keys + v, sizeof last);
        mask |= (uint32_t)(last - low <= high - low) << v;
    }
    return mask;
}

// --- bit planes ---

// The `n` < 16 bytes at p, then zeros.
uint8x16_t load_short(const uint8_t *p, size_t n) noexcept
{
    uint8_t bytes[16] = {};
    __builtin_memcpy(bytes, p, n);
    return vld1q_u8(bytes);
}

// CNT counts the bits of bytes. Planes from the highest down, total = 2 * total + count. Counts stay in bytes
// (at most 8 each) for 31 vectors, then are added pairwise to 16 bits.
uint32_t bit_planes_dot(const uint8_t *code, const uint8_t *planes, size_t bytes, unsigned nplanes) noexcept
{
    constexpr size_t kSegment = 31 * 16;
    uint32_t sum = 0;
    for (size_t start = 0; start < bytes; start += kSegment) {
        const size_t end = bytes - start < kSegment ? bytes : start + kSegment;
        uint32_t total = 0;
        for (unsigned p = nplanes; p-- > 0;) {
            const uint8_t *plane = planes + p * bytes;
            uint8x16_t counts = vdupq_n_u8(0);
            size_t i = start;
            for (; i + 16 <= end; i += 16)
                counts = vaddq_u8(counts, vcntq_u8(vandq_u8(vld1q_u8(code + i), vld1q_u8(plane + i))));
            if (i < end)
                counts = vaddq_u8(counts, vcntq_u8(vandq_u8(load_short(code + i, end - i),
                                                            load_short(plane + i, end - i))));
            total = 2 * total + vaddlvq_u8(counts);
        }
        sum += total;
    }
    return sum;
}

} // namespace

constinit const Kernels kNeon =
    wide_table<Lanes, FastScan>("neon", bytescan8, bit_planes_dot, byte_dots<Bytes>, few_bit_dots<Bytes>,
                                word_dots<Words>, codeword_scores<Lanes, byte_dots<Bytes>>, keys_within);

} // namespace vq::simd

#endif
