#include "ivf/store/index.h"

#include "ivf/store/centroids.h"
#include "ivf/store/refine.h"
#include "ivf/store/stream.h"
#include "pg/checksum.h"
#include "pg/memory.h"
#include "pg/version.h"

extern "C" {
#include "miscadmin.h"
#include "utils/inval.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

struct Entry // one loaded index of this backend
{
    Entry *next;
    Oid relation;
    Oid file;         // relfilenode: REINDEX and TRUNCATE change it
    BlockNumber meta; // page that it was read from: 0, or that of a generation under way
    int users;        // open_index calls whose owner still lives
    bool stale;       // the relcache said it may have changed; freed with its last user
    MemoryContext memory;
    Index index;
};

Entry *entries = nullptr;

constexpr int kMaxIdleEntries = 32; // loaded indexes kept without a user; more are dropped, oldest first

void drop(Entry *entry)
{
    Entry **link = &entries;
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    MemoryContextDelete(entry->memory);
}

void drop_idle()
{
    int idle = 0;
    for (Entry *e = entries, *next; e; e = next) {
        next = e->next;
        if (e->users == 0 && (e->stale || ++idle > kMaxIdleEntries))
            drop(e);
    }
}

void release(void *arg)
{
    Entry *entry = (Entry *)arg;
    if (--entry->users == 0 && entry->stale)
        drop(entry);
}

void invalidate(Datum, Oid relation)
{
    for (Entry *e = entries; e; e = e->next)
        if (relation == InvalidOid || e->relation == relation)
            e->stale = true;
    // Nothing is freed here: this may run anywhere. drop_idle does it at the next open.
}

bool meta_sane(const MetaPage &m)
{
    const Metric metric = (Metric)m.metric;
    return (m.trained || (m.nlist == 1 && m.codec_seeded && m.further_origins == 0)) &&
           m.further_origins < kMostOrigins &&
           (metric == Metric::L2 || metric == Metric::InnerProduct || metric == Metric::Cosine) &&
           m.options.dims >= 1 && m.options.dims <= kMaxDims && m.nlist >= 1 && m.far_lists < m.nlist &&
           m.far_distance >= 0 && m.scale > 0 && std::isfinite(m.scale) && m.group_lists >= 1 &&
           m.group_lists <= kMaxGroupLists && m.sublist_layers <= 2 &&
           m.filter_columns <= kMostFilterColumns &&
           (m.refine == kNoRefine || m.refine < simd::kElementCount) &&
           (m.refine_places == 0 || (m.trained && m.refine_places <= kMostPlaces)) &&
           m.fixed_block < m.fixed_end;
}

void read_meta(Relation rel, BlockNumber block, const AccessMethod *am, MetaPage *meta)
{
    Buffer buf = read_page(rel, block, PageKind::Meta, BUFFER_LOCK_SHARE);
    *meta = *meta_on_page(BufferGetPage(buf));
    UnlockReleaseBuffer(buf);
    if (meta->magic != kMetaMagic)
        report_corrupted(rel, block, "not a vector_quant index");
    if (meta->version < Max(kFirstReadVersion, am->codec->first_format) || meta->version > kFormatVersion)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("index \"%s\" has format version %u, this library reads version %u",
                               RelationGetRelationName(rel), meta->version, kFormatVersion),
                        meta->version > kFormatVersion
                            ? errhint("Please REINDEX it, or install the newer library that wrote it.")
                            : errhint("Please REINDEX it.")));
    memset((char *)meta + meta_bytes(meta->version), 0, sizeof *meta - meta_bytes(meta->version));
    if (meta->crc != meta_crc(*meta) || !meta_sane(*meta) ||
        meta->filter_columns + 1 != IndexRelationGetNumberOfKeyAttributes(rel))
        report_corrupted(rel, block, "damaged meta page");
}

// Whether what the meta page says of the image's parts can be true. Sizes are used only then.
bool image_fits(Relation rel, const MetaPage &m, const AccessMethod *am)
{
    const uint64_t limit = (uint64_t)RelationGetNumberOfBlocks(rel) * kPayload;
    return m.codec == am->codec->id && am->codec->valid_options(m.options) && m.image_bytes <= limit &&
           m.space_dims <= kMaxDims && m.image_bytes == image_parts(m, am->codec).stored() &&
           (m.codec_seeded ? m.codec_image_bytes == seeded_image_bytes(m, am)
                           : m.codec_image_bytes <= kMostPacked * limit);
}

