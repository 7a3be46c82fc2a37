#include "ivf/build/refine_training.h"

#include "core/kmeans.h"
#include "ivf/build/train.h"
#include "ivf/build/units.h"

extern "C" {
#include "miscadmin.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

constexpr size_t kRows = 2048; // of the sample, that say how many places there should be
constexpr uint8_t kFirstTries[] = {2, 4}, kFurtherTries[] = {3, 6, 8, 12, kMostPlaces};
// Codes must be so many times less far off, or places are not worth a byte a row. Of ordinary rows four places hardly change anything.
constexpr double kWorth = 4, kPromise = 1.5;
constexpr double kNearlyAsGood = 2; // as the best: then fewer places do

// Ranges and places tried on some rows.
struct Trial
{
    MetaPage meta;       // what refine.h asks of it
    const float *rows;   // scaled, as the sample
    const float *mean;   // of them
    const float *as_are; // the same rows as they are in the table
    size_t count;
    float scale; // from a row as it is to `rows`
};

float *some_rows(const Sample &sample, size_t count)
{
    float *rows = (float *)palloc_extended(count * sample.dims * sizeof(float), MCXT_ALLOC_HUGE);
    for (size_t i = 0; i < count; i++)
        memcpy(rows + i * sample.dims, sample.vectors + i * sample.rows / count * sample.dims,
               sample.dims * sizeof(float));
    return rows;
}

bool all_whole(const float *x, size_t n)
{
    return std::all_of(x, x + n, [](float v) { return v == std::nearbyint(v); });
}

// Places of rows by k-means, in the table's numbers; whole numbers where the rows are, so that codes may decode without loss.
void find_places(const Trial &t, uint8_t count, float *places)
{
    const uint32_t dims = t.meta.options.dims;
    float *about_mean = (float *)palloc_extended(t.count * dims * sizeof(float), MCXT_ALLOC_HUGE);
    for (size_t i = 0; i < t.count * dims; i++)
        about_mean[i] = t.rows[i] - t.mean[i % dims];
    KmeansOptions options;
    options.dims = dims;
    options.rows = t.count;
    options.clusters = count;
    options.seed = kTrainingSeed;
    void *scratch = palloc_extended(kmeans_scratch_bytes(options), MCXT_ALLOC_HUGE);
    (void)kmeans_train(options, about_mean, places, scratch); // nobody asks it to stop
    const bool whole = all_whole(t.as_are, t.count * dims);
    for (size_t i = 0; i < (size_t)count * dims; i++) {
        const double x = ((double)places[i] + t.mean[i % dims]) / t.scale;
        places[i] = (float)(whole ? std::nearbyint(x) : x);
    }
    pfree(about_mean);
    pfree(scratch);
}

// rows less their nearest places (meta.refine_places of them; none: as they are).
float *about_places(const MetaPage &meta, const float *rows, size_t count, const float *places)
{
    const uint32_t dims = meta.options.dims;
    float *out = (float *)palloc_extended(Max(count, (size_t)1) * dims * sizeof(float), MCXT_ALLOC_HUGE);
    for (size_t i = 0; i < count; i++) {
        const float *x = rows + i * dims, *place = places + (size_t)nearest_place(meta, places, x) * dims;
        for (uint32_t d = 0; d < dims; d++)
            out[i * dims + d] = x[d] - place[d];
    }
    return out;
}

// The image for these places, ranges trained on rows as they are.
float *image_about_places(const MetaPage &meta, const float *rows, size_t count, const float *places)
{
    const Element element = (Element)meta.refine;
    const uint32_t dims = meta.options.dims;
    float *image = (float *)palloc(Max(refine_image_bytes(meta), sizeof(float)));
    if (meta.refine_places == 0) {
        sq_train(element, dims, rows, count, image);
        return image;
    }
    float *less = about_places(meta, rows, count, places);
    sq_train(element, dims, less, count, image);
    pfree(less);
    memcpy((char *)image + sq_image_bytes(element, dims), places,
           meta.refine_places * (size_t)dims * sizeof(float));
    return image;
}

// How far off codes are with so many places: root mean square, as a number that cannot overflow.
double mean_error(Trial *t, uint8_t count)
{
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant places", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    CHECK_FOR_INTERRUPTS();
    const uint32_t dims = t->meta.options.dims;
    float *places = (float *)palloc(Max(count, (uint8_t)1) * (size_t)dims * sizeof(float));
    if (count > 0)
        find_places(*t, count, places);
    t->meta.refine_places = count;
    const float *image = image_about_places(t->meta, t->as_are, t->count, places);
    uint8_t *code = (uint8_t *)palloc(refine_part_bytes(t->meta));
    double sum = 0;
    for (size_t i = 0; i < t->count; i++) {
        const double error = encode_refined(t->meta, image, t->as_are + i * dims, code);
        sum += error * error / (double)t->count;
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    return std::sqrt(sum);
}

uint8_t choose_count(Trial *t)
{
    const double without = mean_error(t, 0);
    if (!(without > 0) || (Element)t->meta.refine == Element::FP32)
        return 0;
    double errors[kMostPlaces + 1], least = without;
    std::fill_n(errors, kMostPlaces + 1, without);
    for (uint8_t count : kFirstTries)
        least = Min(least, errors[count] = mean_error(t, count));
    if (!(least * kPromise < without))
        return 0;
    for (uint8_t count : kFurtherTries)
        least = Min(least, errors[count] = mean_error(t, count));
    if (!(least * kWorth < without))
        return 0;
    uint8_t count = 2;
    while (errors[count] > kNearlyAsGood * least)
        count++;
    return count;
}

} // namespace

RefineTraining train_refine(const IndexOptions *options, const Sample &sample)
{
    if (!options->refine)
        return {nullptr, 0};
    Trial t = {};
    t.meta.refine = (uint8_t)options->refine_type;
    t.meta.options.dims = sample.dims;
    t.count = Min(sample.rows, kRows);
    t.scale = sample.scale;
    t.rows = some_rows(sample, t.count);
    float *mean = (float *)palloc(sample.dims * sizeof(float));
    mean_of_sample(sample, mean);
    t.mean = mean;
    unscale_rows(sample);
    t.as_are = some_rows(sample, t.count);
    const uint8_t count = t.count > kMostPlaces ? choose_count(&t) : 0;
    float *places = (float *)palloc(Max(count, (uint8_t)1) * (size_t)sample.dims * sizeof(float));
    if (count > 0)
        find_places(t, count, places);
    t.meta.refine_places = count;
    float *image = image_about_places(t.meta, sample.vectors, sample.rows, places);
    rescale_rows(sample);
    return {image, count};
}

} // namespace vq::ivf
