#include "ivf/store/refine.h"

#include "core/magnitude.h"

#include <cfloat>

namespace vq::ivf {

static Element element_of(const MetaPage &meta)
{
    return (Element)meta.refine;
}

static const float *places_of(const MetaPage &meta, const float *image)
{
    return image + sq_image_bytes(element_of(meta), meta.options.dims) / sizeof(float);
}

size_t refine_image_bytes(const MetaPage &meta)
{
    if (meta.refine == kNoRefine)
        return 0;
    const size_t dims = meta.options.dims;
    return sq_image_bytes(element_of(meta), dims) + meta.refine_places * dims * sizeof(float);
}

bool valid_refine_image(const MetaPage &meta, const float *image)
{
    return meta.refine == kNoRefine ||
           (sq_valid(element_of(meta), meta.options.dims, image) &&
            all_finite(places_of(meta, image), (size_t)meta.refine_places * meta.options.dims));
}

static uint32_t number_bytes(const MetaPage &meta)
{
    return meta.refine_places > 0 ? 1 : 0;
}

uint32_t refine_part_bytes(const MetaPage &meta)
{
    if (meta.refine == kNoRefine)
        return 0;
    return (uint32_t)(sizeof(float) + number_bytes(meta) +
                      sq_code_bytes(element_of(meta), meta.options.dims));
}

uint8_t nearest_place(const MetaPage &meta, const float *places, const float *x)
{
    const uint32_t dims = meta.options.dims;
    uint8_t nearest = 0;
    float least = simd::kernels().l2sq(x, places, dims);
    for (uint8_t i = 1; i < meta.refine_places; i++) {
        const float square = simd::kernels().l2sq(x, places + (size_t)i * dims, dims);
        if (square < least)
            least = square, nearest = i;
    }
    return nearest;
}

static void add_place(const float *place, uint32_t dims, float *x)
{
    for (uint32_t d = 0; d < dims; d++)
        x[d] += place[d];
}

// ||x - y|| as sq_encode gives it.
static float length_of_difference(const float *x, const float *y, uint32_t dims)
{
    double sum = 0;
    bool differ = false;
    for (uint32_t d = 0; d < dims; d++) {
        const double difference = (double)x[d] - y[d];
        sum += difference * difference;
        differ |= x[d] != y[d];
    }
    const double bound = std::sqrt(sum) * (1 + 0x1p-38);
    if (!differ)
        return 0;
    if (!(bound < FLT_MAX))
        return FLT_MAX;
    return Max(std::nextafter((float)bound, FLT_MAX), FLT_TRUE_MIN);
}

// The code less the nearest place, behind its number.
static float encode_about_place(const MetaPage &meta, const float *image, const float *x, uint8_t *numbered)
{
    const Element element = element_of(meta);
    const uint32_t dims = meta.options.dims;
    const float *places = places_of(meta, image);
    float *scratch = (float *)palloc(dims * sizeof(float));
    *numbered = nearest_place(meta, places, x);
    const float *place = places + (size_t)*numbered * dims;
    for (uint32_t d = 0; d < dims; d++)
        scratch[d] = x[d] - place[d];
    sq_encode(element, dims, image, scratch, numbered + 1);
    sq_decode(element, dims, image, numbered + 1, scratch);
    add_place(place, dims, scratch);
    const float error = length_of_difference(x, scratch, dims);
    pfree(scratch);
    return error;
}

float encode_refined(const MetaPage &meta, const float *image, const float *x, uint8_t *code)
{
    if (meta.refine_places > 0)
        return encode_about_place(meta, image, x, code);
    return sq_encode(element_of(meta), meta.options.dims, image, x, code);
}

void put_refined(const Index &index, const float *x, uint8_t *part)
{
    const float error = encode_refined(index.meta, index.refine_image, x, part + sizeof(float));
    memcpy(part, &error, sizeof error);
}

float get_refined(Relation rel, const Index &index, BlockNumber block, const uint8_t *part, float *x,
                  RefineCell *cell)
{
    const MetaPage &meta = index.meta;
    const uint32_t dims = meta.options.dims;
    const Element element = element_of(meta);
    float error;
    memcpy(&error, part, sizeof error);
    const uint8_t *number = part + sizeof error;
    sq_decode(element, dims, index.refine_image, number + number_bytes(meta), x);
    refine_cell_of(element, dims, x, cell);
    if (meta.refine_places > 0) {
        if (*number >= meta.refine_places)
            report_corrupted(rel, block, "no such place of refine codes");
        add_place(places_of(meta, index.refine_image) + (size_t)*number * dims, dims, x);
    }
    return error;
}

} // namespace vq::ivf