// The image from its pages; refuses one that changed since it was written. Memory: the current context.
const uint8_t *read_image(Relation rel, const MetaPage &meta, const AccessMethod *am)
{
    if (!image_fits(rel, meta, am))
        report_corrupted(rel, 0, "image does not fit the meta page");
    uint8_t *stored = (uint8_t *)palloc_extended(meta.image_bytes + 1, MCXT_ALLOC_HUGE);
    read_whole_part(rel, PageKind::Image, meta.image_block, meta.image_bytes, stored);
    if (pg::checksum(stored, meta.image_bytes) != meta.image_crc)
        report_corrupted(rel, meta.image_block, "damaged image");
    const uint8_t *image = restore_image(meta, am, stored);
    pfree(stored);
    if (!valid_image(meta, am, image))
        report_corrupted(rel, 0, "image does not fit the meta page");
    return image;
}

Entry *load(Relation rel, BlockNumber block)
{
    pg::require_library_not_older(); // again: a preloaded library was not asked
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant index", ALLOCSET_SMALL_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    Entry *entry = (Entry *)palloc0(sizeof(Entry));
    MetaPage meta;
    const AccessMethod *am = access_method(rel);
    read_meta(rel, block, am, &meta);
    const uint8_t *image = read_image(rel, meta, am);
    init_index(&entry->index, meta, am, image);
    if (rel->rd_options)
        entry->index.targets =
            table_for_kind(meta.targets, ((const IndexOptions *)rel->rd_options)->calibration);
    cache_centroids(rel, &entry->index);
    MemoryContextSwitchTo(old);
    // Only now can nothing fail any more: hand it over to the cache.
    entry->relation = RelationGetRelid(rel);
    entry->file = rel->rd_rel->relfilenode;
    entry->meta = block;
    entry->memory = memory;
    MemoryContextSetParent(memory, CacheMemoryContext);
    entry->next = entries;
    entries = entry;
    return entry;
}

bool is_of(const Entry &e, Relation rel)
{
    return !e.stale && e.relation == RelationGetRelid(rel) && e.file == rel->rd_rel->relfilenode;
}

// The generation in force as of now: another one may be a moment later. The page is checked when it is read as a whole.
uint32_t generation_now(Relation rel)
{
    Buffer buf = read_page(rel, 0, PageKind::Meta, BUFFER_LOCK_SHARE);
    const uint32_t generation = meta_on_page(BufferGetPage(buf))->generation;
    UnlockReleaseBuffer(buf);
    return generation;
}

// meta: the page to read it from; a generation that has taken over is not what it was while under way.
Entry *find(Relation rel, uint32_t generation, BlockNumber meta)
{
    for (Entry *e = entries; e; e = e->next)
        if (is_of(*e, rel) && e->index.meta.generation == generation && e->meta == meta)
            return e;
    for (Entry *e = entries; e && meta == 0; e = e->next)
        if (is_of(*e, rel) && e->index.meta.generation <= generation)
            e->stale = true;
    drop_idle();
    return load(rel, meta);
}

const Index *use(Entry *entry, MemoryContext owner)
{
    MemoryContextCallback *callback =
        (MemoryContextCallback *)MemoryContextAllocZero(owner, sizeof(MemoryContextCallback));
    callback->func = release;
    callback->arg = entry;
    entry->users++;
    MemoryContextRegisterResetCallback(owner, callback);
    return &entry->index;
}

} // namespace

static const uint8_t *read_centroid_part(Relation rel, BlockNumber first, size_t bytes)
{
    uint8_t *copy = (uint8_t *)palloc(bytes);
    read_whole_part(rel, PageKind::Centroid, first, bytes, copy);
    return copy;
}

RankTerms rank_terms(Metric metric, float norm_sq)
{
    if (!(norm_sq > 0))
        return {1, 0};
    const float norm = std::sqrt(norm_sq);
    // Of the squared distance of a unit vector from a centroid of length n, (1 - n)^2 is what the length alone makes, and the rest
    // is n times that from the centroid at unit length.
    return {1 / norm, metric == Metric::L2 ? (1 - norm) * (1 - norm) / norm : 0};
}

static StoredCentroid cached_centroid(const Index &index, size_t list)
{
    return centroid_of_record(index.centroid_records + list * centroid_record_bytes(index.shape));
}

static void get_centroid(const void *index, size_t list, float *c, CentroidTerms *terms)
{
    const StoredCentroid centroid = cached_centroid(*(const Index *)index, list);
    widen_coordinates(centroid.coordinates, ((const Index *)index)->shape.space_dims, c);
    *terms = centroid.terms;
}

static void round_centroids(Index *index)
{
    const size_t n = index->meta.nlist, dims = index->shape.space_dims;
    void *memory = palloc(centroid_bytes_size(n, dims));
    float *scratch = (float *)palloc(2 * dims * sizeof(float));
    index->centroid_bytes = make_centroid_bytes(n, dims, memory, scratch, get_centroid, index);
    pfree(scratch);
}

