#include "ivf/store/sublist_writer.h"

#include "core/half.h"
#include "ivf/store/centroids.h"
#include "pg/memory.h"

namespace vq::ivf {

SublistWriter *sublists_begin(SublistWriter *w, const Index *index, const PageSource &source)
{
    const size_t D = index->shape.space_dims;
    *w = {};
    w->index = index;
    chain_begin(&w->chain, source, PageKind::Sublist);
    if (index->meta.sublist_layers == 0)
        return nullptr;
    w->entry_capacity = 256;
    w->entries = (SublistEntry *)palloc(w->entry_capacity * sizeof(SublistEntry));
    w->page_capacity = 64;
    w->pages = (BlockNumber *)palloc(w->page_capacity * sizeof(BlockNumber));
    w->extent_capacity = 16;
    w->tiles_at = (uint64_t *)palloc(w->extent_capacity * sizeof(uint64_t));
    w->stored_centre = (uint8_t *)palloc(D * sizeof(uint16_t));
    w->centre = (float *)pg::aligned_palloc(D * sizeof(float));
    w->place = (float *)pg::aligned_palloc(D * sizeof(float));
    return w;
}

uint64_t sublist_bytes(const Index &index, uint32_t rows, uint64_t run_bytes, uint32_t entries)
{
    if (index.meta.sublist_layers == 0 || run_bytes == 0)
        return 0;
    return sublist_record_bytes(index, rows, pages_of(run_bytes) + 1,
                                entries); // it may begin in the middle of a page
}

void sublists_row(SublistWriter *w, const StoredRow &row)
{
    const Index &index = *w->index;
    const uint32_t key = index.codec->sublist_of(index.space().image, row.code, index.meta.sublist_layers);
    if (w->entry_count == 0 || w->entries[w->entry_count - 1].key != key) {
        if (w->entry_count == w->entry_capacity)
            w->entries =
                (SublistEntry *)repalloc_huge(w->entries, (w->entry_capacity *= 2) * sizeof(SublistEntry));
        w->entries[w->entry_count++] = {key, 0, 0};
    }
    w->entries[w->entry_count - 1].rows++;
    w->rows++;
    w->scale_sum += std::fabs(bf16_to_float(row.factors.scale));
}

void sublists_page(SublistWriter *w, BlockNumber block)
{
    if (w->page_count == w->page_capacity)
        w->pages = (BlockNumber *)repalloc_huge(w->pages, (w->page_capacity *= 2) * sizeof(BlockNumber));
    w->pages[w->page_count++] = block;
}

static void add_extent(SublistWriter *w, uint32_t head)
{
    if (w->extent_count == w->extent_capacity)
        w->tiles_at = (uint64_t *)repalloc_huge(w->tiles_at, (w->extent_capacity *= 2) * sizeof(uint64_t));
    // All extents before the last one are full.
    const uint64_t begin =
        w->extent_count == 0 ? 0 : w->tiles_at[w->extent_count - 1] + tiles_bytes(*w->index, kExtentRows);
    w->tiles_at[w->extent_count++] = begin + head;
}

void sublists_extent(SublistWriter *w, BlockNumber block, uint32_t offset, uint32_t head)
{
    if (w->index->meta.filter_columns > 0)
        add_extent(w, head);
    if (w->page_count == 0)
        w->first_offset = offset;
    if (w->page_count == 0 || w->pages[w->page_count - 1] != block)
        sublists_page(w, block);
}

// Scores of the places that the sub-lists' rows lie about: centroid + mean scale * the key's direction, as if each were a
// row with an exact code.
static float fill_scores(SublistWriter *w, uint32_t list)
{
    const Index &index = *w->index;
    const size_t D = index.shape.space_dims;
    read_centre(w->chain.source.rel, index, list, w->stored_centre, w->centre);
    RowCode code = {};
    code.scale = (float)(w->scale_sum / w->rows / index.space().factor());
    RowFactors factors = {};
    for (uint32_t i = 0; i < w->entry_count; i++) {
        index.codec->sublist_centre(index.space().image, w->entries[i].key, index.meta.sublist_layers,
                                    w->place);
        code.centre_dot = simd::kernels().dot(w->centre, w->place, D);
        for (size_t d = 0; d < D; d++)
            w->place[d] *= code.scale;
        float none[3];
        factors = row_factors(index.space_of(list), code, w->place, w->centre, none);
        w->entries[i].add = factors.add;
    }
    return bf16_to_float(factors.scale);
}

void sublists_put(SublistWriter *w, uint32_t list, ListEntry *entry)
{
    if (w->rows == 0)
        return;
    const Index &index = *w->index;
    SublistHeader header = {kSublistMagic,   0, list, w->rows, w->entry_count, w->page_count,
                            w->first_offset, 0};
    header.scale = fill_scores(w, list);
    const size_t bytes = sublist_record_bytes(index, w->rows, w->page_count, w->entry_count);
    uint8_t *record = (uint8_t *)palloc_extended(bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO), *out = record;
    auto put = [&](const void *from, size_t n) { memcpy(out, from, n), out += n; };
    put(&header, sizeof header);
    put(w->tiles_at, w->extent_count * sizeof(uint64_t));
    put(w->pages, w->page_count * sizeof(BlockNumber));
    put(w->entries, w->entry_count * sizeof(SublistEntry));
    ((SublistHeader *)record)->crc = sublist_crc(record, bytes);
    chain_reserve(&w->chain);
    entry->sublists = w->chain.block;
    entry->sublists_offset = (uint16_t)w->chain.used;
    chain_append(&w->chain, record, bytes);
    pfree(record);
    w->rows = w->entry_count = w->page_count = w->extent_count = 0;
    w->scale_sum = 0;
}

void sublists_end(SublistWriter *w)
{
    chain_end(&w->chain, InvalidBlockNumber);
    if (w->entries == nullptr)
        return;
    pfree(w->entries);
    pfree(w->pages);
    pfree(w->tiles_at);
    pfree(w->stored_centre);
}

} // namespace vq::ivf
