// The centroids as they are stored, in two parts of an index: tiles of their codes (code rows, then CentroidRowData), and their
// records (CentroidTerms, then space_dims coordinates as bfloat16).
#pragma once

#include "ivf/store/index.h"
#include "ivf/store/stream.h"

namespace vq::ivf {

constexpr size_t centroid_tile_bytes(const CodecShape &shape)
{
    return (size_t)shape.code_bytes * kUnit + sizeof(CentroidRowData);
}
constexpr size_t centroid_record_bytes(const CodecShape &shape)
{
    return sizeof(CentroidTerms) + shape.space_dims * sizeof(uint16_t);
}

// Where the row data of a tile lies in its part.
constexpr uint64_t centroid_row_data_position(const CodecShape &shape, uint32_t tile)
{
    return tile * (uint64_t)centroid_tile_bytes(shape) + (uint64_t)shape.code_bytes * kUnit;
}
// The page on which a centroid's record begins.
inline BlockNumber centroid_block(const Index &index, uint32_t list)
{
    return index.meta.centroids +
           (BlockNumber)page_of_position(list * (uint64_t)centroid_record_bytes(index.shape));
}

// The centroid of a list, as space_dims floats. stored: scratch for space_dims bfloat16.
void read_centre(Relation rel, const Index &index, uint32_t list, uint8_t *stored, float *centre);

struct StoredCentroid
{
    CentroidTerms terms;
    const uint8_t *coordinates; // bfloat16, not aligned; valid until the next read
};

// A view of a record in memory.
StoredCentroid centroid_of_record(const uint8_t *record);
// n coordinates as floats.
void widen_coordinates(const uint8_t *coordinates, size_t n, float *centre);

// Reads one centroid after the other; cheapest in order of list numbers, where neighbours share a page.
struct CentroidReader
{
    Relation rel;
    const Index *index;
    Buffer buf; // share locked, or InvalidBuffer
    BlockNumber block;
    uint8_t *copy; // of a record that crosses pages
};

// Memory: one record in the current context, freed by centroids_close, which also lets go of the page at hand.
void centroids_open(CentroidReader *reader, Relation rel, const Index *index);
StoredCentroid centroids_read(CentroidReader *reader, uint32_t list);
void centroids_close(CentroidReader *reader);

} // namespace vq::ivf
