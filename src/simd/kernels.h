// The kernel table: all that other folders see of simd/. One instruction set, one table.
//
// Rules for every entry: noexcept, never allocates, any alignment (pointers into PostgreSQL pages are at best 8-byte
// aligned), reads and writes nothing outside the stated ranges. Integer kernels are equal to the scalar table bit for
// bit. Float kernels may sum in another order: |difference| <= n * 2^-22 * (sum of absolute terms).
#pragma once

#include <cstddef>
#include <cstdint>

namespace vq::simd {

constexpr size_t kTileRows = 32;        // rows of a tile; one 32-byte code row holds 8 bits of each
constexpr size_t kMinima = 64;          // numbers that Kernels::minima leaves
constexpr float kLeastRounded = 1e-30f; // round_to_bytes takes vectors with no larger coordinate for zero

// Formats of the elements of a stored vector: of refine codes (core/scalar_quantizer.h) and of indexed columns.
// Append, never renumber: stored in indexes.
enum class Element : uint8_t
{
    SQ6 = 0,
    SQ8 = 1,
    FP16 = 2,
    BF16 = 3,
    FP32 = 4
};
constexpr size_t kElementCount = 5;

// 16 * blocks codewords of 4 * quads dimensions.
struct Codebook
{
    const uint8_t *bytes; // as Kernels::byte_dots reads them
    const float *scale;   // of each codeword: what a unit of its bytes stands for
    const float *norm_sq; // of each codeword
    size_t blocks, quads;
};

// What Kernels::tile_bounds needs of the rows of a tile, of the query and of the list.
struct TileBounds
{
    const uint32_t *acc;   // kTileRows of them, below 2^31: sums of look-ups
    const float *add;      // as many as rows, like the next two
    const uint16_t *scale; // bfloat16
    const uint16_t *err;   // bfloat16
    size_t rows;           // 1..kTileRows
    float mul, offset;     // of the query: an inner product is mul * acc + offset
    float list_add = 0;
    float error_width = 0; // how many times err a bound lies below the estimate
    float threshold = 0;
    // For rows of several lists, instead of list_add and error_width: one for each row. Both or none.
    const float *list_adds = nullptr;
    const float *error_widths = nullptr;
};

struct Kernels
{
    const char *name; // as in the setting vector_quant.simd

    // --- float32 vectors, n elements each ---
    float (*dot)(const float *a, const float *b, size_t n) noexcept;
    float (*l2sq)(const float *a, const float *b, size_t n) noexcept; // squared L2
    float (*l1)(const float *a, const float *b, size_t n) noexcept;
    // out[0] = <a,b>, out[1] = <a,a>, out[2] = <b,b> in one pass
    void (*dot_norms)(const float *a, const float *b, size_t n, float out[3]) noexcept;
    // y[i] += alpha * x[i]
    void (*axpy)(float alpha, const float *x, float *y, size_t n) noexcept;

    // --- vectors of IEEE halfs, n elements each ---
    // Bit for bit what the same level gives for the elements as floats (of a NaN only that it is one).
    float (*half_dot)(const uint16_t *a, const uint16_t *b, size_t n) noexcept;
    float (*half_l2sq)(const uint16_t *a, const uint16_t *b, size_t n) noexcept;
    float (*half_l1)(const uint16_t *a, const uint16_t *b, size_t n) noexcept;
    void (*half_dot_norms)(const uint16_t *a, const uint16_t *b, size_t n, float out[3]) noexcept;
    // Every level gives the same bits (of a NaN only that it is one). x and out do not overlap.
    void (*half_to_float)(const uint16_t *x, float *out, size_t n) noexcept;
    // To nearest even; values beyond +-65504, infinities among them, become that.
    void (*float_to_half)(const float *x, uint16_t *out, size_t n) noexcept;

    // --- a float32 vector and one of bfloat16 (2 n bytes, little-endian), n elements each ---
    float (*bf16_dot)(const float *a, const uint8_t *b, size_t n) noexcept;
    float (*bf16_l2sq)(const float *a, const uint8_t *b, size_t n) noexcept; // squared L2

    // --- blocks of float32 vectors ---
    // Dot products of nx rows of x with nc rows of c: out[i * out_stride + j] = <x_i, c_j>. Rows are contiguous,
    // x_stride / c_stride floats apart. Register-blocked: this is the k-means assignment.
    void (*dot_block)(const float *x, size_t nx, size_t x_stride, const float *c, size_t nc, size_t c_stride,
                      size_t dims, float *out, size_t out_stride) noexcept;

    // --- rotation ---
    // Unnormalised in-place fast Walsh-Hadamard transform; n is a power of two, 1..16384.
    void (*fwht)(float *x, size_t n) noexcept;
    // x[i] = -x[i] where bit i (i%8 of byte i/8) is set.
    void (*flip_signs)(float *x, const uint8_t *bits, size_t n) noexcept;

