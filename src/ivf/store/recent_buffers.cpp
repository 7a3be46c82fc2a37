#include "ivf/store/recent_buffers.h"

extern "C" {
#include "pgstat.h"
}

namespace vq::ivf {

namespace {

struct Place
{
    Oid file;
    BlockNumber block;
    Buffer buf; // 0: none
};

constexpr uint32_t kPlaces = 8192; // a power of two; 96 kB
Place places[kPlaces];

Place *place_of(Oid file, BlockNumber block)
{
    return &places[(block + file * 0x9E3779B1u) % kPlaces];
}

} // namespace

Buffer read_recent_buffer(Relation rel, BlockNumber block)
{
    const Oid file = rel->rd_rel->relfilenode;
    Place *place = place_of(file, block);
    const bool known = place->file == file && place->block == block;
    // The buffer says itself which page it holds.
    if (known && compat_read_recent_buffer(rel, block, place->buf)) {
        pgstat_count_buffer_read(rel);
        pgstat_count_buffer_hit(rel);
        return place->buf;
    }
    const Buffer buf = ReadBuffer(rel, block);
    *place = {file, block, buf};
    return buf;
}

} // namespace vq::ivf