static const RankTerms *terms_of_lists(const Index &index)
{
    RankTerms *terms = (RankTerms *)palloc(index.meta.nlist * sizeof(RankTerms));
    for (uint32_t list = 0; list < index.meta.nlist; list++) {
        const Space &space = index.space_of(list);
        const CentroidTerms c = cached_centroid(index, list).terms;
        const float mean_sq = simd::kernels().dot(space.mean_moved, space.mean_moved, space.space_dims);
        terms[list] = rank_terms(space.metric, mean_sq + 2 * c.mean_dot + c.norm_sq);
    }
    return terms;
}

void cache_centroids(Relation rel, Index *index)
{
    const MetaPage &m = index->meta;
    if (!m.trained) { // its centroid, the origin, is not stored
        index->centroid_records = (const uint8_t *)palloc0(centroid_record_bytes(index->shape));
        return;
    }
    const size_t tiles =
        (m.nlist + simd::kTileRows - 1) / simd::kTileRows * centroid_tile_bytes(index->shape);
    const size_t records = m.nlist * centroid_record_bytes(index->shape);
    const bool as_bytes = index->list_origins == nullptr;
    const size_t codes = as_bytes ? centroid_bytes_size(m.nlist, index->shape.space_dims) : 2 * tiles;
    if (codes + records > kCachedCentroidBytes)
        return;
    index->centroid_records = read_centroid_part(rel, m.centroids, records);
    if (m.spherical)
        index->rank_terms = terms_of_lists(*index);
    if (as_bytes) {
        round_centroids(index);
        return;
    }
    index->assign_codes = read_centroid_part(rel, m.assign_tiles, tiles);
    index->query_codes =
        m.query_tiles == m.assign_tiles ? index->assign_codes : read_centroid_part(rel, m.query_tiles, tiles);
}

uint32_t meta_crc(const MetaPage &meta)
{
    MetaPage copy = meta;
    copy.crc = 0;
    return pg::checksum(&copy, meta_bytes(meta.version));
}

void put_meta(Page page, MetaPage *meta)
{
    meta->crc = meta_crc(*meta);
    memcpy(page_payload(page), meta, sizeof *meta);
}

void init_layout(Index *index, const MetaPage &meta, const AccessMethod *am, const CodecShape &shape)
{
    *index = {};
    index->meta = meta;
    index->codec = am->codec;
    index->shape = shape;
    index->fine_record_bytes = codec_fine_part(shape) + refine_part_bytes(meta);
    index->open_row_bytes = open_row_bytes(shape.code_bytes, meta.filter_columns);
    index->open_rows_per_page = (kPayload - sizeof(OpenHeader)) / (index->open_row_bytes + 1);
    index->groups = (meta.nlist + meta.group_lists - 1) / meta.group_lists;
    index->groups_per_page = kPayload / group_record_bytes(meta.group_lists);
}

void init_index(Index *index, const MetaPage &meta, const AccessMethod *am, const uint8_t *image)
{
    const uint32_t dims = meta.options.dims;
    const ImageParts parts = image_parts(meta, am->codec);
    const uint8_t *codec_image = image + parts.before_codec();
    const bool products = (Metric)meta.metric == Metric::InnerProduct;
    init_layout(index, meta, am, am->codec->shape(codec_image));
    index->targets = meta.targets;
    const Space like = {products ? Metric::InnerProduct : Metric::L2,
                        dims,
                        meta.space_dims,
                        nullptr,
                        nullptr,
                        am->codec,
                        codec_image};
    index->origins = make_origins(meta, like, image);
    index->list_origins = parts.origins.lists > 0 ? image + parts.origins.places : nullptr;
    index->codes_rank_lists = most_lists_about_mean(meta, index->list_origins);
    index->memory = CurrentMemoryContext;
    index->refine_image = (const float *)(codec_image + meta.codec_image_bytes);
}

const void *encoder_of(const Index &index)
{
    const uint8_t *image = index.space().image;
    const size_t bytes = index.codec->encoder_bytes(image);
    if (index.encoder || bytes == 0)
        return index.encoder;
    MemoryContext old = MemoryContextSwitchTo(index.memory);
    void *encoder = pg::aligned_palloc(bytes);
    MemoryContextSwitchTo(old);
    index.codec->make_encoder(image, encoder);
    const_cast<Index &>(index).encoder = encoder;
    return encoder;
}

const Index *open_index(Relation rel, MemoryContext owner)
{
    forget_blocks(); // everybody who has locked an index comes by here
    return use(find(rel, generation_now(rel), 0), owner);
}

const Index *open_next_index(Relation rel, MemoryContext owner, uint32_t generation, BlockNumber meta)
{
    return use(find(rel, generation, meta), owner);
}

void init_index_cache()
{
    CacheRegisterRelcacheCallback(invalidate, (Datum)0);
}

} // namespace vq::ivf
