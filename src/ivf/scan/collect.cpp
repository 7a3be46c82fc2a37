// A pass over the lists of a batch: tiles through the kernel, then rows of the open pages of their groups, gathered into tiles.
#include "ivf/scan/collect.h"

#include "core/half.h"

#include "ivf/scan/open_tile.h"
#include "ivf/store/ahead.h"
#include "ivf/store/tiles.h"

namespace vq::ivf {

namespace {

// One over -FLT_MAX / FLT_MAX instead of NaN or infinity: a bound that says nothing keeps the row, it never
// loses it.
float finite(float lower)
{
    if (std::isnan(lower))
        return kNoBound;
    return std::clamp(lower, kNoBound, -kNoBound);
}

struct Pass
{
    Relation rel;
    const ScanQuery *query;
    const Batch *batch;
    const Index *index;
    const simd::Kernels *kernels;
    ScanStats *stats;
    // For candidates:
    Candidates *out;
    const Twins *twins;
    // or for twins:
    const AsideTwins *aside;
    RowQueue *rows;
    // Goes from list to list. Its copy is of extents' heads, for their keys; null: no filter.
    TileReader *reader;
};

float threshold(const Pass &p)
{
    return p.out ? p.out->threshold : std::numeric_limits<float>::infinity();
}

void add_twin(const Pass &p, const Candidate &c)
{
    if (twin_key(c) == p.aside->key && Before()(p.aside->taken, c))
        queue_push(p.rows, {p.aside->score, c.tid, 0, RowState::Twin});
}

uint16_t hash_of(const RowFactors &f)
{
    const uint64_t bits = (uint64_t)std::bit_cast<uint32_t>(f.add) << 32 | (uint32_t)f.scale << 16 | f.err;
    return (uint16_t)(bits * 0x9E3779B97F4A7C15ull >> 48);
}

void add_row(const Pass &p, uint32_t slot, float lower, uint32_t acc, const RowFactors &factors,
             const ItemPointerData &tid, const FineAddress &fine)
{
    const Candidate c = {finite(lower), acc, tid, fine, slot, p.batch->number, hash_of(factors)};
    if (p.aside)
        add_twin(p, c);
    else if ((!p.batch->has_taken || Before()(p.batch->taken, c)) && !twins_are_aside(*p.twins, c))
        candidates_add(p.out, c, p.batch->lists[slot].distance * bf16_to_float(factors.err));
}

constexpr uint32_t kAllPass = ~(uint32_t)0;

// passing: one bit for each of the tile's rows that the filter lets pass.
void scan_tile(const Pass &p, TileReader *reader, const ProbedList &list, uint32_t slot, uint32_t passing)
{
    uint32_t acc[simd::kTileRows] = {};
    const QueryHead &head = *(const QueryHead *)list.tables;
    score_tile_codes(&reader->stream, *p.index, list.tables, acc);
    const TileRows tile = tile_rows(reader);
    float lower[simd::kTileRows];
    uint32_t mask = p.kernels->tile_bounds({.acc = acc,
                                            .add = tile.add(),
                                            .scale = tile.scale(),
                                            .err = tile.err(),
                                            .rows = tile.rows,
                                            .mul = head.mul,
                                            .offset = head.offset,
                                            .list_add = list.add,
                                            .error_width = p.query->epsilon * list.distance,
                                            .threshold = threshold(p)},
                                           lower);
    if (!fits_float(list)) {
        mask = (uint32_t)((1ull << tile.rows) - 1);
        std::fill_n(lower, tile.rows, kNoBound);
    }
    for (mask &= passing; mask != 0; mask &= mask - 1) {
        uint32_t v = (uint32_t)std::countr_zero(mask);
        if (!tile.dead(v))
            add_row(p, slot, lower[v], acc[v], tile.factors(v), tile.tid(v), tile.fine(v));
    }
    p.stats->codes += tile.rows;
}

bool extent_may_pass(const Pass &p, const TileReader &reader)
{
    for (uint32_t c = p.reader->copy->first; c < p.reader->copy->behind; c++)
        if (!may_pass(p.query->filter, c, key_span(reader, c)))
            return false;
    return true;
}

// Of the reader's extent the tiles named by a bit, as far as they have rows that pass.
void scan_passing(const Pass &p, TileReader *reader, uint32_t slot, uint32_t tiles)
{
    const bool may = extent_may_pass(p, *reader);
    if (may)
        extent_read_keys(reader);
    for (; tiles != 0; tiles &= tiles - 1) {
        const uint32_t tile = (uint32_t)std::countr_zero(tiles), rows = rows_of_tile(*reader, tile);
        const uint32_t passing = may ? filter_tile(p.query->filter, tile_keys(*reader, tile), rows) : 0;
        p.stats->filtered += rows;
        if (passing == 0)
            continue;
        const uint32_t count = (uint32_t)std::popcount(passing);
        p.stats->filtered -= count;
        p.stats->passing += count;
        tiles_go_to(reader, tile);
        scan_tile(p, reader, p.batch->lists[slot], slot, passing);
    }
}

// Bits of the tiles that so many rows take.
uint32_t tiles_of(uint32_t rows)
{
    const uint32_t tiles = (rows + simd::kTileRows - 1) / simd::kTileRows;
    return tiles >= kExtentTiles ? ~(uint32_t)0 : ((uint32_t)1 << tiles) - 1;
}

// The newest `rows` rows of a list, which make whole extents.
void scan_sealed(const Pass &p, uint32_t slot, uint32_t rows)
{
    const ProbedList &list = p.batch->lists[slot];
    TileReader *reader = p.reader;
    tiles_go_on(reader, list.list, list.entry);
    if (p.reader->copy)
        for (uint32_t n; rows > 0 && (n = extents_next(reader)) > 0; rows -= Min(rows, n))
            scan_passing(p, reader, slot, tiles_of(n));
    else
        for (; rows > 0 && tiles_next(reader) > 0; rows -= Min(rows, reader->rows))
            scan_tile(p, reader, list, slot, kAllPass);
}

// The tiles of an extent of a list's sub-lists that a word has bits of, runs of neighbours at a time.
void scan_tiles(const Pass &p, uint32_t slot, uint32_t extent, uint32_t tiles)
{
    const ProbedList &list = p.batch->lists[slot];
    TileReader reader;
    while (tiles != 0) {
        const uint32_t first = (uint32_t)std::countr_zero(tiles);
        const uint32_t run = (uint32_t)std::countr_one(tiles >> first);
        tiles = first + run < 32 ? tiles >> (first + run) << (first + run) : 0;
        tiles_open_at(&reader, p.rel, p.index, *list.sublists, extent * kExtentTiles + first, run);
        while (tiles_next(&reader) > 0)
            scan_tile(p, &reader, list, slot, kAllPass);
    }
}

// The same, of which only rows that pass are wanted.
void scan_tiles_passing(const Pass &p, uint32_t slot, uint32_t extent, uint32_t tiles)
{
    if (tiles == 0)
        return;
    TileReader reader;
    extents_open_at(&reader, p.rel, p.index, *p.batch->lists[slot].sublists, extent, p.reader->copy);
    const uint32_t rows = extents_next(&reader);
    scan_passing(p, &reader, slot, tiles & tiles_of(rows));
    tiles_close(&reader);
}

// The chosen tiles of a list's sub-lists; and, first, the rows added since the sub-lists were made, which belong to none.
void scan_sublists(const Pass &p, uint32_t slot)
{
    const ProbedList &list = p.batch->lists[slot];
    const Sublists &sublists = *list.sublists;
    if (p.batch->part != BatchPart::Rest)
        scan_sealed(p, slot, list.entry.rows - sublists.header.rows);
    tiles_close(p.reader);
    for (uint32_t e = 0; e * kExtentTiles < sublists.tiles(); e++)
        if (p.reader->copy)
            scan_tiles_passing(p, slot, e, list.tiles[e]);
        else
            scan_tiles(p, slot, e, list.tiles[e]);
}

void scan_list(const Pass &p, uint32_t slot)
{
    if (p.batch->lists[slot].sublists)
        scan_sublists(p, slot);
    else if (p.batch->part != BatchPart::Rest)
        scan_sealed(p, slot, p.batch->lists[slot].entry.rows);
}

// Of a list's newest rows the first pages that they lie on, as far as they follow each other, as a build writes them.
void tell_list(const Pass &p, Ahead *ahead, const ProbedList &list)
{
    constexpr uint32_t kMostTold = 8;
    const ListEntry &entry = list.entry;
    if (entry.block == InvalidBlockNumber)
        return;
    const uint64_t bytes = entry.offset + tiles_bytes(*p.index, entry.rows);
    for (uint32_t page = 0; page < Min(pages_of(bytes), kMostTold); page++)
        if (block_exists(p.rel, entry.block + page))
            ahead_tell(ahead, entry.block + page);
}

void scan_lists(const Pass &p)
{
    Ahead ahead;
    ahead_begin(&ahead, p.rel);
    for (uint32_t slot = 0, told = 0; slot < p.batch->list_count; slot++) {
        told = Max(told, slot + 1);
        for (; told < Min(slot + 1 + ahead_distance(&ahead), p.batch->list_count); told++)
            tell_list(p, &ahead, p.batch->lists[told]);
        scan_list(p, slot);
    }
    tiles_close(p.reader);
}

bool open_row_passes(const Pass &p, const OpenRow &row)
{
    if (!has_filter(p.query->filter))
        return true;
    const bool passes = filter_row(p.query->filter, open_row_keys(*p.index, row));
    p.stats->filtered += !passes;
    p.stats->passing += passes;
    return passes;
}

void score_open(const Pass &p, OpenTile *tile)
{
    if (tile->rows == 0)
        return;
    OpenScores scores;
    open_tile_score(*tile, *p.index, *p.batch, p.query->epsilon, threshold(p), &scores);
    for (uint32_t mask = scores.below; mask != 0; mask &= mask - 1) {
        const uint32_t v = (uint32_t)std::countr_zero(mask);
        const OpenRow &row = tile->row[v];
        add_row(p, tile->slot[v], scores.lower[v], scores.acc[v], row.factors, row.tid, row.fine);
    }
    p.stats->codes += tile->rows;
    tile->rows = 0;
}

void add_open_row(const Pass &p, const OpenRow &row, uint32_t slot, OpenTile *tile)
{
    if (is_dead(row) || !open_row_passes(p, row))
        return;
    const ProbedList &list = p.batch->lists[slot];
    if (!open_tile_takes(*tile, list))
        score_open(p, tile);
    open_tile_add(tile, *p.index, row, list, slot);
}

// Of the page at hand, the places of the rows of lists that are looked for; no branch depends on what a row's list is.
uint32_t wanted_places(const OpenReader &reader, const int32_t *slots, uint16_t *places)
{
    uint32_t n = 0;
    for (uint32_t place = 0; place < reader.rows; place++) {
        places[n] = (uint16_t)place;
        n += slots[reader.list_of(place)] >= 0;
    }
    return n;
}

void scan_open(const Pass &p, const ProbedGroup &group, OpenTile *tile)
{
    constexpr uint32_t kAhead = 4; // rows
    uint16_t places[kMostOpenRows + 1];
    OpenReader reader;
    open_rows_begin(&reader, p.rel, p.index, group.group, group.open_head);
    while (open_rows_next(&reader)) {
        const uint32_t n = wanted_places(reader, group.slots, places);
        for (uint32_t i = 0; i < n; i++) {
            reader.prefetch(places[Min(i + kAhead, n - 1)]);
            const OpenRow &row = reader.row(places[i]);
            add_open_row(p, row, (uint32_t)group.slots[row.list], tile);
        }
    }
}

// The open rows of the batch's groups; of one group only where it is named.
void scan_open_rows(const Pass &p, uint32_t only = PG_UINT32_MAX)
{
    OpenTile tile;
    open_tile_begin(&tile, *p.index);
    for (uint32_t g = 0; g < p.batch->group_count; g++)
        if (only == PG_UINT32_MAX || p.batch->groups[g].group == only)
            scan_open(p, p.batch->groups[g], &tile);
    score_open(p, &tile);
    open_tile_free(&tile);
}

// Runs scan(reader), which has a copy of heads where the query has a filter.
template <class Scan>
void with_reader(Relation rel, const ScanQuery &query, Scan scan)
{
    const bool filters = has_filter(query.filter);
    const FilterColumns columns = filters ? columns_of(query.filter) : FilterColumns{};
    HeadCopy heads = filters ? new_head_copy(*query.index, columns.first, columns.behind) : HeadCopy{};
    TileReader reader;
    tiles_open(&reader, rel, query.index, 0, kEmptyList, filters ? &heads : nullptr);
    scan(&reader);
    if (filters)
        free_head_copy(&heads);
}

} // namespace

void collect(Relation rel, const ScanQuery &query, const Batch &batch, const Twins &twins, Candidates *out,
             ScanStats *stats)
{
    with_reader(rel, query, [&](TileReader *reader) {
        const Pass pass = {rel,    &query,  &batch,  query.index, &simd::kernels(), stats, out,
                           &twins, nullptr, nullptr, reader};
        scan_lists(pass);
        scan_open_rows(pass);
    });
    stats->passes++;
}

void collect_twins(Relation rel, const ScanQuery &query, const Batch &batch, const AsideTwins &aside,
                   RowQueue *out, ScanStats *stats)
{
    with_reader(rel, query, [&](TileReader *reader) {
        const Pass pass = {rel,     &query, &batch, query.index, &simd::kernels(), stats, nullptr,
                           nullptr, &aside, out,    reader};
        const uint32_t slot = aside.taken.slot;
        scan_list(pass, slot);
        tiles_close(reader);
        scan_open_rows(pass, batch.lists[slot].list / query.index->meta.group_lists);
    });
}

} // namespace vq::ivf