    // Dot products of nx rows of x, x_stride words apart, with 16 * blocks rows of a matrix:
    //     out[i * out_stride + 16 b + k] = sum over d < 2 * pairs of x_i[d] * m_bk[d]
    // book: for each block of 16 rows m, for each two dimensions, 16 x 2 words, little-endian. Sums are exact modulo 2^32.
    void (*word_dots)(const int16_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
                      size_t pairs, int32_t *out, size_t out_stride) noexcept;

    // --- FastScan over a tile: 32 rows, 4-bit columns, two columns per 32-byte code row (diagram in core/tile.h).
    // For each of the 32 rows v adds the table entries of its codes in `rows` code rows to acc[v]. Column j of the tile uses
    // the 16 table entries at lut + 16 * j (so a code row uses 32 bytes of lut). Any number of code rows; sums are exact.
    void (*fastscan8)(const uint8_t *codes, const uint8_t *lut, size_t rows,
                      uint32_t acc[kTileRows]) noexcept;
    // The same with 16-bit entries: entry = lut_lo + 256 * lut_hi.
    void (*fastscan16)(const uint8_t *codes, const uint8_t *lut_lo, const uint8_t *lut_hi, size_t rows,
                       uint32_t acc[kTileRows]) noexcept;

    // FastScan with one 8-bit column in a code row: a byte of the code of each of the 32 rows, with its nibbles where those of
    // two columns would be. A code row uses 256 bytes of lut.
    void (*bytescan8)(const uint8_t *codes, const uint8_t *lut, size_t rows,
                      uint32_t acc[kTileRows]) noexcept;

    // --- bit planes: sum over p of 2^p * popcount(code & plane_p), planes `bytes` apart, nplanes 1..16.
    uint32_t (*bit_planes_dot)(const uint8_t *code, const uint8_t *planes, size_t bytes,
                               unsigned nplanes) noexcept;

    // --- bounds of a tile (docs/formulas.md, Bounds) ---
    // For each row v:
    //     lower[v] = ((add[v] + list_add) + scale[v] * (mul * acc[v] + offset)) - error_width * err[v]
    // with list_adds[v] and error_widths[v] where there are such.
    // Returns the bit mask of rows with lower[v] < threshold (NaN compares false). lower has room for kTileRows entries; those
    // behind the last row may be overwritten. All arithmetic is in float, grouped as written, with one rounding for each
    // operation and no fused multiply-add: so every level gives the same bits (of a NaN only that it is one).
    uint32_t (*tile_bounds)(const TileBounds &bounds, float lower[kTileRows]) noexcept;

    // --- filter keys (ivf/row/filter_keys.h) ---
    // The bit mask of those of n keys, 0..32, that are at least low and at most high; low <= high.
    uint32_t (*keys_within)(const uint64_t *keys, size_t n, uint64_t low, uint64_t high) noexcept;

    // --- product quantization, 16 centroids a subspace ---
    // x: dims floats in subspaces of sub_dims (1..8; the last may be shorter). codebook: for each subspace 16 half
    // squared norms, then its dimensions x 16 coordinates. Every level gives the same bits (see tile_bounds).
    // codes[j] = the centroid nearest to subspace j of x, the first of equals. Finite values only.
    void (*nearest_codes)(const float *x, const float *codebook, size_t dims, size_t sub_dims,
                          uint8_t *codes) noexcept;
    // out[16 j + k] = inner product of subspace j of x with its centroid k.
    void (*subspace_dots)(const float *x, const float *codebook, size_t dims, size_t sub_dims,
                          float *out) noexcept;

