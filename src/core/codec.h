// The codec contract: what the engine in ivf/ knows of a quantizer. It knows none by name.
//
// A codec is a view over one flat byte image (its trained parameters): the same bytes lie on index pages, in
// a parallel worker's shared memory and in the per-relation cache. No codec owns memory, allocates or throws.
//
// Geometry (docs/formulas.md, Geometry of scores). Vectors x (dims floats) are centred by a mean m and mapped by the codec's
// linear isometry R into codec space: y = R(x - m), D = space_dims floats. Lists have centroids c there; r = y - c is the
// residual. A codec approximates r by s * r~ where <q', r~> for any query q' = R(q - m) is a sum of table look-ups, the same
// tables for every list. With k = 2 for L2 and 1 for the inner product, both in codec space,
//     score(q, x) = list_add + [exact constant + k s <c, r~>] - k s <q', r~> +- k sigma |q' - c|
// where list_add is the centroid's own score. The bracket is RowFactors::add, -k s is RowFactors::scale and k sigma is
// RowFactors::err: so one set of tables serves all lists, and a codec need not know the metric.
#pragma once

#include "core/progress.h"
#include "simd/kernels.h"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace vq {

constexpr size_t kMaxDims = 16000; // as pgvector

// Scores are "smaller is nearer": squared L2, or the negative inner product (cosine = squared L2 of unit
// vectors).
enum class Metric : uint8_t
{
    L2 = 1,
    InnerProduct = 2,
    Cosine = 3
};

// What the user chose; filled by the access method, stored in the meta page.
struct CodecOptions
{
    uint32_t dims; // 1..16000
    uint64_t seed;
    int32_t value[6]; // codec-specific options, in the codec's own order
};

// Rows that a codec is trained on, in the original space. All memory belongs to the caller.
struct TrainingSet
{
    size_t rows = 0;                  // may be 0: an untrained index
    const float *vectors = nullptr;   // dims floats each, finite, not centred
    const uint32_t *which = nullptr;  // training row i is vectors[which[i]]; null: vectors[i]
    const uint32_t *lists = nullptr;  // the list of training row i
    const float *centroids = nullptr; // of all lists, dims floats each
    // Which direction an error of the code costs most in (see CodecOps::encode): that of the vector, else of the residual.
    bool toward_vector = false;
};

constexpr uint32_t kMostRowGroup = 5; // code rows
constexpr size_t kMostPacked = 10;    // times that an image is as long as what is stored of it

struct CodecShape
{
    uint32_t space_dims;  // D: floats of a centroid and of a transformed vector
    uint32_t code_bytes;  // of one row = 32-byte code rows of a tile
    uint32_t fine_bytes;  // of one row's finer code, kept beside the tile; 0 = none
    uint32_t query_bytes; // of a prepared query
    uint32_t row_group;   // code rows that belong together, 1..kMostRowGroup: code_bytes, and first and
                          // rows of scan_tile, are multiples of it
};

// What encoding found for one row.
struct RowCode
{
    float scale;      // s >= 0
    float centre_dot; // <c, r~>
    float sigma;      // standard error of <u, r - s r~> over unit vectors u, >= 0
    float fine_scale; // the same three for the finer code; used only where fine_bytes > 0
    float fine_centre_dot;
    float fine_sigma;
};

// Stored beside each code, 8 bytes: see the formula above. scale and err are bfloat16; err is rounded up.
struct RowFactors
{
    float add;
    uint16_t scale;
    uint16_t err;
};
static_assert(sizeof(RowFactors) == 8);

// A prepared query begins with this; what follows belongs to the codec.
//     <q', r~> = mul * accumulated + offset
struct QueryHead
{
    float mul;
    float offset;
    float table_error; // length of the difference between q' and what the tables hold of it
    float
        table_weight; // how many times as much it widens bounds as |q' - c| does (error_distance in space.h)
};

// How far the rows that a codec was trained on fell short.
enum class Shortfall : uint8_t
{
    None,
    Few,  // all is trained, on too few rows to be good
    Part, // some of what was asked for is not trained
    All   // nothing is
};

struct CodecOps
{
    const char *name;
    uint32_t id; // stored in indexes: append, never renumber
    // Images of indexes of an earlier version (ivf/store/format.h) are not what `valid` takes; 0: of any version they are.
    uint32_t first_format;

