#include "ivf/build/fixed_parts.h"

#include "core/half.h"
#include "core/tile.h"
#include "ivf/store/directory.h"
#include "ivf/store/centroids.h"
#include "ivf/store/free_pages.h"
#include "pg/checksum.h"

extern "C" {
#include "miscadmin.h"
#include "storage/bufmgr.h"
}

namespace vq::ivf {

namespace {

// The centroid of a list in codec space, about the list's origin, rounded to what is stored.
void centroid_in_space(const FixedParts *b, uint32_t list, float *moved, float *scratch, uint16_t *stored)
{
    const Space &space = b->layout->space_of(list);
    const float *centroid = b->training->centroids + (size_t)list * space.dims;
    if (!b->training->centred)
        space_transform(space, centroid, 1, moved, scratch);
    else {
        const float *mean = b->layout->space().mean; // of which the centroid is free
        for (uint32_t i = 0; i < space.dims; i++)
            scratch[i] = (float)(centroid[i] - ((double)space.mean[i] - mean[i]));
        space.ops->transform(space.image, scratch, moved);
    }
    for (uint32_t i = 0; i < space.space_dims; i++) {
        stored[i] = float_to_bf16(moved[i]);
        moved[i] = bf16_to_float(stored[i]);
    }
}

// The same about the mean.
void move_to_mean(const Index &index, uint32_t list, float *moved)
{
    const Space &from = index.space_of(list), &to = index.space();
    for (uint32_t i = 0; &from != &to && i < to.space_dims; i++)
        moved[i] += from.mean_moved[i] - to.mean_moved[i];
}

// Tiles of the centroids' codes under one metric, about the mean.
void write_centroid_tiles(const FixedParts *b, const Space &space, BlockNumber *block)
{
    const Index &index = *b->layout;
    const size_t D = index.shape.space_dims, code_bytes = index.shape.code_bytes;
    PartWriter part;
    part_begin(&part, b->pages, PageKind::Centroid);
    *block = part.first;
    float *moved = (float *)palloc(D * sizeof(float)),
          *scratch = (float *)palloc(index.space().dims * sizeof(float));
    float *origin = (float *)palloc0(D * sizeof(float));
    uint16_t *stored = (uint16_t *)palloc(D * sizeof(uint16_t));
    uint8_t *codes = (uint8_t *)palloc(simd::kTileRows * code_bytes),
            *fine = (uint8_t *)palloc(index.shape.fine_bytes + 1);
    uint8_t *tile = (uint8_t *)palloc(tile_code_bytes(code_bytes));
    for (uint32_t first = 0; first < index.meta.nlist; first += simd::kTileRows) {
        CHECK_FOR_INTERRUPTS();
        const uint32_t n = Min((uint32_t)simd::kTileRows, index.meta.nlist - first);
        CentroidRowData data = {};
        for (uint32_t i = 0; i < n; i++) {
            float fine_factors[3];
            centroid_in_space(b, first + i, moved, scratch, stored);
            move_to_mean(index, first + i, moved);
            RowCode code = index.codec->encode(space.image, encoder_of(index), moved, origin, moved,
                                               codes + i * code_bytes, fine);
            RowFactors f = row_factors(space, code, moved, origin, fine_factors);
            data.add[i] = f.add, data.scale[i] = f.scale, data.err[i] = f.err;
        }
        tile_pack(codes, code_bytes, n, code_bytes, tile);
        part_write(&part, tile, tile_code_bytes(code_bytes));
        part_write(&part, &data, sizeof data);
    }
    part_end(&part);
}

void write_centroids(const FixedParts *b)
{
    const Index &index = *b->layout;
    const size_t D = index.shape.space_dims;
    float *moved = (float *)palloc(D * sizeof(float)),
          *scratch = (float *)palloc(index.space().dims * sizeof(float));
    uint16_t *stored = (uint16_t *)palloc(D * sizeof(uint16_t));
    PartWriter part;
    part_begin(&part, b->pages, PageKind::Centroid);
    b->training->meta.centroids = part.first;
    for (uint32_t i = 0; i < index.meta.nlist; i++) {
        centroid_in_space(b, i, moved, scratch, stored);
        CentroidTerms terms = centroid_terms(index.space_of(i), moved);
        part_write(&part, &terms, sizeof terms);
        part_write(&part, stored, D * sizeof(uint16_t));
    }
    part_end(&part);
}

// Whether queries rank lists by other codes than rows do.
bool has_query_tiles(const MetaPage &meta)
{
    return (Metric)meta.metric == Metric::InnerProduct;
}

void write_all_centroids(const FixedParts *b)
{
    MetaPage *meta = &b->training->meta;
    const Origin &mean = b->layout->origins[0];
    write_centroid_tiles(b, mean.assign_space, &meta->assign_tiles);
    meta->query_tiles = meta->assign_tiles;
    if (has_query_tiles(*meta))
        write_centroid_tiles(b, mean.space, &meta->query_tiles);
    write_centroids(b);
}

// Directory of empty lists.
void write_directory(const FixedParts *b)
{
    const Index &index = *b->layout;
    Group *group = (Group *)palloc(group_bytes(index));
    PartWriter part;
    part_begin(&part, b->pages, PageKind::Directory);
    b->training->meta.directory = part.first;
    for (uint32_t g = 0; g < index.groups; g++) {
        init_group(index, g, group);
        part_keep_together(&part, group_bytes(index));
        part_write(&part, group, group_bytes(index));
    }
    part_end(&part);
}

void write_image(const FixedParts *b)
{
    MetaPage *meta = &b->training->meta;
    PartWriter part;
    part_begin(&part, b->pages, PageKind::Image);
    meta->image_block = part.first;
    const uint8_t *stored = stored_image(*meta, b->layout->codec, b->training->image);
    meta->image_crc = pg::checksum(stored, meta->image_bytes);
    part_write(&part, stored, meta->image_bytes);
    part_end(&part);
}

// Last, because it names the others.
void write_meta(const FixedParts *b, BlockNumber block)
{
    MetaPage *meta = &b->training->meta;
    const PartPages &pages = *b->pages;
    PGAlignedBlock copy;
    const Page page = (Page)copy.data;
    init_page(page, PageKind::Meta);
    put_meta(page, meta);
    Buffer buf = ReadBufferExtended(pages.rel, pages.fork, block, RBM_NORMAL, nullptr);
    if (pages.append) {
        LockBuffer(buf, BUFFER_LOCK_EXCLUSIVE);
        memcpy(BufferGetPage(buf), page, BLCKSZ);
        MarkBufferDirty(buf);
        UnlockReleaseBuffer(buf);
    } else {
        stamp_page(page);
        replace_page(pages.rel, buf, page);
    }
}

// The first page, for the meta page.
BlockNumber leave_first_page(PartPages *pages)
{
    if (pages->append)
        UnlockReleaseBuffer(append_page(pages->rel, pages->fork));
    return pages->next++;
}

} // namespace

BlockNumber count_fixed_pages(const Training &training, const AccessMethod *am)
{
    Index layout;
    init_index(&layout, training.meta, am, training.image);
    return count_fixed_pages(layout);
}

BlockNumber count_fixed_pages(const Index &layout)
{
    const MetaPage &meta = layout.meta;
    BlockNumber pages = 1 + pages_of(meta.image_bytes);
    if (meta.trained) {
        const uint64_t tiles = (meta.nlist + simd::kTileRows - 1) / simd::kTileRows;
        pages += (has_query_tiles(meta) ? 2 : 1) * pages_of(tiles * centroid_tile_bytes(layout.shape));
        pages += pages_of(meta.nlist * (uint64_t)centroid_record_bytes(layout.shape));
    }
    return pages + (layout.groups + layout.groups_per_page - 1) / layout.groups_per_page;
}

void write_fixed_parts(const FixedParts *b, const AccessMethod *am)
{
    MetaPage *meta = &b->training->meta;
    init_index(b->layout, *meta, am, b->training->image);
    const BlockNumber meta_block = leave_first_page(b->pages);
    meta->fixed_block = meta_block;
    write_image(b);
    if (meta->trained)
        write_all_centroids(b);
    else
        meta->assign_tiles = meta->query_tiles = meta->centroids = b->pages->next; // of length 0
    write_directory(b);
    meta->fixed_end = b->pages->next;
    write_meta(b, meta_block);
    init_index(b->layout, *meta, am, b->training->image);
    if (b->pages->fork == MAIN_FORKNUM)
        cache_centroids(b->pages->rel, b->layout);
}

} // namespace vq::ivf
