#include "ivf/build/lists.h"
#include "ivf/build/outliers.h"
#include "ivf/build/units.h"

#include "core/magnitude.h"
#include "ivf/store/stream.h"
#include "pg/memory.h"

extern "C" {
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

constexpr double kRowsPerList = 100;      // at least, when nlist is chosen here
constexpr size_t kSamplePerList = 64;     // rows a list that k-means sees
constexpr double kRowsForSublists = 8192; // of a list
constexpr uint32_t kGroupPages = 16;      // sealed pages of a group of lists: the last of them is half empty

bool all_unit(const Sample &sample)
{
    for (size_t i = 0; i < sample.rows + sample.outliers; i++) {
        const float *x = sample.vectors + i * sample.dims;
        float norm_sq = simd::kernels().dot(x, x, sample.dims);
        if (!(norm_sq > 0.998f && norm_sq < 1.002f))
            return false;
    }
    return sample.rows > 0;
}

// Queries under the inner product are brought to that length: the median of the rows' norms. Estimates err by as much as the query is
// away from the row's list, in proportion to the query's length. So one that is too long hardly matters, but a short one does: where some
// rows are many times longer than most, it is theirs.
float usual_norm(const Sample &sample)
{
    constexpr double kLongRows = 0.05;
    constexpr float kManyTimes = 8; // of lengths that spread like exp(g), g standard normal, it is 5
    if (sample.rows == 0)
        return 1;
    float *norms = (float *)palloc(sample.rows * sizeof(float));
    for (size_t i = 0; i < sample.rows; i++) {
        const float *x = sample.vectors + i * sample.dims;
        norms[i] = std::sqrt(simd::kernels().dot(x, x, sample.dims));
    }
    std::nth_element(norms, norms + sample.rows / 2, norms + sample.rows);
    const float median = norms[sample.rows / 2];
    const float longer = quantile(norms, sample.rows, 1 - kLongRows);
    pfree(norms);
    const float usual = longer > kManyTimes * median ? longer : median;
    return median > 0 && std::isfinite(usual) ? usual : 1;
}

// Half of maintenance_work_mem is for the sample; the other half, one after the other, for placing the lists, and for the codec's
// training beside their centroids.
size_t half_of_memory()
{
    return (size_t)maintenance_work_mem * 1024 / 2;
}

size_t centroid_bytes(uint32_t dims)
{
    return dims * sizeof(float);
}

// What a list takes while k-means places it: its centroid, and its share of kmeans_scratch_bytes.
size_t list_bytes(uint32_t dims)
{
    return 2 * centroid_bytes(dims) + 24;
}

uint32_t lists_in_memory(uint32_t dims)
{
    return (uint32_t)Max((size_t)1, Min(half_of_memory() / list_bytes(dims), (size_t)UINT32_MAX));
}

// Lists for that many rows: the option, or 6 sqrt(rows) but at least some 100 rows a list.
uint32_t lists_for(int option, double rows)
{
    if (option > 0)
        return (uint32_t)option;
    const double lists = Min(6 * std::sqrt(rows), rows / kRowsPerList);
    return (uint32_t)Max(1.0, Min(lists, 65536.0));
}

// The same, or as many as memory has room for. Errors: PROGRAM_LIMIT_EXCEEDED where it has none for lists that were asked for.
uint32_t choose_nlist(int option, double rows, uint32_t dims)
{
    const PlannedLists lists = plan_lists(option, rows, dims);
    if (const char *why = lists_beyond_memory(option, dims))
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg_internal("%s", why),
                        errdetail("Lists: %u, of %u dimensions.", lists.wanted, dims),
                        errhint("Use a smaller nlist, or raise maintenance_work_mem.")));
    return lists.lists;
}

// Rows of the sample that the codec is trained on, as many as it has use for and memory holds.
size_t choose_training_rows(const AccessMethod *am, const CodecOptions &options, const Sample &sample,
                            uint32_t nlist)
{
    const size_t budget = half_of_memory() - Min(half_of_memory(), nlist * centroid_bytes(options.dims));
    size_t rows = Min(sample.rows, am->codec->training_rows(options));
    while (rows > 2048 && am->codec->training_bytes(options, rows) > budget)
        rows = rows * 3 / 4;
    return rows;
}

