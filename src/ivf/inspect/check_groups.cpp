// Checks of a group: its record, the tiles of its lists, its open pages and fine records; and of the pages nothing refers to.
#include "ivf/inspect/check.h"

#include "core/half.h"
#include "ivf/store/fine.h"
#include "ivf/store/free_pages.h"
#include "ivf/store/open_rows.h"
#include "ivf/store/tiles.h"
#include "ivf/store/read_stream.h"

extern "C" {
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/memutils.h"
}

namespace vq::ivf {

namespace {

struct GroupCheck
{
    Check *c;
    uint32_t number;
    Group *group;
    ChainWalk tiles;
    Keys extents;  // where extents begin and end: 2 keys each
    Keys records;  // fine addresses of live rows: (block << 16 | slot)
    uint8_t *tile; // codes and row data of one tile
    HeadCopy head; // of one extent
    uint64_t live;
};

void check_row(GroupCheck *g, BlockNumber at, const ItemPointerData &tid, FineAddress fine,
               const FilterKeys &keys)
{
    Check *c = g->c;
    const BlockNumber block = ItemPointerGetBlockNumberNoCheck(&tid);
    const OffsetNumber offset = ItemPointerGetOffsetNumberNoCheck(&tid);
    if (offset > MaxOffsetNumber)
        report_corrupted(c->rel, at, "impossible row id");
    if (block >= c->heap_blocks && block >= (c->heap_blocks = RelationGetNumberOfBlocks(c->heap)))
        report_corrupted(c->rel, at, "row id beyond the end of the table");
    tuplesort_putdatum(c->rows, Int64GetDatum(row_mark(*c->index, tid, keys)), false);
    g->live++;
    if (c->index->has_fine())
        keys_add(&g->records, ((uint64_t)fine.block() << 16) | fine.slot);
}

// One tile at byte `position` of the tile chain; returns the dead rows in it.
uint32_t check_tile(GroupCheck *g, uint64_t position, uint32_t rows, const TileKeys &keys, pg_crc32c *crc)
{
    const Index &index = *g->c->index;
    walk_read(&g->tiles, position, tile_bytes(index, rows), g->tile);
    COMP_CRC32C(*crc, g->tile, tile_checked_bytes(index, rows));
    const TileRows tile = tile_rows_of(index, g->tile, rows, keys);
    const BlockNumber at = walk_block(&g->tiles, position);
    uint32_t dead = 0;
    for (uint32_t v = 0; v < rows; v++)
        if (tile.dead(v))
            dead++;
        else
            check_row(g, at, tile.tid(v), tile.fine(v), tile.keys.row(v));
    return dead;
}

// The rest of the head of an extent at byte `position` of the tile chain. The pages that it names follow in the chain.
ExtentHead check_head(GroupCheck *g, uint64_t position, const ExtentHeader &header, pg_crc32c *crc)
{
    const Index &index = *g->c->index;
    const uint64_t first = page_of_position(position), tiles = tiles_bytes(index, header.rows);
    ExtentHead head;
    if (!open_head(header, index.meta.filter_columns, tiles, &head))
        report_corrupted(g->c->rel, g->tiles.blocks[first], "damaged extent header");
    if (head.columns == 0)
        return head;
    walk_read(&g->tiles, position, head.bytes, g->head.bytes);
    COMP_CRC32C(*crc, g->head.bytes + sizeof header, head.bytes - sizeof header);
    if (!open_keys(g->head.bytes, &head))
        report_corrupted(g->c->rel, g->tiles.blocks[first], "damaged extent header");
    const uint64_t last = page_of_position(position + head.bytes + tiles - 1);
    for (uint32_t i = 0; i < head.pages; i++) {
        const uint64_t place = first + 1 + i;
        const BlockNumber right = place > last             ? 0
                                  : place < g->tiles.count ? g->tiles.blocks[place]
                                                           : InvalidBlockNumber;
        if (g->head.pages(head)[i] != right)
            report_corrupted(g->c->rel, g->tiles.blocks[first], "extent names other pages than its own");
    }
    g->head.read(head);
    return head;
}

// The extent at `block`, `offset`; returns the dead rows in it.
uint32_t check_extent(GroupCheck *g, uint32_t list, BlockNumber block, uint32_t offset, uint32_t budget,
                      ExtentHeader *header)
{
    Check *c = g->c;
    const int64 place = walk_place(&g->tiles, block);
    if (place < 0 || !valid_unit_offset(offset))
        report_corrupted(c->rel, block, "extent outside its group's pages");
    uint64_t position = position_of((uint64_t)place, offset);
    keys_add(&g->extents, position);
    walk_read(&g->tiles, position, sizeof *header, (uint8_t *)header);
    if (!valid_extent(*header, list, Min(kExtentRows, budget)))
        report_corrupted(c->rel, block, "damaged extent header");
    pg_crc32c crc;
    INIT_CRC32C(crc);
    const ExtentHead head = check_head(g, position, *header, &crc);
    position += head.bytes;
    uint32_t dead = 0;
    for (uint32_t done = 0; done < header->rows; done += simd::kTileRows) {
        CHECK_FOR_INTERRUPTS();
        const uint32_t rows = Min((uint32_t)simd::kTileRows, header->rows - done);
        dead += check_tile(g, position, rows, g->head.tile_keys(head, done), &crc);
        position += tile_bytes(*c->index, rows);
    }
    FIN_CRC32C(crc);
    if (crc != header->crc)
        report_corrupted(c->rel, block, "damaged codes");
    keys_add(&g->extents, position);
    return dead;
}

void check_list(GroupCheck *g, uint32_t list, const ListEntry &entry)
{
    uint32_t left = entry.rows, dead = 0;
    BlockNumber block = entry.block;
    uint32_t offset = entry.offset;
    while (block != InvalidBlockNumber) {
        ExtentHeader header;
        dead += check_extent(g, list, block, offset, left, &header);
        left -= header.rows;
        block = header.next_block;
        offset = header.next_offset;
    }
    if (left != 0)
        report_corrupted(g->c->rel, directory_block(*g->c->index, g->number),
                         "list has fewer rows than the directory says");
    // A crash between a tombstone and its count leaves the count behind.
    if (entry.dead > dead)
        report_corrupted(g->c->rel, directory_block(*g->c->index, g->number),
                         "list has fewer dead rows than the directory says");
}

void check_extents_apart(GroupCheck *g)
{
    // Begin, end, begin, end ...: sorted by begin, no end may lie behind the next begin.
    struct ExtentRange
    {
        uint64_t begin, end;
    };
    ExtentRange *ranges = (ExtentRange *)g->extents.items;
    const size_t n = g->extents.count / 2;
    std::sort(ranges, ranges + n,
              [](const ExtentRange &a, const ExtentRange &b) { return a.begin < b.begin; });
    for (size_t i = 1; i < n; i++)
        if (ranges[i - 1].end > ranges[i].begin)
            report_corrupted(g->c->rel, walk_block(&g->tiles, ranges[i].begin), "extents overlap");
}

void check_tiles(GroupCheck *g)
{
    Check *c = g->c;
    const Index &index = *c->index;
    const uint32_t first = g->number * index.meta.group_lists, lists = lists_of_group(index, g->number);
    walk_chain(&g->tiles, &c->seen, PageKind::Tile, g->group->record.tile_head, nullptr, nullptr);
    if (g->tiles.count != g->group->record.tile_pages)
        report_corrupted(c->rel, directory_block(index, g->number), "wrong number of tile pages");
    for (uint32_t l = 0; l < index.meta.group_lists; l++) {
        const ListEntry &entry = g->group->entries[l];
        if (l < lists)
            check_list(g, first + l, entry);
        else if (entry.block != InvalidBlockNumber || entry.rows != 0 || entry.dead != 0 ||
                 entry.sublists != InvalidBlockNumber)
            report_corrupted(c->rel, directory_block(index, g->number), "entry of no list has rows");
    }
    check_extents_apart(g);
}

void check_open_page(GroupCheck *g, const OpenReader &page)
{
    for (uint32_t place = 0; place < page.rows; place++) {
        const OpenRow &row = page.row(place);
        if (std::isnan(row.factors.add) || std::isnan(bf16_to_float(row.factors.scale)) ||
            std::isnan(bf16_to_float(row.factors.err)))
            report_corrupted(g->c->rel, page.block, "row factor is not a number");
        if (!is_dead(row))
            check_row(g, page.block, row.tid, row.fine, open_row_keys(*g->c->index, row));
    }
}

// Inserters may lengthen the chain meanwhile. Rows they add to a page after it was read need not be seen.
void check_open(GroupCheck *g)
{
    Check *c = g->c;
    PGAlignedBlock copy;
    OpenReader reader;
    open_rows_begin(&reader, c->rel, c->index, g->number, g->group->record.open_head);
    for (;;) {
        while (reader.next != InvalidBlockNumber) {
            visit_page(&c->seen, reader.next, PageKind::Open, &copy);
            open_rows_look_at(&reader, copy);
            check_open_page(g, reader);
        }
        read_group(c->rel, *c->index, g->number, g->group);
        if (g->group->record.open_tail == reader.block)
            return;
        reader.next = reader.block == InvalidBlockNumber ? g->group->record.open_head
                                                         : read_next(c->rel, reader.block, PageKind::Open);
        if (reader.next == InvalidBlockNumber)
            report_corrupted(c->rel, directory_block(*c->index, g->number),
                             "open pages do not end at the tail");
    }
}

struct FinePages
{
    GroupCheck *g;
    uint32_t *slots; // in use, per page of the chain
    uint64_t *free;  // of them, those that may be reused
    size_t capacity;
};

void check_fine_page(void *arg, uint32_t place, BlockNumber block, const PGAlignedBlock &copy)
{
    FinePages *pages = (FinePages *)arg;
    GroupCheck *g = pages->g;
    Page page = (Page)copy.data;
    if (!valid_fine_page(*g->c->index, g->number, page))
        report_corrupted(g->c->rel, block, "damaged fine page");
    if (place >= pages->capacity) {
        pages->capacity *= 2;
        pages->slots = (uint32_t *)repalloc_huge(pages->slots, pages->capacity * sizeof(uint32_t));
        pages->free = (uint64_t *)repalloc_huge(pages->free, pages->capacity * sizeof(uint64_t));
    }
    pages->slots[place] = used_fine_slots(page);
    pages->free[place] = free_fine_slots(page);
}

// Every live row has a record of its own on the group's Fine pages.
void check_fine(GroupCheck *g)
{
    Check *c = g->c;
    const Index &index = *c->index;
    const GroupRecord &record = g->group->record;
    if (!index.has_fine()) {
        if (record.fine_head != InvalidBlockNumber || record.fine_pages != 0)
            report_corrupted(c->rel, directory_block(index, g->number), "fine pages in an index without");
        return;
    }
    FinePages pages = {g, (uint32_t *)palloc(64 * sizeof(uint32_t)),
                       (uint64_t *)palloc(64 * sizeof(uint64_t)), 64};
    ChainWalk chain;
    walk_begin(&chain, c->rel);
    walk_chain(&chain, &c->seen, PageKind::Fine, record.fine_head, check_fine_page, &pages);
    if (chain.count != record.fine_pages)
        report_corrupted(c->rel, directory_block(index, g->number), "wrong number of fine pages");

    const uint32_t width = fine_pages_of_record(index); // pages of a record
    uint64_t *keys = g->records.items;
    for (size_t i = 0; i < g->records.count; i++) {
        const BlockNumber block = (BlockNumber)(keys[i] >> 16);
        const int64 place = walk_place(&chain, block);
        if (place < 0 || place + width > chain.count || (keys[i] & 0xFFFF) >= pages.slots[place])
            report_corrupted(c->rel, block, "no such fine record");
        if (const uint32_t slot = keys[i] & 0xFFFF; slot < kFreeableSlots && pages.free[place] >> slot & 1)
            report_corrupted(c->rel, block, "fine record in use is marked as free");
        keys[i] = (uint64_t)place * 0x10000 + (keys[i] & 0xFFFF); // from blocks to places, below
    }
    std::sort(keys, keys + g->records.count);
    for (size_t i = 1; i < g->records.count; i++)
        if (width > 1 ? keys[i] < keys[i - 1] + ((uint64_t)width << 16) : keys[i] == keys[i - 1])
            report_corrupted(c->rel, chain.blocks[keys[i] >> 16], "two rows share a fine record");
}

} // namespace

// Errors release the lock with everything else of the transaction.
uint64_t check_group(Check *c, uint32_t number)
{
    const Index &index = *c->index;
    GroupCheck g = {c, number, (Group *)palloc(group_bytes(index)), {}, {}, {}, nullptr, {}, 0};
    g.tile = (uint8_t *)palloc(tile_bytes(index, simd::kTileRows));
    g.head = new_head_copy(index);
    walk_begin(&g.tiles, c->rel);
    keys_begin(&g.extents);
    keys_begin(&g.records);
    lock_group(c->rel, number);
    read_group(c->rel, index, number, g.group);
    const GroupRecord &record = g.group->record; // a build writes its chains side by side
    read_ahead(c->rel, Min(record.tile_head, record.fine_head),
               record.tile_pages + record.fine_pages + record.sublist_pages);
    check_tiles(&g);
    check_sublists(c, g.group, &g.tiles);
    check_open(&g);
    check_fine(&g);
    unlock_group(c->rel, number);
    return g.live;
}

// Pages that no group refers to are free, or were taken by somebody who is not done yet, or a crash or an error has left them.
void check_other_pages(Check *c)
{
    OtherBlocks other = {&c->seen.blocks, 0, RelationGetNumberOfBlocks(c->rel)};
    BlockStream stream;
    block_stream_begin(&stream, c->rel, next_other_block, &other, nullptr);
    for (Buffer buf; (buf = block_stream_next(&stream)) != InvalidBuffer;) {
        CHECK_FOR_INTERRUPTS();
        LockBuffer(buf, BUFFER_LOCK_SHARE);
        Page page = BufferGetPage(buf);
        const bool good = PageIsNew(page) || is_our_page(page);
        c->lost += is_lost(page, c->seen.over);
        const BlockNumber block = BufferGetBlockNumber(buf);
        UnlockReleaseBuffer(buf);
        if (!good)
            report_corrupted(c->rel, block, "not a vector_quant page");
    }
    block_stream_end(&stream);
}

} // namespace vq::ivf