    // Whether codec-specific options are what the codec knows: those of a damaged index may be anything.
    bool (*valid_options)(const CodecOptions &options) noexcept;
    // Training, on the residuals of rows: vectors less the centroids of their lists. training_rows: how many rows are of
    // use; 0 = none. image_bytes, training_bytes: sizes of the trained parameters and of the scratch memory, if so many rows
    // are given. image and scratch are 64-byte aligned. A codec that is given fewer rows than it needs falls back to
    // parameters that suit any data. train returns false only if progress asked to stop.
    size_t (*image_bytes)(const CodecOptions &options, size_t rows) noexcept;
    size_t (*training_rows)(const CodecOptions &options) noexcept;
    size_t (*training_bytes)(const CodecOptions &options, size_t rows) noexcept;
    bool (*train)(const CodecOptions &options, const TrainingSet &set, uint8_t *image, void *scratch,
                  const Progress &progress) noexcept;
    // Whether anything of the image came from training rows. If not, train makes the same again of options and seed, and it
    // need not be stored.
    bool (*trained)(const uint8_t *image) noexcept;
    // What is stored of an image of these options, image_bytes long, of which something came from training rows: its size, at
    // image_bytes / kMostPacked at least; from the image to it, and back, to the last bit. StoredWhole, below, for a codec that has
    // no shorter form.
    size_t (*stored_bytes)(const CodecOptions &options, size_t image_bytes) noexcept;
    void (*pack)(const CodecOptions &options, const uint8_t *image, size_t image_bytes,
                 uint8_t *stored) noexcept;
    void (*unpack)(const CodecOptions &options, const uint8_t *stored, size_t image_bytes,
                   uint8_t *image) noexcept;
    // The options with what they leave to the codec, as 0, chosen by it for an index of so many rows. OwnOptions, below, for a
    // codec whose options leave nothing.
    CodecOptions (*chosen_options)(const CodecOptions &options, double rows) noexcept;
    // The options that an index without rows is better off with: they give an image that is small, and made in milliseconds.
    // OwnOptions, below, for a codec whose options always do.
    CodecOptions (*untrained_options)(const CodecOptions &options) noexcept;
    // True if `bytes` bytes at image are an image of this codec for these dims (a damaged index must not get
    // past this).
    bool (*valid)(const uint8_t *image, size_t bytes, uint32_t dims) noexcept;
    CodecShape (*shape)(const uint8_t *image) noexcept;
    // The shape of an image of these options (chosen_options) that is trained on rows enough, before there is one.
    CodecShape (*planned_shape)(const CodecOptions &options) noexcept;
    // For people: the options of the image, and what training chose. At most size - 1 characters and a 0.
    void (*describe)(const uint8_t *image, char *text, size_t size) noexcept;
    // Whether an image that was trained on so many rows (> 0) fell short, and why: a sentence for the user, without names
    // of options, as describe writes it. NoShortfall, below, for a codec that has nothing to say.
    Shortfall (*shortfall)(const uint8_t *image, size_t rows, char *text, size_t size) noexcept;

    // The option (of CodecOptions::value) that says how much is to be trained, of which Shortfall::Part is a part.
    uint32_t short_option;

    // y = R x. x: dims floats, y: space_dims floats; y must not overlap x.
    void (*transform)(const uint8_t *image, const float *x, float *y) noexcept;
    // The same for n vectors: bit for bit what transform gives one by one, but faster with some codecs.
    void (*transform_together)(const uint8_t *image, const float *const *x, size_t n,
                               float *const *y) noexcept;
    // What encodes many rows faster, made of the image alone by whoever does: encoder_bytes of memory at a multiple of 64; 0:
    // there is no such thing.
    size_t (*encoder_bytes)(const uint8_t *image) noexcept;
    void (*make_encoder)(const uint8_t *image, void *encoder) noexcept;
    // encoder: what make_encoder made, or null. Codes with and without are equally good, but not always the same.
    // residual, centre and direction: space_dims floats. direction: in which an error of the code costs most (R x for the
    // inner product, the residual for L2); only a codec with a score-aware loss looks at it. Writes code_bytes bytes to code
    // and fine_bytes to fine.
    RowCode (*encode)(const uint8_t *image, const void *encoder, const float *residual, const float *centre,
                      const float *direction, uint8_t *code, uint8_t *fine) noexcept;

    // The same for n rows, each array n times as long and row after row: bit for bit what encode gives one by one, but
    // faster with some codecs.
    void (*encode_rows)(const uint8_t *image, const void *encoder, size_t n, const float *residuals,
                        const float *centres, const float *directions, uint8_t *codes, uint8_t *fine,
                        RowCode *out) noexcept;

