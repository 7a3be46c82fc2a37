// The codecs as the benchmarks name them.
#pragma once

#include "encoded.h"

#include "core/pq_image.h"
#include "core/rabitq.h"
#include "core/residual_quantizer.h"

#include <cmath>

namespace vq::bench {

constexpr uint64_t kSeed = 0x5651; // as src/ivf/build/train.cpp

// As gain() of src/core/pq_encode.cpp: rows of unusual length are encoded at the usual one.
inline float pq_length(const uint8_t *image, float norm)
{
    const float typical = pq::header(image).typical_norm;
    if (typical == 0)
        return norm / std::sqrt((float)pq::header(image).space_dims);
    return norm >= typical / 2 && norm <= 2 * typical ? 1 : norm / typical;
}

// threshold: of the score-aware loss, 0 = off, negative = chosen by the codec.
inline Coding pq_coding(size_t dims, int sub_dims, ProductQuantizer::Rotation rotation, double threshold,
                        bool toward_vector)
{
    Coding c = {&kCodecOps<ProductQuantizer>,
                {(uint32_t)dims, kSeed, {}},
                toward_vector,
                ProductQuantizer::decode,
                pq_length};
    c.options.value[ProductQuantizer::kSubDims] = sub_dims;
    c.options.value[ProductQuantizer::kThreshold] =
        threshold < 0 ? ProductQuantizer::kAuto
                      : (int32_t)std::lround(threshold * ProductQuantizer::kUnitThreshold);
    c.options.value[ProductQuantizer::kRotation] = rotation;
    return c;
}

inline Coding rvq_coding(size_t dims, int layers, int codewords, int weight_bits = 0,
                         ResidualQuantizer::Training training = ResidualQuantizer::kLinear,
                         int codeword_bits = 8)
{
    Coding c = {&kCodecOps<ResidualQuantizer>,
                {(uint32_t)dims, kSeed, {}},
                false,
                ResidualQuantizer::decode,
                [](const uint8_t *, float norm) { return norm; }};
    c.options.value[ResidualQuantizer::kLayers] = layers;
    c.options.value[ResidualQuantizer::kCodewords] = codewords;
    c.options.value[ResidualQuantizer::kWeightBits] = weight_bits;
    c.options.value[ResidualQuantizer::kTraining] = training;
    c.options.value[ResidualQuantizer::kCodewordBits] = codeword_bits;
    return c;
}

inline Coding rabitq_coding(size_t dims)
{
    Coding c = {
        &kCodecOps<RabitqCodec>, {(uint32_t)dims, kSeed, {}}, false, nullptr, [](const uint8_t *, float) {
            return 1.0f;
        }};
    c.options.value[0] = 1;
    c.decode = [](const uint8_t *image, const uint8_t *code, float *residual) {
        for (size_t i = 0; i < RabitqCodec::shape(image).space_dims; i++)
            residual[i] = (code[i / 8] >> (i % 8) & 1) ? 0.5f : -0.5f;
    };
    return c;
}

} // namespace vq::bench