    // --- residual quantization, codewords of bytes ---
    // Dot products of nx rows of x, x_stride bytes apart, with 16 * blocks codewords:
    //     out[i * out_stride + 16 b + k] = sum over d < 4 * quads of x_i[d] * (c_bk[d] - 128)
    // book: for each block of 16 codewords, block_stride bytes apart, for each four dimensions, 16 x 4 bytes c. Sums are
    // exact; x >= -127, quads <= 4,096.
    void (*byte_dots)(const int8_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
                      size_t block_stride, size_t quads, int32_t *out, size_t out_stride) noexcept;
    // The same for numbers c of `bits` bits, 1, 2 or 4, that are multiplied as they are:
    //     out[i * out_stride + 16 b + k] = sum over d < 4 * quads of x_i[d] * c_bk[d]
    // book: 64 bytes hold 8 / bits groups of four dimensions, the first ones in the lowest bits. Of the last 64 bytes what is beyond quads is not
    // used.
    void (*few_bit_dots)(const int8_t *x, size_t nx, size_t x_stride, const uint8_t *book, size_t blocks,
                         size_t block_stride, unsigned bits, size_t quads, int32_t *out,
                         size_t out_stride) noexcept;
    // The rest serves the beam search. Every level gives the same bits (see tile_bounds). Finite values.
    // left[d] = x[d] - scale * (c[d] - 128) for d < 4 * quads. codeword: its first four bytes c in `book` above, where the
    // others follow every 64 bytes; left may be x. Returns the squared norm of left: sixteen sums, dimension d in sum
    // d % 16, then the second half of the sums is added to the first until one is left. Unless bytes is null, bytes and
    // *unit become what round_to_bytes gives for left.
    float (*take_off)(const float *x, const uint8_t *codeword, float scale, size_t quads, float *left,
                      int8_t *bytes, float *unit) noexcept;
    // out[d] = x[d] in units of max |x| / 127, rounded to nearest, for d < n; returns the unit. All zero where max |x| is at
    // most kLeastRounded.
    float (*round_to_bytes)(const float *x, size_t n, int8_t *out) noexcept;
    // Scores of all n = 16 * blocks codewords k for nx rows i of 4 * quads bytes, where dot is what byte_dots gives for them:
    //     score[i n + k] = error[i] + (norm_sq[k] - 2 unit[i] * scale[k] * dot), products from the left
    // least[16 i + j] = the smallest score[i n + k] with k % 16 = j.
    void (*codeword_scores)(const int8_t *x, size_t nx, const Codebook &book, const float *unit,
                            const float *error, float *score, float *least) noexcept;
    // Scores of n codewords, a multiple of 16, for nx beginnings i of `chosen` codewords each, where products of codewords with
    // one another are known (core/rq_products.h), as IEEE halfs; the sum from the left:
    //     score[i n + k] = error[i] + (terms[k] + sum over j < chosen of products[rows[i * stride + j] + k])
    // least[j] = the smallest score[i n + k] with k % 16 = j.
    void (*product_scores)(const float *terms, const uint16_t *products, const uint32_t *rows, size_t nx,
                           size_t stride, size_t chosen, size_t n, const float *error, float *score,
                           float *least) noexcept;
    // The terms above of a row, given its products with the n codewords, a multiple of 16, as integers:
    //     terms[k] = norm_sq[k] - twice * scale[k] * dots[k], products from the left; terms may be norm_sq
    void (*terms_of_dots)(const int32_t *dots, const float *scale, const float *norm_sq, float twice,
                          size_t n, float *terms) noexcept;
    // y[i] += x[i], IEEE halfs, for i < n, a multiple of 16.
    void (*add_halves)(const uint16_t *x, float *y, size_t n) noexcept;
    // x[d] -= scale[j] * row[j][d] for d < n, for one j < rows after the other.
    void (*take_rows_off)(const int8_t *const *row, const float *scale, size_t rows, size_t n,
                          float *x) noexcept;
    // which: all i < n with x[i] <= limit, in order; n is a multiple of 16, at most 65,536; x may be infinite. Returns how many there are.
    size_t (*at_most)(const float *x, size_t n, float limit, uint16_t *which) noexcept;
    // x[i] = x[i] + add for i < n, a multiple of 16, as a finite number: the largest or the least one in place of an infinity, and the least in
    // place of NaN. Every level gives the same bits.
    void (*finite_sums)(float *x, size_t n, float add) noexcept;
    // x[i] = what terms_of_dots gives, then made a finite sum with `add` as above; n is a multiple of 16.
    void (*finite_terms)(const int32_t *dots, const float *scale, const float *norm_sq, float twice, size_t n,
                         float add, float *x) noexcept;
    // least[j] = the smallest x[i] with i % kMinima = j, infinity where there is none; n is a multiple of 16, no x is NaN.
    void (*minima)(const float *x, size_t n, float least[kMinima]) noexcept;
    // How many i < n have x[i] <= limit; n is a multiple of 16, no x is NaN.
    size_t (*count_at_most)(const float *x, size_t n, float limit) noexcept;
    // place[r] = the index of the r-th smallest of x[0], .., x[n - 1] (r from 0), of equals the lower index first; n is 1..16, and
    // x behind them infinite. The other places are below 16, and so are all if there are NaNs, but no more is said about them.
    void (*order16)(const float x[16], size_t n, uint8_t place[16]) noexcept;
};

namespace detail {
// Set when the library is loaded, then only by select_level.
extern const Kernels *active __attribute__((visibility("hidden")));
} // namespace detail

// The table in use; from loading on the best level of this CPU (and operating system).
inline const Kernels &kernels() noexcept
{
    return *detail::active;
}

// All levels compiled in, best last; `supported` says whether this CPU can run it.
struct Level
{
    const Kernels *table;
    bool supported;
};
size_t level_count() noexcept;
Level level(size_t i) noexcept;

// Selects a level by its table's name: "scalar", "avx2", "avx512f", "avx512_vpopcntdq", "avx512_vbmi", "neon". "auto" is the
// best supported level, "avx512" the best supported of the three AVX-512 levels. Returns false, changing nothing, if the
// name is unknown or the level unsupported.
bool select_level(const char *name) noexcept;

} // namespace vq::simd