// A codec image trained on residuals of so many rows of the sample (> 0).
uint8_t *train_on_rows(Training *t, const AccessMethod *am, const Sample &sample, size_t rows,
                       BuildProgress *progress)
{
    const CodecOptions &options = t->meta.options;
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant training", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    const TrainingSet set = choose_rows(*t, sample, rows);
    void *scratch = pg::aligned_palloc(am->codec->training_bytes(options, rows));
    MemoryContextSwitchTo(old);
    uint8_t *image = (uint8_t *)pg::aligned_palloc(am->codec->image_bytes(options, rows));
    while (!am->codec->train(options, set, image, scratch, {phase_may_go_on, progress}))
        CHECK_FOR_INTERRUPTS();
    MemoryContextDelete(memory);
    t->shortfall = am->codec->shortfall(image, rows, t->short_of, sizeof t->short_of);
    return image;
}

// The codec's image: trained, or where there are too few rows for that, made of options and seed.
uint8_t *train_codec(Training *t, const AccessMethod *am, const Sample &sample, BuildProgress *progress)
{
    MetaPage &m = t->meta;
    t->codec_rows = choose_training_rows(am, m.options, sample, m.nlist);
    begin_phase(progress, BuildPhase::Training, (int64)t->codec_rows);
    uint8_t *image =
        t->codec_rows > 0 ? train_on_rows(t, am, sample, t->codec_rows, progress) : seeded_image(m, am);
    m.codec_seeded = !am->codec->trained(image);
    if (m.codec_seeded && t->codec_rows > 0)
        image = seeded_image(m, am);
    m.codec_image_bytes =
        m.codec_seeded ? seeded_image_bytes(m, am) : am->codec->image_bytes(m.options, t->codec_rows);
    char codes[100];
    am->codec->describe(image, codes, sizeof codes);
    report_phase(progress, "codes: %s; trained on %zu rows", codes, t->codec_rows);
    return image;
}

void write_origins(const Training &t, const AccessMethod *am, const uint8_t *codec_image)
{
    const MetaPage &m = t.meta;
    const uint32_t dims = m.options.dims;
    float *to = (float *)t.image;
    for (uint32_t i = 0; i <= m.further_origins; i++) {
        const float *place = t.origins + (size_t)i * dims;
        memcpy(to, place, dims * sizeof(float));
        if (m.trained)
            am->codec->transform(codec_image, place, to + dims);
        else
            memset(to + dims, 0, m.space_dims * sizeof(float));
        to += dims + m.space_dims;
    }
    memset(to, 0, origin_parts(m).lists);
    if (m.further_origins > 0)
        memcpy(to, t.list_origins, m.nlist);
}

// Puts origins, codec image and refine image together.
void write_image(Training *t, const AccessMethod *am, const uint8_t *codec_image, const float *refine_image)
{
    MetaPage &m = t->meta;
    const CodecShape shape = am->codec->shape(codec_image);
    t->code_bytes = shape.code_bytes;
    m.space_dims = shape.space_dims;
    const ImageParts parts = image_parts(m, am->codec);
    m.image_bytes = parts.stored();
    t->image = (uint8_t *)pg::aligned_palloc(parts.all());
    write_origins(*t, am, codec_image);
    memcpy(t->image + parts.before_codec(), codec_image, parts.codec);
    if (parts.refine > 0)
        memcpy(t->image + parts.before_codec() + parts.codec, refine_image, parts.refine);
}

// Sub-lists pay where they fill tiles.
uint32_t choose_sublist_layers(int option, double rows_per_list, uint32_t most)
{
    if (option >= 0)
        return Min((uint32_t)option, most);
    return rows_per_list >= kRowsForSublists ? Min(1u, most) : 0;
}

} // namespace

uint32_t choose_group_lists(uint32_t nlist, double rows, uint32_t code_bytes, uint32_t filters)
{
    const uint32_t row_bytes = code_bytes + 14 + filters * (uint32_t)sizeof(uint64_t);
    const double bytes_per_list = Max(rows / nlist, 1.0) * row_bytes;
    const double lists = std::ceil((double)bytes_of_pages(kGroupPages) / bytes_per_list);
    return (uint32_t)Max(1.0, Min(lists, (double)Min(kMaxGroupLists, nlist)));
}

PlannedLists plan_lists(int option, double rows, uint32_t dims)
{
    const uint32_t wanted = lists_for(option, rows);
    return {Min(wanted, lists_in_memory(dims)), wanted};
}

