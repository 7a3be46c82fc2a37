// A query as a residual quantizer prepares it: what prepare writes and scanning reads.
#pragma once

#include "core/rq_weights.h"

namespace vq::rq {

struct Query
{
    QueryHead head;
    uint32_t layers;
    uint32_t bytes;        // of a code
    uint32_t stride;       // of the tables in bytes
    uint32_t codewords;    // K
    uint32_t weight_bits;  // 0: none
    uint32_t tables_bytes; // of all tables
    float mean_share;      // RqImage::mean_share
    // With weights, a byte t of the table of layer m stands for t + shift[m] steps.
    int16_t shift[kMostLayers];
    // then, 64-byte aligned: bytes of all tables, floats of all tables
};

constexpr size_t kQueryHeader = padded(sizeof(Query));

// Bytes of a layer's table. Two layers of up to 16 codewords share a code row, and have 16 entries each, side by side. With
// weights each layer is looked up by itself: its table has zeros in the other one's place.
inline size_t table_stride(const RqImage &h) noexcept
{
    return has_bytes(h) ? 256 : h.weight_bits == 0 ? 16 : 32;
}
inline size_t tables_bytes(const RqImage &h) noexcept
{
    return padded(table_stride(h) * ((h.layers + 1) / 2 * 2));
}

inline uint8_t *tables_of(Query *q) noexcept
{
    return reinterpret_cast<uint8_t *>(q) + kQueryHeader;
}
inline const uint8_t *tables_of(const Query &q) noexcept
{
    return tables_of(const_cast<Query *>(&q));
}

// With weights, sums are fixed-point numbers of kWeightPoint bits behind the point. A layer adds
//     weight * (entry + shift) + kLayerBias >= 0,
// so that 96 layers stay below 2^30. |entry + shift| <= kMostSteps.
constexpr int kMostSteps = 256;
constexpr int kMostShift = kMostSteps / 2 - 1; // steps from zero to the middle of a table
constexpr uint32_t kLayerBias = (uint32_t)kMostSteps * (kMostFixed + 1);
static_assert((uint64_t)2 * kMostLayers * kLayerBias < 1u << 31);

} // namespace vq::rq