    // query: space_dims floats, q'. query_bits: to how many bits a dimension the query may be rounded, 0 = the finest there
    // is; a codec may ignore it. state: query_bytes bytes, 64-byte aligned; starts with QueryHead.
    void (*prepare)(const uint8_t *image, const float *query, int query_bits, void *state) noexcept;
    // Adds the look-ups of code rows [first, first + rows) of a tile to acc (which starts at zero).
    void (*scan_tile)(const void *state, const uint8_t *codes, size_t first, size_t rows,
                      uint32_t acc[simd::kTileRows]) noexcept;
    // The same sum for one row-major code.
    uint32_t (*scan_row)(const void *state, const uint8_t *code) noexcept;
    // <q', r~> of the finer code, given the accumulated sum of the code itself. NoFinerCode, below, for a codec without.
    float (*scan_fine)(const void *state, uint32_t acc, const uint8_t *fine) noexcept;

    // Sub-lists. Rows of a list whose codes agree in their first layers have the same key, and lie around one place: c + s e
    // for a row of scale s, where e belongs to the key. NoSublists, below, for a codec that has none.
    // How many layers keys can be made of, at most: 0, 1 or 2.
    uint32_t (*sublist_layers)(const uint8_t *image) noexcept;
    // The key of a code, below 256^layers.
    uint32_t (*sublist_of)(const uint8_t *image, const uint8_t *code, uint32_t layers) noexcept;
    // e of a key: space_dims floats. The key may be any number, for that of a damaged index is.
    void (*sublist_centre)(const uint8_t *image, uint32_t key, uint32_t layers, float *centre) noexcept;
    // <q', e>
    float (*sublist_dot)(const void *state, uint32_t key, uint32_t layers) noexcept;
};

struct NoShortfall
{
    static constexpr uint32_t kShortOption = 0;
    static Shortfall shortfall(const uint8_t *, size_t, char *, size_t) noexcept { return Shortfall::None; }
};

struct OwnOptions
{
    static CodecOptions chosen_options(const CodecOptions &options, double) noexcept { return options; }
    static CodecOptions untrained_options(const CodecOptions &options) noexcept { return options; }
};

struct StoredWhole
{
    static size_t stored_bytes(const CodecOptions &, size_t image_bytes) noexcept { return image_bytes; }
    static void pack(const CodecOptions &, const uint8_t *image, size_t image_bytes, uint8_t *stored) noexcept
    {
        std::memcpy(stored, image, image_bytes);
    }
    static void unpack(const CodecOptions &options, const uint8_t *stored, size_t image_bytes,
                       uint8_t *image) noexcept
    {
        pack(options, stored, image_bytes, image);
    }
};

struct NoFinerCode
{
    static float scan_fine(const void *, uint32_t, const uint8_t *) noexcept { return 0; }
};

struct NoSublists
{
    static uint32_t sublist_layers(const uint8_t *) noexcept { return 0; }
    static uint32_t sublist_of(const uint8_t *, const uint8_t *, uint32_t) noexcept { return 0; }
    static void sublist_centre(const uint8_t *, uint32_t, uint32_t, float *) noexcept {}
    static float sublist_dot(const void *, uint32_t, uint32_t) noexcept { return 0; }
};

// A type that can stand behind CodecOps; every codec's header ends with static_assert(Codec<...>).
template <class C>
concept Codec = requires(const CodecOptions &o, const TrainingSet &set, const Progress &p, const float *f,
                         float *g, char *text, uint8_t *b, const uint8_t *i, void *s, const void *cs,
                         uint32_t *acc)
{
    {
        C::kName
        } -> std::convertible_to<const char *>;
    {
        C::kId
        } -> std::convertible_to<uint32_t>;
    {
        C::valid_options(o)
    }
    noexcept->std::same_as<bool>;
    {
        C::image_bytes(o, size_t())
    }
    noexcept->std::same_as<size_t>;
    {
        C::training_rows(o)
    }
    noexcept->std::same_as<size_t>;
    {
        C::training_bytes(o, size_t())
    }
    noexcept->std::same_as<size_t>;
    {
        C::train(o, set, b, s, p)
    }
    noexcept->std::same_as<bool>;
    {
        C::trained(i)
    }
    noexcept->std::same_as<bool>;
    {
        C::stored_bytes(o, size_t())
    }
    noexcept->std::same_as<size_t>;
    {
        C::pack(o, i, size_t(), b)
    }
    noexcept;
    {
        C::unpack(o, i, size_t(), b)
    }
    noexcept;
    {
        C::chosen_options(o, double())
    }
    noexcept->std::same_as<CodecOptions>;
    {
        C::untrained_options(o)
    }
    noexcept->std::same_as<CodecOptions>;
    {
        C::valid(i, size_t(), uint32_t())
    }
    noexcept->std::same_as<bool>;
    {
        C::shape(i)
    }
    noexcept->std::same_as<CodecShape>;
    {
        C::planned_shape(o)
    }
    noexcept->std::same_as<CodecShape>;
    {
        C::describe(i, text, size_t())
    }
    noexcept;
    {
        C::shortfall(i, size_t(), text, size_t())
    }
    noexcept->std::same_as<Shortfall>;
    {
        C::transform(i, f, g)
    }
    noexcept;
    {
        C::encode(i, f, f, f, b, b)
    }
    noexcept->std::same_as<RowCode>;
    {
        C::prepare(i, f, int(), s)
    }
    noexcept;
    {
        C::scan_tile(cs, i, size_t(), size_t(), acc)
    }
    noexcept;
    {
        C::scan_row(cs, i)
    }
    noexcept->std::same_as<uint32_t>;
    {
        C::scan_fine(cs, uint32_t(), i)
    }
    noexcept->std::same_as<float>;
    {
        C::sublist_layers(i)
    }
    noexcept->std::same_as<uint32_t>;
    {
        C::sublist_of(i, i, uint32_t())
    }
    noexcept->std::same_as<uint32_t>;
    {
        C::sublist_centre(i, uint32_t(), uint32_t(), g)
    }
    noexcept;
    {
        C::sublist_dot(cs, uint32_t(), uint32_t())
    }
    noexcept->std::same_as<float>;
};

