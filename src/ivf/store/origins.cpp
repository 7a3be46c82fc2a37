#include "ivf/store/origins.h"

namespace vq::ivf {

static size_t floats_of_origin(const MetaPage &meta)
{
    return (size_t)meta.options.dims + meta.space_dims;
}

OriginParts origin_parts(const MetaPage &meta)
{
    const size_t lists = meta.further_origins > 0 ? ((size_t)meta.nlist + 3) / 4 * 4 : 0;
    return {(1 + (size_t)meta.further_origins) * floats_of_origin(meta) * sizeof(float), lists};
}

bool valid_list_origins(const MetaPage &meta, const uint8_t *lists)
{
    return std::all_of(lists, lists + origin_parts(meta).lists,
                       [&](uint8_t origin) { return origin <= meta.further_origins; });
}

Origin *make_origins(const MetaPage &meta, const Space &like, const uint8_t *image)
{
    const uint32_t count = 1 + meta.further_origins;
    Origin *origins = (Origin *)palloc(count * sizeof(Origin));
    for (uint32_t i = 0; i < count; i++) {
        Space &space = origins[i].space;
        space = like;
        space.mean = (const float *)image + i * floats_of_origin(meta);
        space.mean_moved = space.mean + meta.options.dims;
        if (space.metric == Metric::InnerProduct)
            space.mean_norm = std::sqrt(simd::kernels().dot(space.mean, space.mean, meta.options.dims));
        origins[i].assign_space = space;
        origins[i].assign_space.metric = Metric::L2;
    }
    return origins;
}

bool most_lists_about_mean(const MetaPage &meta, const uint8_t *list_origins)
{
    return list_origins == nullptr ||
           2 * std::count(list_origins, list_origins + meta.nlist, 0) >= (int64)meta.nlist;
}

} // namespace vq::ivf
