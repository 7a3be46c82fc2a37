// Checks of the directories of sub-lists: their pages, their addresses of tiles, and that every row is where its key says.
#include "core/tile.h"
#include "ivf/inspect/check.h"
#include "ivf/store/sublists.h"

extern "C" {
#include "miscadmin.h"
}

namespace vq::ivf {

namespace {

struct SublistCheck
{
    Check *c;
    ChainWalk pages; // of the group's directories
    ChainWalk *tiles;
    uint8_t *tile; // codes of one
    uint8_t *code; // of one row
};

[[noreturn]] void damaged(const SublistCheck &s, BlockNumber block, const char *what)
{
    report_corrupted(s.c->rel, block, what);
}

Sublists checked_sublists(SublistCheck *s, uint32_t list, const ListEntry &entry)
{
    const int64 place = walk_place(&s->pages, entry.sublists);
    if (place < 0 || !valid_unit_offset(entry.sublists_offset))
        damaged(*s, entry.sublists, "directory of sub-lists outside its group's pages");
    const uint64_t position = position_of((uint64_t)place, entry.sublists_offset);
    SublistHeader header;
    walk_read(&s->pages, position, sizeof header, (uint8_t *)&header);
    if (header.entries > entry.rows || header.rows > entry.rows || header.pages > s->tiles->count)
        damaged(*s, entry.sublists, "damaged directory of sub-lists");
    const Index &index = *s->c->index;
    const size_t bytes = sublist_record_bytes(index, header.rows, header.pages, header.entries);
    uint8_t *record = (uint8_t *)palloc_extended(bytes, MCXT_ALLOC_HUGE);
    walk_read(&s->pages, position, bytes, record);
    Sublists out;
    if (!open_sublists(index, record, bytes, list, entry.rows, &out) ||
        out.header.crc != sublist_crc(record, bytes))
        damaged(*s, entry.sublists, "damaged directory of sub-lists");
    return out;
}

// The extents' pages follow each other in the group's chain. Returns the first one's place there.
uint64_t check_pages(SublistCheck *s, const Sublists &sublists, BlockNumber at)
{
    const int64 first = walk_place(s->tiles, sublists.pages[0]);
    for (uint32_t i = 0; i < sublists.header.pages; i++)
        if (first < 0 || walk_place(s->tiles, sublists.pages[i]) != first + i)
            damaged(*s, at, "directory of sub-lists names other pages than the list's");
    return (uint64_t)first;
}

void check_keys(SublistCheck *s, const Sublists &sublists, uint64_t start, BlockNumber at)
{
    const Index &index = *s->c->index;
    const uint32_t code_bytes = index.shape.code_bytes;
    uint32_t entry = 0, left = 0;
    for (uint32_t row = 0; row < sublists.header.rows; row++) {
        if (row % simd::kTileRows == 0) {
            CHECK_FOR_INTERRUPTS();
            walk_read(s->tiles, start + sublist_tile_position(index, sublists, row / simd::kTileRows),
                      tile_code_bytes(code_bytes), s->tile);
        }
        if (left == 0) {
            if (entry > 0 && sublists.entries[entry].key <= sublists.entries[entry - 1].key)
                damaged(*s, at, "sub-lists out of order");
            left = sublists.entries[entry++].rows;
        }
        tile_unpack(s->tile, row % simd::kTileRows, code_bytes, s->code);
        if (left == 0 || index.codec->sublist_of(index.space().image, s->code, index.meta.sublist_layers) !=
                             sublists.entries[entry - 1].key)
            damaged(*s, at, "row in another sub-list than its own");
        left--;
    }
}

} // namespace

void check_sublists(Check *c, const Group *group, ChainWalk *tiles)
{
    const Index &index = *c->index;
    const GroupRecord &record = group->record;
    SublistCheck s = {c,
                      {},
                      tiles,
                      (uint8_t *)palloc(tile_code_bytes(index.shape.code_bytes)),
                      (uint8_t *)palloc(index.shape.code_bytes)};
    walk_begin(&s.pages, c->rel);
    walk_chain(&s.pages, &c->seen, PageKind::Sublist, record.sublist_head, nullptr, nullptr);
    if (s.pages.count != record.sublist_pages || (index.meta.sublist_layers == 0 && s.pages.count > 0))
        report_corrupted(c->rel, directory_block(index, record.group), "wrong number of pages of sub-lists");
    for (uint32_t l = 0; l < lists_of_group(index, record.group); l++) {
        const ListEntry &entry = group->entries[l];
        if (entry.sublists == InvalidBlockNumber)
            continue;
        const Sublists sublists = checked_sublists(&s, record.group * index.meta.group_lists + l, entry);
        const uint64_t first = check_pages(&s, sublists, entry.sublists);
        check_keys(&s, sublists, position_of(first, sublists.header.offset), entry.sublists);
    }
}

} // namespace vq::ivf
