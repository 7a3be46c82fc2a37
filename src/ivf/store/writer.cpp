#include "ivf/store/writer.h"

#include "ivf/store/free_pages.h"

extern "C" {
#include "port/pg_crc32c.h"
}

namespace vq::ivf {

// --- chains
// ---------------------------------------------------------------------------------------------------------------------

void chain_begin(PageChain *chain, const PageSource &source, PageKind kind)
{
    chain->source = source;
    chain->kind = kind;
    chain->first = chain->block = InvalidBlockNumber;
    chain->buf = InvalidBuffer;
    chain->pages = 0;
}

static void put_page(PageChain *chain, BlockNumber next)
{
    Page copy = (Page)chain->copy.data;
    page_tail(copy)->next = next;
    LockBuffer(chain->buf, BUFFER_LOCK_EXCLUSIVE);
    if (chain->source.build) {
        memcpy(BufferGetPage(chain->buf), copy, BLCKSZ);
        MarkBufferDirty(chain->buf);
    } else {
        GenericXLogState *state = GenericXLogStart(chain->source.rel);
        memcpy(GenericXLogRegisterBuffer(state, chain->buf, GENERIC_XLOG_FULL_IMAGE), copy, BLCKSZ);
        GenericXLogFinish(state);
    }
    UnlockReleaseBuffer(chain->buf);
    chain->buf = InvalidBuffer;
}

char *chain_extend(PageChain *chain)
{
    const PageSource &source = chain->source;
    Buffer buf = source.build ? append_page(source.rel, MAIN_FORKNUM) : new_page(source.rel, source.heap);
    const BlockNumber block = BufferGetBlockNumber(buf);
    if (!source.build)
        claim_page(BufferGetPage(buf), chain->kind);
    LockBuffer(buf, BUFFER_LOCK_UNLOCK); // nothing refers to it yet: the pin is enough until it is written
    if (chain->pages > 0)
        put_page(chain, block);
    else
        chain->first = block;
    chain->buf = buf;
    chain->block = block;
    chain->pages++;
    init_page((Page)chain->copy.data, chain->kind);
    return chain_payload(chain);
}

bool chain_reserve(PageChain *chain, uint32_t *offset)
{
    if (*offset < kPayload)
        return false;
    chain_extend(chain);
    *offset = 0;
    return true;
}

void chain_append(PageChain *chain, uint32_t *offset, const uint8_t *bytes, size_t n, SublistWriter *told)
{
    while (n > 0) {
        if (chain_reserve(chain, offset) && told)
            sublists_page(told, chain->block);
        const size_t part = Min(n, (size_t)(kPayload - *offset));
        memcpy(chain_payload(chain) + *offset, bytes, part);
        *offset += (uint32_t)part;
        bytes += part;
        n -= part;
    }
}

void chain_end(PageChain *chain, BlockNumber next)
{
    if (chain->pages > 0)
        put_page(chain, next);
}

// --- runs of tiles
// --------------------------------------------------------------------------------------------------------------

// Room for an extent of that many rows.
static size_t extent_bytes(const Index &index, uint32_t rows)
{
    const uint32_t tiles = (rows + simd::kTileRows - 1) / simd::kTileRows;
    return sizeof(ExtentHeader) + (size_t)tiles * tile_bytes(index, simd::kTileRows);
}

void run_begin(RunWriter *w, const Index *index, const PageSource &source, uint32_t group, ListEntry *entries,
               SublistWriter *sublists)
{
    w->index = index;
    chain_begin(&w->chain, source, PageKind::Tile);
    w->offset = kPayload;
    w->buffered = 0;
    w->entries = entries;
    w->list = w->first_list = group * index->meta.group_lists;
    w->rows_written = 0;
    w->sublists = sublists;
    w->rows = (StoredRow *)palloc(kExtentRows * sizeof(StoredRow));
    w->codes = (uint8_t *)palloc((size_t)kExtentRows * index->shape.code_bytes);
    w->bytes = (uint8_t *)palloc_extended(extent_bytes(*index, kExtentRows), MCXT_ALLOC_HUGE);
}

static void flush_extent(RunWriter *w)
{
    if (w->buffered == 0)
        return;
    const Index &index = *w->index;
    const size_t code_bytes = index.shape.code_bytes;
    memset(w->bytes, 0, extent_bytes(index, w->buffered));
    uint8_t *out = w->bytes + sizeof(ExtentHeader);
    pg_crc32c crc;
    INIT_CRC32C(crc);
    for (uint32_t first = 0; first < w->buffered; first += simd::kTileRows) {
        const uint32_t n = Min((uint32_t)simd::kTileRows, w->buffered - first);
        tile_pack(w->codes + first * code_bytes, code_bytes, n, code_bytes, out);
        format_row_data(w->rows + first, RowData(n, index.has_fine()), n, out + tile_code_bytes(code_bytes));
        COMP_CRC32C(crc, out, tile_checked_bytes(index, n));
        out += tile_bytes(index, n);
    }
    FIN_CRC32C(crc);

    ListEntry *entry = &w->entries[w->list - w->first_list];
    ExtentHeader header = {};
    header.magic = kExtentMagic;
    header.list = w->list;
    header.rows = w->buffered;
    header.next_block = entry->block;
    header.next_offset = entry->offset;
    header.crc = crc;
    memcpy(w->bytes, &header, sizeof header);

    chain_reserve(&w->chain, &w->offset);
    if (w->sublists)
        sublists_extent(w->sublists, w->chain.block, w->offset);
    entry->block = w->chain.block;
    entry->offset = (uint16_t)w->offset;
    entry->rows += w->buffered;
    chain_append(&w->chain, &w->offset, w->bytes, (size_t)(out - w->bytes), w->sublists);
    w->rows_written += w->buffered;
    w->buffered = 0;
}

static void end_list(RunWriter *w)
{
    flush_extent(w);
    if (w->sublists)
        sublists_put(w->sublists, w->list, &w->entries[w->list - w->first_list]);
}

void run_add(RunWriter *w, uint32_t list, const StoredRow &row)
{
    if (w->buffered > 0 && list != w->list)
        end_list(w);
    else if (w->buffered == kExtentRows)
        flush_extent(w);
    w->list = list;
    if (w->sublists)
        sublists_row(w->sublists, row);
    const size_t code_bytes = w->index->shape.code_bytes;
    memcpy(w->codes + w->buffered * code_bytes, row.code, code_bytes);
    w->rows[w->buffered++] = row;
}

void run_end(RunWriter *w, BlockNumber next)
{
    end_list(w);
    chain_end(&w->chain, next);
    pfree(w->rows);
    pfree(w->codes);
    pfree(w->bytes);
}

// --- fine records
// -----------------------------------------------------------------------------------------------------------------

void fine_begin(FineWriter *w, const Index *index, const PageSource &source, uint32_t group)
{
    w->index = index;
    chain_begin(&w->chain, source, PageKind::Fine);
    w->group = group;
    w->slots = 0;
}

char *fine_new_page(FineWriter *w)
{
    char *payload = chain_extend(&w->chain);
    *(FineHeader *)payload = {w->group, 0, 0, 0};
    w->slots = 0;
    return payload;
}

// A record of several pages: its address is the first of them.
static FineAddress add_long_record(FineWriter *w, const uint8_t *record)
{
    uint32_t left = w->index->fine_record_bytes;
    BlockNumber first = InvalidBlockNumber;
    while (left > 0) {
        char *payload = fine_new_page(w);
        if (first == InvalidBlockNumber)
            first = w->chain.block;
        ((FineHeader *)payload)->slots = 1;
        uint32_t n = Min(left, kFinePayload);
        memcpy(payload + sizeof(FineHeader), record, n);
        record += n;
        left -= n;
    }
    return fine_address(first, 0);
}

FineAddress fine_add(FineWriter *w, const uint8_t *record)
{
    const uint32_t per_page = fine_slots(*w->index);
    if (per_page == 0)
        return add_long_record(w, record);
    char *payload = w->chain.pages == 0 || w->slots == per_page ? fine_new_page(w) : chain_payload(&w->chain);
    const uint32_t slot = w->slots++;
    ((FineHeader *)payload)->slots = (uint16_t)w->slots;
    memcpy(payload + sizeof(FineHeader) + slot * w->index->fine_record_bytes, record,
           w->index->fine_record_bytes);
    return fine_address(w->chain.block, slot);
}

void fine_end(FineWriter *w, BlockNumber next)
{
    chain_end(&w->chain, next);
}

// --- open rows
// ----------------------------------------------------------------------------------------------------------------------

void format_open_page(const Index &index, uint32_t group, uint32_t sequence, Page page)
{
    init_page(page, PageKind::Open);
    *(OpenHeader *)page_payload(page) = {group, 0, 0, index.open_row_bytes, sequence};
    ((PageHeader)page)->pd_lower = kPayloadStart + sizeof(OpenHeader);
}

void put_open_row(const Index &index, Page page, const char *row)
{
    OpenHeader *header = (OpenHeader *)page_payload(page);
    memcpy((char *)(header + 1) + header->rows * index.open_row_bytes, row, index.open_row_bytes);
    header->rows++;
    ((PageHeader)page)->pd_lower =
        (LocationIndex)(kPayloadStart + sizeof(OpenHeader) + header->rows * index.open_row_bytes);
}

void format_open_row(const Index &index, uint32_t list, const StoredRow &row, char *out)
{
    OpenRow head = {};
    head.tid = row.tid;
    head.list = (uint16_t)(list % index.meta.group_lists);
    head.factors = row.factors;
    head.fine = row.fine;
    memcpy(out, &head, sizeof head);
    memcpy(out + sizeof head, row.code, index.shape.code_bytes);
}

void open_begin(OpenWriter *w, const Index *index, const PageSource &source, uint32_t group)
{
    w->index = index;
    chain_begin(&w->chain, source, PageKind::Open);
    w->group = group;
    w->rows = 0;
    w->row = (char *)palloc0(index->open_row_bytes);
}

void open_add(OpenWriter *w, uint32_t list, const StoredRow &row)
{
    const Index &index = *w->index;
    if (w->chain.pages == 0 || w->rows == index.open_rows_per_page) {
        chain_extend(&w->chain);
        format_open_page(index, w->group, w->chain.pages, (Page)w->chain.copy.data);
        w->rows = 0;
    }
    format_open_row(index, list, row, w->row);
    put_open_row(index, (Page)w->chain.copy.data, w->row);
    w->rows++;
}

} // namespace vq::ivf
