// An open index: its meta page and trained parameters, read once and shared by scans, inserts and maintenance
// of this backend.
#pragma once

#include "core/centroid_bytes.h"
#include "core/scalar_quantizer.h"
#include "core/space.h"
#include "ivf/store/access_method.h"
#include "ivf/store/image.h"
#include "ivf/store/page.h"

namespace vq::ivf {

// An untrained index says so once it holds this many rows, to the client and in the server's log.
constexpr uint32_t kUntrainedRows = 10000;

// Queries rank the lists of unit vectors by angle: as if all centroids had unit length. They have one length but for rounding and those of
// narrow lists. In few dimensions that rounding is more than what neighbouring lists differ by, and a centroid that came out too long
// would be the nearest of queries all around.
struct RankTerms
{
    float scale, shift; // rank = scale * score - shift
};
// Of a list by that metric whose centroid has that squared length, as unit vectors have them: ||m||^2 + 2 <m, c> + ||c||^2.
RankTerms rank_terms(Metric metric, float norm_sq);

struct Index // immutable but for the encoder; memory belongs to the cache
{
    MetaPage meta;
    RecallTable targets; // meta.targets, for the kind of queries that the index was calibrated for
    const CodecOps *codec;
    CodecShape shape;
    const Origin *origins;       // 1 + meta.further_origins, the mean first
    const uint8_t *list_origins; // of each list; null: all are about the mean
    // Centroids' codes, which are about the mean, say which lists are near: most are about the mean themselves.
    bool codes_rank_lists;
    const float *refine_image;
    MemoryContext memory; // that it lives in
    const void *encoder;  // for whoever encodes rows: see encoder_of
    // Copies of the centroid parts in memory, where they are small enough (kCachedCentroidBytes); null: read
    // from pages.
    CentroidBytes centroid_bytes; // in place of the codes where all lists are about the mean; n = 0: none
    const uint8_t *assign_codes;
    const uint8_t *query_codes;
    const uint8_t *centroid_records;
    const RankTerms *rank_terms; // of each list; null where ranks are scores, or centroids are not in memory
    uint32_t fine_record_bytes;  // of a row's fine record (fine.h), 0 = none
    uint32_t open_row_bytes;
    uint32_t open_rows_per_page; // of a new page: the rows and their lists' numbers
    uint32_t groups;
    uint32_t groups_per_page;

    // About the mean. What has to do with no place, such as the codec's image, is the same about all origins.
    const Space &space() const { return origins[0].space; }
    uint32_t origin_of(uint32_t list) const { return list_origins ? list_origins[list] : 0; }
    const Space &space_of(uint32_t list) const { return origins[origin_of(list)].space; }

    simd::Element element() const { return (simd::Element)meta.element; }
    bool cosine() const { return (Metric)meta.metric == Metric::Cosine; }
    // Scores of rows are about their residuals, not about a direction from the origin: L2, and cosine where all rows point about
    // the same way (build/units.h).
    bool by_residual() const { return (Metric)meta.metric == Metric::L2 || (cosine() && !meta.spherical); }
    // Lists behind these are for far rows.
    uint32_t ordinary_lists() const { return meta.nlist - meta.far_lists; }
    // By the inner product far rows are the nearest ones of many queries, in whatever direction these look.
    bool visits_far_lists() const
    {
        return (Metric)meta.metric == Metric::InnerProduct && meta.far_lists > 0;
    }
    bool has_fine() const { return fine_record_bytes > 0; }
    bool has_refine() const { return meta.refine != kNoRefine; }
};

// Bytes of the codec's part of a fine record; the refine part follows.
constexpr uint32_t codec_fine_part(const CodecShape &shape)
{
    return shape.fine_bytes > 0 ? 3 * sizeof(float) + shape.fine_bytes : 0;
}

// Centroids of up to this size are kept in memory by each backend that uses the index: looking at a page's
// worth of them through shared buffers costs as much as a pass over a list.
constexpr size_t kCachedCentroidBytes = 8 << 20;

// Reads (or finds) the index, of the generation that is in force now. It stays valid until `owner` is reset or deleted, whatever
// happens to the relcache meanwhile. Pages that it names stay readable for whoever holds a snapshot taken before the call
// (generation.h). Errors: INDEX_CORRUPTED; FEATURE_NOT_SUPPORTED for a format of another version, with the REINDEX hint.
const Index *open_index(Relation rel, MemoryContext owner);
// The same of a generation that is under way, for whoever adds rows to it. meta: its meta page.
const Index *open_next_index(Relation rel, MemoryContext owner, uint32_t generation, BlockNumber meta);

// What the codec encodes rows faster with; null if there is nothing. Made when it is first asked for, in milliseconds, since most
// backends only read. It lives as long as the index.
const void *encoder_of(const Index &index);

// Index build: makes an Index of a meta page, of which only the block numbers may still be missing, and a whole image, which must
// live as long, as does the current memory context.
void init_index(Index *index, const MetaPage &meta, const AccessMethod *am, const uint8_t *image);

// The sizes alone, of an index of that shape: nothing that is made of an image.
void init_layout(Index *index, const MetaPage &meta, const AccessMethod *am, const CodecShape &shape);

// Copies the centroid parts into memory (current context) if they are small enough.
void cache_centroids(Relation rel, Index *index);

uint32_t meta_crc(const MetaPage &meta);

inline const MetaPage *meta_on_page(Page page)
{
    return (const MetaPage *)page_payload(page);
}
// Puts meta, with its checksum, onto a meta page that the caller may change.
void put_meta(Page page, MetaPage *meta);

// Pages of the fixed parts, block 0 among them.
inline BlockNumber fixed_pages(const MetaPage &meta)
{
    return meta.fixed_end - meta.fixed_block + (meta.fixed_block > 0 ? 1 : 0);
}

// Registers the relcache callback; from _PG_init.
void init_index_cache();

} // namespace vq::ivf
