// Checks of what a build writes once: meta page, image, centroids, directory pages.
#include "ivf/inspect/check.h"

#include "core/half.h"
#include "ivf/store/centroids.h"
#include "ivf/store/read_stream.h"

extern "C" {
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

// But for the name of a generation under way, which comes and goes.
bool same_meta(const MetaPage &a, const MetaPage &b)
{
    MetaPage copy = a;
    copy.crc = b.crc;
    copy.version = b.version;
    copy.begun = b.begun;
    copy.next_meta = b.next_meta;
    return memcmp(&copy, &b, sizeof copy) == 0;
}

// The cache may have read the meta page before it was damaged.
void check_meta(Check *c)
{
    PGAlignedBlock copy;
    visit_page(&c->seen, 0, PageKind::Meta, &copy);
    const MetaPage &meta = *meta_on_page((Page)copy.data);
    if (meta.crc != meta_crc(meta) || !same_meta(meta, c->index->meta))
        report_corrupted(c->rel, 0, "damaged meta page");
    for (uint32_t i = 0; i < kCalibrationPoints; i++)
        if (meta.calibration[i] > meta.nlist)
            report_corrupted(c->rel, 0, "calibration beyond the number of lists");
    if (!valid_recall_table(meta.targets))
        report_corrupted(c->rel, 0, "damaged table of recall targets");
    if (meta.fixed_block > 0) // that it was first written to
        visit_page(&c->seen, meta.fixed_block, PageKind::Meta, &copy);
}

// Claims the pages of a part and checks that they also form a chain. crc: of its bytes, if wanted.
void check_part(Check *c, PageKind kind, BlockNumber first, uint64_t bytes, bool linked, uint32_t *crc)
{
    PGAlignedBlock copy;
    pg_crc32c sum;
    INIT_CRC32C(sum);
    const uint32_t pages = pages_of(bytes);
    BlockRange range;
    range_begin(&range, c->rel, first, pages);
    for (uint32_t i = 0; i < pages; i++) {
        CHECK_FOR_INTERRUPTS();
        visit_buffer(&c->seen, range_next(&range, kind), kind, &copy);
        const BlockNumber next = linked && i + 1 < pages ? first + i + 1 : InvalidBlockNumber;
        if (next_of((Page)copy.data) != next)
            report_corrupted(c->rel, first + i, "wrong link between pages");
        const uint64_t before = bytes_of_pages(i);
        COMP_CRC32C(sum, byte_at((Page)copy.data, before), bytes_on_page(before, bytes - before));
    }
    range_end(&range);
    FIN_CRC32C(sum);
    if (crc)
        *crc = sum;
}

// Codes are not looked at; factors must be numbers, because centroids are sorted by what comes of them.
void check_centroid_tiles(Check *c, BlockNumber first)
{
    const Index &index = *c->index;
    const uint32_t tiles = (index.meta.nlist + simd::kTileRows - 1) / simd::kTileRows;
    check_part(c, PageKind::Centroid, first, tiles * centroid_tile_bytes(index.shape), true, nullptr);
    for (uint32_t t = 0; t < tiles; t++) {
        CHECK_FOR_INTERRUPTS();
        CentroidRowData data;
        read_part(c->rel, PageKind::Centroid, first, centroid_row_data_position(index.shape, t), sizeof data,
                  &data);
        for (uint32_t v = 0; v < simd::kTileRows; v++)
            if (std::isnan(data.add[v]) || std::isnan(bf16_to_float(data.scale[v])) ||
                std::isnan(bf16_to_float(data.err[v])))
                report_corrupted(c->rel, first, "centroid factor is not a number");
    }
}

bool near(float a, float b, float scale)
{
    return a == b || std::fabs(a - b) <= 1e-3f * scale;
}

// What is stored beside each centroid must follow from its coordinates.
void check_centroids(Check *c)
{
    const Index &index = *c->index;
    const size_t D = index.shape.space_dims, record = centroid_record_bytes(index.shape);
    check_part(c, PageKind::Centroid, index.meta.centroids, index.meta.nlist * record, true, nullptr);
    uint8_t *bytes = (uint8_t *)palloc(record);
    float *centre = (float *)palloc(D * sizeof(float));
    for (uint32_t list = 0; list < index.meta.nlist; list++) {
        CHECK_FOR_INTERRUPTS();
        read_part(c->rel, PageKind::Centroid, index.meta.centroids, list * record, record, bytes);
        const StoredCentroid stored = centroid_of_record(bytes);
        widen_coordinates(stored.coordinates, D, centre);
        const Space &space = index.space_of(list);
        const float mean_norm = std::sqrt(simd::kernels().dot(space.mean_moved, space.mean_moved, D));
        const CentroidTerms terms = centroid_terms(space, centre);
        if (!near(stored.terms.norm_sq, terms.norm_sq, terms.norm_sq) ||
            !near(stored.terms.mean_dot, terms.mean_dot, mean_norm * std::sqrt(terms.norm_sq)))
            report_corrupted(c->rel, centroid_block(index, list), "centroid does not fit its terms");
    }
    pfree(bytes);
    pfree(centre);
}

} // namespace

void check_fixed_parts(Check *c)
{
    const Index &index = *c->index;
    const MetaPage &meta = index.meta;
    check_meta(c);
    uint32_t crc;
    check_part(c, PageKind::Image, meta.image_block, meta.image_bytes, true, &crc);
    if (crc != meta.image_crc)
        report_corrupted(c->rel, meta.image_block, "damaged image");
    if (meta.trained) {
        check_centroid_tiles(c, meta.assign_tiles);
        if (meta.query_tiles != meta.assign_tiles)
            check_centroid_tiles(c, meta.query_tiles);
        check_centroids(c);
    }
    const uint32_t directory_pages = (index.groups + index.groups_per_page - 1) / index.groups_per_page;
    check_part(c, PageKind::Directory, meta.directory, bytes_of_pages(directory_pages), false, nullptr);
    // Every page was claimed once, so the right number of them means that no gap is left.
    if (meta.fixed_end != meta.directory + directory_pages || c->seen.blocks.count != fixed_pages(meta))
        report_corrupted(c->rel, 0, "parts do not lie one after the other");
}

} // namespace vq::ivf
