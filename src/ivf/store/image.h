// The image of an index: all that is trained but the centroids, as one row of bytes in memory:
//
//   places of the origins | origins of the lists | codec image | refine image
//
// Only what rows have decided is stored, the codec image in the form that the codec has for that (CodecOps::pack). One that is not trained (CodecOps::trained) is made again of options and
// seed; of an index that is not trained nothing is stored: its one origin is zero.
#pragma once

#include "core/scalar_quantizer.h"
#include "ivf/store/access_method.h"
#include "ivf/store/origins.h"

namespace vq::ivf {

struct ImageParts // bytes
{
    OriginParts origins;
    size_t codec;
    size_t refine;
    bool trained;
    size_t codec_stored; // of the codec image; 0: it is made of options and seed

    size_t before_codec() const { return origins.places + origins.lists; }
    size_t all() const { return before_codec() + codec + refine; }
    size_t stored() const { return trained ? before_codec() + codec_stored + refine : 0; }
};
// Of a meta page whose options, nlist, further_origins, refine_places, space_dims, codec_image_bytes, refine, trained and codec_seeded are filled in.
ImageParts image_parts(const MetaPage &meta, const CodecOps *codec);

// The codec image that is made of options and seed, and its size. Memory: the current context.
size_t seeded_image_bytes(const MetaPage &meta, const AccessMethod *am);
uint8_t *seeded_image(const MetaPage &meta, const AccessMethod *am);

// The whole image from what is stored of it (meta.image_bytes bytes). Memory: the current context.
uint8_t *restore_image(const MetaPage &meta, const AccessMethod *am, const uint8_t *stored);
// What is to be stored of a whole image. Memory: the current context.
uint8_t *stored_image(const MetaPage &meta, const CodecOps *codec, const uint8_t *image);

// Whether a whole image is sound, and is that of the meta page. No other is ever written or read.
bool valid_image(const MetaPage &meta, const AccessMethod *am, const uint8_t *image);

} // namespace vq::ivf
