#include "ivf/store/image.h"

#include "core/magnitude.h"
#include "ivf/store/refine.h"
#include "pg/memory.h"

extern "C" {
#include "utils/memutils.h"
}

namespace vq::ivf {

static CodecOptions seeded_options(const MetaPage &meta, const AccessMethod *am)
{
    return am->codec->untrained_options(meta.options);
}

ImageParts image_parts(const MetaPage &m, const CodecOps *codec)
{
    return {origin_parts(m), m.codec_image_bytes, refine_image_bytes(m), m.trained != 0,
            m.codec_seeded ? 0 : codec->stored_bytes(m.options, m.codec_image_bytes)};
}

size_t seeded_image_bytes(const MetaPage &meta, const AccessMethod *am)
{
    return am->codec->image_bytes(seeded_options(meta, am), 0);
}

uint8_t *seeded_image(const MetaPage &meta, const AccessMethod *am)
{
    const CodecOptions options = seeded_options(meta, am);
    uint8_t *image = (uint8_t *)pg::aligned_palloc(am->codec->image_bytes(options, 0));
    void *scratch = pg::aligned_palloc(am->codec->training_bytes(options, 0));
    (void)am->codec->train(options, {}, image, scratch, {}); // nobody asks it to stop
    return image;
}

// Leaves nothing else behind: the image may live as long as the backend.
static void make_codec_image(const MetaPage &m, const AccessMethod *am, uint8_t *to)
{
    MemoryContext scratch =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant image", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(scratch);
    memcpy(to, seeded_image(m, am), m.codec_image_bytes);
    MemoryContextSwitchTo(old);
    MemoryContextDelete(scratch);
}

uint8_t *restore_image(const MetaPage &m, const AccessMethod *am, const uint8_t *stored)
{
    const ImageParts parts = image_parts(m, am->codec);
    uint8_t *image = (uint8_t *)pg::aligned_palloc(parts.all());
    uint8_t *codec = image + parts.before_codec(), *refine = codec + parts.codec;
    if (parts.codec_stored == 0)
        make_codec_image(m, am, codec);
    if (!parts.trained) {
        memset(image, 0, parts.before_codec());
        if (m.refine != kNoRefine)
            sq_train((Element)m.refine, m.options.dims, nullptr, 0, (float *)refine);
        return image;
    }
    const auto take = [&](uint8_t *to, size_t bytes) {
        memcpy(to, stored, bytes);
        stored += bytes;
    };
    take(image, parts.before_codec());
    if (parts.codec_stored > 0)
        am->codec->unpack(m.options, stored, parts.codec, codec);
    stored += parts.codec_stored;
    take(refine, parts.refine);
    return image;
}

uint8_t *stored_image(const MetaPage &m, const CodecOps *codec, const uint8_t *image)
{
    const ImageParts parts = image_parts(m, codec);
    uint8_t *stored = (uint8_t *)palloc_extended(parts.stored() + 1, MCXT_ALLOC_HUGE), *to = stored;
    const auto keep = [&](size_t from, size_t bytes) {
        memcpy(to, image + from, bytes);
        to += bytes;
    };
    if (!parts.trained)
        return stored;
    keep(0, parts.before_codec());
    if (parts.codec_stored > 0)
        codec->pack(m.options, image + parts.before_codec(), parts.codec, to);
    to += parts.codec_stored;
    keep(parts.before_codec() + parts.codec, parts.refine);
    return stored;
}

bool valid_image(const MetaPage &m, const AccessMethod *am, const uint8_t *image)
{
    const ImageParts parts = image_parts(m, am->codec);
    const uint32_t dims = m.options.dims;
    const uint8_t *codec = image + parts.before_codec(), *refine = codec + parts.codec;
    return am->codec->valid(codec, parts.codec, dims) && am->codec->shape(codec).space_dims == m.space_dims &&
           m.sublist_layers <= am->codec->sublist_layers(codec) &&
           all_finite((const float *)image, parts.origins.places / sizeof(float)) &&
           valid_list_origins(m, image + parts.origins.places) &&
           valid_refine_image(m, (const float *)refine);
}

} // namespace vq::ivf
