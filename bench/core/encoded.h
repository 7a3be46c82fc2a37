// A set of vectors encoded by one codec into tiles, list by list, with the factors of core/space.h: an index in memory.
#pragma once

#include "core/space.h"
#include "vectors.h"

namespace vq::bench {

struct Coding
{
    const CodecOps *ops;
    CodecOptions options;
    bool toward_vector; // direction of the score-aware loss: the vector, or the residual
    // r~ of a code, space_dims floats
    void (*decode)(const uint8_t *image, const uint8_t *code, float *residual);
    // What brings r~ back to the length of a residual that was encoded at another one; 1 for most.
    float (*length)(const uint8_t *image, float norm);
};

// Rows in codec space, kept from one coding to the next as long as the codec's transformation stays the same.
struct MovedRows
{
    std::vector<float> probe; // what the transformation makes of a fixed vector
    std::vector<float> rows;
    double seconds = 0;
};

struct Encoded
{
    Coding coding;
    Aligned image, encoder; // encoder: of no size where the codec has none
    CodecShape shape;
    std::vector<float> mean_moved;
    Space space;                     // points to the above and to Lists::mean
    std::vector<uint16_t> centroids; // bfloat16
    std::vector<CentroidTerms> terms;
    std::vector<uint32_t> first_tile; // of each list, and one more
    size_t tile_bytes;                // codes, then add[32], scale[32], err[32]
    Aligned tiles;
    // 32 a tile: the distance to c + r~; constant and scale of a row before they are rounded
    std::vector<float> plain_add, float_add, float_scale;
    std::vector<uint16_t> plain_scale;

    double train_seconds, transform_seconds, encode_seconds; // CPU
    double nmse, nmse_scaled;                                // ||r - r~||^2 and ||r - s r~||^2 over ||r||^2

    const uint8_t *tile(size_t i) const { return tiles.data() + i * tile_bytes; }
    const float *add(size_t i) const { return (const float *)(tile(i) + tile_codes()); }
    const uint16_t *scale(size_t i) const { return (const uint16_t *)(add(i) + simd::kTileRows); }
    const uint16_t *err(size_t i) const { return scale(i) + simd::kTileRows; }
    size_t tile_codes() const { return simd::kTileRows * (size_t)shape.code_bytes; }
    // bfloat16
    const uint8_t *centroid(size_t list) const
    {
        return (const uint8_t *)&centroids[list * shape.space_dims];
    }
};

// Trains the codec: fills coding, image, shape, space. False if that failed.
bool train(const VectorSet &set, const Lists &lists, const Coding &coding, Encoded *out);

// Then encodes all rows. moved: nullptr where only one coding is made.
void encode(const VectorSet &set, const Lists &lists, MovedRows *moved, Encoded *out);

} // namespace vq::bench
