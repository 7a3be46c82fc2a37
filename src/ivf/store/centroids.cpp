#include "ivf/store/centroids.h"

#include "core/half.h"

namespace vq::ivf {

StoredCentroid centroid_of_record(const uint8_t *record)
{
    StoredCentroid centroid;
    memcpy(&centroid.terms, record, sizeof centroid.terms);
    centroid.coordinates = record + sizeof centroid.terms;
    return centroid;
}

void widen_coordinates(const uint8_t *coordinates, size_t n, float *centre)
{
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, coordinates + i * sizeof h, sizeof h);
        centre[i] = bf16_to_float(h);
    }
}

void read_centre(Relation rel, const Index &index, uint32_t list, uint8_t *stored, float *centre)
{
    const size_t D = index.shape.space_dims;
    const uint64_t at = list * centroid_record_bytes(index.shape) + sizeof(CentroidTerms);
    const uint8_t *coordinates = stored;
    if (index.centroid_records)
        coordinates = index.centroid_records + at;
    else
        read_part(rel, PageKind::Centroid, index.meta.centroids, at, D * sizeof(uint16_t), stored);
    widen_coordinates(coordinates, D, centre);
}

void centroids_open(CentroidReader *reader, Relation rel, const Index *index)
{
    *reader = {rel, index, InvalidBuffer, InvalidBlockNumber,
               (uint8_t *)palloc(centroid_record_bytes(index->shape))};
}

static void let_go(CentroidReader *reader)
{
    if (reader->buf != InvalidBuffer)
        UnlockReleaseBuffer(reader->buf);
    reader->buf = InvalidBuffer;
    reader->block = InvalidBlockNumber;
}

static const uint8_t *read_record(CentroidReader *reader, uint32_t list)
{
    const Index &index = *reader->index;
    const size_t bytes = centroid_record_bytes(index.shape);
    const uint64_t position = list * bytes;
    if (index.centroid_records)
        return index.centroid_records + position;
    const BlockNumber block = centroid_block(index, list);
    if (bytes_on_page(position, bytes) < bytes) {
        let_go(reader);
        read_part(reader->rel, PageKind::Centroid, index.meta.centroids, position, bytes, reader->copy);
        return reader->copy;
    }
    if (block != reader->block) {
        let_go(reader);
        reader->buf = read_page(reader->rel, block, PageKind::Centroid, BUFFER_LOCK_SHARE);
        reader->block = block;
    }
    return byte_at(BufferGetPage(reader->buf), position);
}

StoredCentroid centroids_read(CentroidReader *reader, uint32_t list)
{
    return centroid_of_record(read_record(reader, list));
}

void centroids_close(CentroidReader *reader)
{
    let_go(reader);
    pfree(reader->copy);
}

} // namespace vq::ivf