// Rows that k-means on so many lists and the codec have use for.
static size_t rows_of_use(uint32_t lists, const AccessMethod *am, const CodecOptions &options)
{
    return Max(Max(kSamplePerList * lists, (size_t)10000), am->codec->training_rows(options));
}

size_t plan_sample(double rows, uint32_t lists, const AccessMethod *am, const CodecOptions &options)
{
    return (size_t)Min(rows, (double)rows_of_use(lists, am, options));
}

const char *lists_beyond_memory(int option, uint32_t dims)
{
    if (option == 0 || (uint32_t)option <= lists_in_memory(dims))
        return nullptr;
    return psprintf("memory required is %zu MB, maintenance_work_mem is %d MB",
                    2 * (size_t)option * list_bytes(dims) / (1024 * 1024) + 1, maintenance_work_mem / 1024);
}

CodecOptions codec_options(const AccessMethod *am, uint32_t dims, const IndexOptions *options, double rows)
{
    CodecOptions out = {dims, kTrainingSeed, {}};
    memcpy(out.value, options->codec, sizeof out.value);
    return am->codec->chosen_options(out, rows);
}

size_t sample_capacity(Relation heap, uint32_t dims, const AccessMethod *am, const IndexOptions *options)
{
    BlockNumber pages;
    double rows, all_visible;
    estimate_rel_size(heap, nullptr, &pages, &rows, &all_visible);
    const size_t by_memory = half_of_memory() / (dims * sizeof(float));
    const size_t wanted =
        rows_of_use(lists_for(options->nlist, rows), am, codec_options(am, dims, options, rows));
    return Max((size_t)256, Min(by_memory, wanted));
}

// Whether distances are the same to all rows about any place, and so may be taken about their mean: not by angles, unless all rows
// point about the same way. There a sphere is flat.
static bool may_centre(Metric metric, const float *mean, uint32_t dims)
{
    constexpr float kSameWay = 0.99f;
    return metric == Metric::L2 ||
           (metric == Metric::Cosine && simd::kernels().dot(mean, mean, dims) > kSameWay);
}

void train(Training *t, const AccessMethod *am, const IndexOptions *options, const IndexedColumn &column,
           Sample *sample, const RefineTraining &refine, BuildProgress *progress)
{
    *t = {};
    MetaPage &m = t->meta;
    m.magic = kMetaMagic;
    m.version = kFormatVersion;
    m.codec = am->codec->id;
    m.metric = (uint8_t)column.metric;
    m.element = (uint8_t)column.element;
    m.refine = options->refine ? (uint8_t)options->refine_type : kNoRefine;
    m.filter_columns = (uint8_t)column.filters;
    m.refine_places = refine.places;
    m.trained = sample->rows > 0;
    m.options = codec_options(am, column.dims, options, sample->expected_rows());
    m.nlist = sample->rows > 0 ? choose_nlist(options->nlist, sample->expected_rows(), column.dims) : 1;
    t->lists_wanted = lists_for(options->nlist, sample->expected_rows());
    m.scale = sample->scale;

    float *mean = (float *)palloc(m.options.dims * sizeof(float));
    mean_of_sample(*sample, mean);
    m.query_norm = column.metric == Metric::InnerProduct ? usual_norm(*sample) : 1;
    if (may_centre(column.metric, mean, m.options.dims))
        centre_sample(sample, mean);
    t->centred = sample->centred;
    m.spherical = !sample->centred && (column.metric == Metric::Cosine ||
                                       (column.metric == Metric::InnerProduct && all_unit(*sample)));
    place_lists(t, *sample, mean, progress);
    write_image(t, am, train_codec(t, am, *sample, progress), refine.image);
    m.sublist_layers =
        choose_sublist_layers(options->sublist_layers, sample->table_rows / m.nlist,
                              am->codec->sublist_layers(t->image + image_parts(m, am->codec).before_codec()));
    m.group_lists = choose_group_lists(m.nlist, sample->expected_rows(), t->code_bytes, column.filters);
}

bool valid_training(const Training &t, const AccessMethod *am)
{
    return valid_image(t.meta, am, t.image) &&
           all_finite(t.centroids, (size_t)t.meta.nlist * t.meta.options.dims);
}

} // namespace vq::ivf