// A codec that encodes rows faster together, and still faster with an encoder.
template <class C>
concept HasEncoder = requires(const uint8_t *image)
{
    C::encoder_bytes(image);
};

// A codec whose images were others in earlier versions of the index format.
template <class C>
concept HasFirstFormat = requires
{
    C::kFirstFormat;
};

template <Codec C>
constexpr uint32_t first_format() noexcept
{
    if constexpr (HasFirstFormat<C>)
        return C::kFirstFormat;
    return 0;
}

// A codec that transforms several vectors faster together.
template <class C>
concept TransformsTogether = requires(const uint8_t *image, const float *const *x, float *const *y)
{
    C::transform_together(image, x, size_t(), y);
};

template <Codec C>
void transform_together(const uint8_t *image, const float *const *x, size_t n, float *const *y) noexcept
{
    if constexpr (TransformsTogether<C>)
        return C::transform_together(image, x, n, y);
    for (size_t i = 0; i < n; i++)
        C::transform(image, x[i], y[i]);
}

template <Codec C>
size_t encoder_bytes(const uint8_t *image) noexcept
{
    if constexpr (HasEncoder<C>)
        return C::encoder_bytes(image);
    return 0;
}

template <Codec C>
void make_encoder(const uint8_t *image, void *encoder) noexcept
{
    if constexpr (HasEncoder<C>)
        C::make_encoder(image, encoder);
}

// encode_rows of a codec: its own if it has one; else encode, row by row.
template <Codec C>
void encode_rows(const uint8_t *image, const void *encoder, size_t n, const float *residuals,
                 const float *centres, const float *directions, uint8_t *codes, uint8_t *fine,
                 RowCode *out) noexcept
{
    if constexpr (HasEncoder<C>)
        return C::encode_rows(image, encoder, n, residuals, centres, codes, out);
    const CodecShape s = C::shape(image);
    for (size_t i = 0; i < n; i++)
        out[i] = C::encode(image, residuals + i * s.space_dims, centres + i * s.space_dims,
                           directions + i * s.space_dims, codes + i * s.code_bytes, fine + i * s.fine_bytes);
}

template <Codec C>
RowCode encode(const uint8_t *image, const void *encoder, const float *residual, const float *centre,
               const float *direction, uint8_t *code, uint8_t *fine) noexcept
{
    RowCode out;
    encode_rows<C>(image, encoder, 1, residual, centre, direction, code, fine, &out);
    return out;
}

template <Codec C>
inline constexpr CodecOps kCodecOps = {C::kName,          C::kId,
                                       first_format<C>(), C::valid_options,
                                       C::image_bytes,    C::training_rows,
                                       C::training_bytes, C::train,
                                       C::trained,        C::stored_bytes,
                                       C::pack,           C::unpack,
                                       C::chosen_options, C::untrained_options,
                                       C::valid,          C::shape,
                                       C::planned_shape,  C::describe,
                                       C::shortfall,      C::kShortOption,
                                       C::transform,      transform_together<C>,
                                       encoder_bytes<C>,  make_encoder<C>,
                                       encode<C>,         encode_rows<C>,
                                       C::prepare,        C::scan_tile,
                                       C::scan_row,       C::scan_fine,
                                       C::sublist_layers, C::sublist_of,
                                       C::sublist_centre, C::sublist_dot};

} // namespace vq
