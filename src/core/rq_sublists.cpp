// Residual quantizer: sub-lists, whose rows have the first codewords of their codes in common.
#include "core/rq_query.h"

#include <algorithm>

namespace vq {

using namespace rq;

namespace {

constexpr uint32_t kSublistLayers = 2;
static_assert(kSublistLayers <= kLeastLayers);

// Codeword of layer m in a key.
size_t codeword_of_key(uint32_t key, uint32_t layers, size_t m) noexcept
{
    return key >> 8 * (layers - 1 - m) & 255;
}

} // namespace

uint32_t ResidualQuantizer::sublist_layers(const uint8_t *) noexcept
{
    return kSublistLayers;
}

uint32_t ResidualQuantizer::sublist_of(const uint8_t *image, const uint8_t *code, uint32_t layers) noexcept
{
    uint32_t key = 0;
    for (uint32_t m = 0; m < layers; m++)
        key = key << 8 | (uint32_t)codeword_of(header(image), code, m);
    return key;
}

void ResidualQuantizer::sublist_centre(const uint8_t *image, uint32_t key, uint32_t layers,
                                       float *centre) noexcept
{
    const RqImage &h = header(image);
    std::fill_n(centre, h.dims, 0.0f);
    for (uint32_t m = 0; m < layers; m++)
        if (const size_t k = codeword_of_key(key, layers, m); k < h.codewords)
            add_codeword(h, m, k, h.mean_share, centre);
}

float ResidualQuantizer::sublist_dot(const void *state, uint32_t key, uint32_t layers) noexcept
{
    const Query &q = *static_cast<const Query *>(state);
    const float *tables = reinterpret_cast<const float *>(tables_of(q) + q.tables_bytes);
    float sum = 0;
    for (uint32_t m = 0; m < layers; m++)
        if (const size_t k = codeword_of_key(key, layers, m); k < q.codewords)
            sum += tables[m * 16 * blocks(q.codewords) + k];
    return q.mean_share * sum;
}

} // namespace vq
