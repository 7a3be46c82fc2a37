// vector_quant_index_check: reads every page of an index and holds it against what format.h promises; then,
// on request, against the table.
//
// Concurrency: the table is locked so that VACUUM stays away (it would let row ids be used again) but rows
// may come. Each group is looked at under its own lock, which keeps rows where they are; inserters only add
// open rows and Fine pages in front, so open rows are read before the record that names the Fine pages. On a
// standby nothing holds replay back: run it while the index is not written to.
#include "ivf/inspect.h"
#include "ivf/page_walk.h"

#include "core/half.h"
#include "ivf/fine.h"
#include "ivf/tiles.h"
#include "ivf/vector_datum.h"
#include "ivf/writer.h"
#include "pg/page.h"

extern "C" {
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"
}

namespace vq::ivf {

namespace {

struct Check
{
    Relation heap;
    Relation rel;
    const Index *index;
    BlockSet seen; // blocks that something refers to
    Tuplesortstate *tids;
    BlockNumber heap_blocks;
};

// --- fixed parts
// --------------------------------------------------------------------------------------------------------------

constexpr uint32_t pages_of(uint64_t bytes)
{
    return (uint32_t)((bytes + kPayload - 1) / kPayload);
}

// The cache may have read the meta page before it was damaged.
void check_meta(Check *c)
{
    PGAlignedBlock copy;
    visit_page(&c->seen, 0, PageKind::Meta, &copy);
    MetaPage meta;
    memcpy(&meta, copy.data + kPayloadStart, sizeof meta);
    if (meta.crc != meta_crc(meta) || memcmp(&meta, &c->index->meta, sizeof meta) != 0)
        pg::report_corrupted(c->rel, 0, "damaged meta page");
    for (uint32_t i = 0; i < kCalibrationPoints; i++)
        if (meta.calibration[i] > meta.nlist)
            pg::report_corrupted(c->rel, 0, "calibration beyond the number of lists");
}

// Claims the pages of a part and checks that they also form a chain. crc: of its bytes, if wanted.
void check_part(Check *c, PageKind kind, BlockNumber first, uint64_t bytes, bool linked, uint32_t *crc)
{
    PGAlignedBlock copy;
    pg_crc32c sum;
    INIT_CRC32C(sum);
    const uint32_t pages = pages_of(bytes);
    for (uint32_t i = 0; i < pages; i++) {
        visit_page(&c->seen, first + i, kind, &copy);
        const BlockNumber next = linked && i + 1 < pages ? first + i + 1 : InvalidBlockNumber;
        if (pg::page_tail((Page)copy.data)->next != next)
            pg::report_corrupted(c->rel, first + i, "wrong link between pages");
        COMP_CRC32C(sum, copy.data + kPayloadStart, Min(bytes - (uint64_t)i * kPayload, (uint64_t)kPayload));
    }
    FIN_CRC32C(sum);
    if (crc)
        *crc = sum;
}

// Codes are not looked at; factors must be numbers, because centroids are sorted by what comes of them.
void check_centroid_tiles(Check *c, BlockNumber first)
{
    const Index &index = *c->index;
    const uint64_t code_bytes = (uint64_t)index.shape.code_bytes * kUnit;
    const uint64_t tile_bytes = code_bytes + 8 * simd::kTileRows;
    const uint32_t tiles = (index.meta.nlist + simd::kTileRows - 1) / simd::kTileRows;
    check_part(c, PageKind::Centroid, first, tiles * tile_bytes, true, nullptr);
    for (uint32_t t = 0; t < tiles; t++) {
        CHECK_FOR_INTERRUPTS();
        float add[simd::kTileRows];
        uint16_t rest[2 * simd::kTileRows]; // scale, err
        read_part(c->rel, PageKind::Centroid, first, t * tile_bytes + code_bytes, sizeof add, add);
        read_part(c->rel, PageKind::Centroid, first, t * tile_bytes + code_bytes + sizeof add, sizeof rest,
                  rest);
        for (uint32_t v = 0; v < simd::kTileRows; v++)
            if (std::isnan(add[v]) || std::isnan(bf16_to_float(rest[v])) ||
                std::isnan(bf16_to_float(rest[simd::kTileRows + v])))
                pg::report_corrupted(c->rel, first, "centroid factor is not a number");
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
    const size_t D = index.shape.space_dims, record = sizeof(CentroidTerms) + D * sizeof(uint16_t);
    check_part(c, PageKind::Centroid, index.meta.centroids, index.meta.nlist * record, true, nullptr);
    uint8_t *bytes = (uint8_t *)palloc(record);
    float *centre = (float *)palloc(D * sizeof(float));
    const float mean_norm = std::sqrt(simd::kernels().dot(index.space.mean_moved, index.space.mean_moved, D));
    for (uint32_t list = 0; list < index.meta.nlist; list++) {
        CHECK_FOR_INTERRUPTS();
        read_part(c->rel, PageKind::Centroid, index.meta.centroids, list * record, record, bytes);
        CentroidTerms stored;
        memcpy(&stored, bytes, sizeof stored);
        for (size_t i = 0; i < D; i++) {
            uint16_t h;
            memcpy(&h, bytes + sizeof stored + 2 * i, sizeof h);
            centre[i] = bf16_to_float(h);
        }
        const CentroidTerms terms = centroid_terms(index.space, centre);
        if (!near(stored.norm_sq, terms.norm_sq, terms.norm_sq) ||
            !near(stored.mean_dot, terms.mean_dot, mean_norm * std::sqrt(terms.norm_sq)))
            pg::report_corrupted(c->rel, index.meta.centroids + (BlockNumber)(list * record / kPayload),
                                 "centroid does not fit its terms");
    }
    pfree(bytes);
    pfree(centre);
}

void check_fixed_parts(Check *c)
{
    const Index &index = *c->index;
    const MetaPage &meta = index.meta;
    check_meta(c);
    uint32_t crc;
    check_part(c, PageKind::Image, meta.image_block, meta.image_bytes, true, &crc);
    if (crc != meta.image_crc)
        pg::report_corrupted(c->rel, meta.image_block, "damaged image");
    check_centroid_tiles(c, meta.assign_tiles);
    if (meta.query_tiles != meta.assign_tiles)
        check_centroid_tiles(c, meta.query_tiles);
    check_centroids(c);
    const uint32_t directory_pages = (index.groups + index.groups_per_page - 1) / index.groups_per_page;
    check_part(c, PageKind::Directory, meta.directory, (uint64_t)directory_pages * kPayload, false, nullptr);
    // Every page was claimed once, so the right number of them means that no gap is left.
    if (meta.first_list_block != meta.directory + directory_pages || c->seen.count != meta.first_list_block)
        pg::report_corrupted(c->rel, 0, "parts do not lie one after the other");
}

// --- groups
// -------------------------------------------------------------------------------------------------------------------

struct GroupCheck
{
    Check *c;
    uint32_t number;
    Group *group;
    ChainWalk tiles;
    Keys extents;  // where extents begin and end: 2 keys each
    Keys records;  // fine addresses of live rows: (block << 16 | slot)
    uint8_t *tile; // codes and row data of one tile
    uint64_t live;
};

void check_row(GroupCheck *g, BlockNumber at, BlockNumber block, OffsetNumber offset, FineAddress fine)
{
    Check *c = g->c;
    if (offset > MaxOffsetNumber)
        pg::report_corrupted(c->rel, at, "impossible row id");
    if (block >= c->heap_blocks && block >= (c->heap_blocks = RelationGetNumberOfBlocks(c->heap)))
        pg::report_corrupted(c->rel, at, "row id beyond the end of the table");
    tuplesort_putdatum(c->tids, Int64GetDatum(((int64)block << 16) | offset), false);
    g->live++;
    if (c->index->has_fine())
        keys_add(&g->records, ((uint64_t)fine.block() << 16) | fine.slot);
}

// One tile at byte `position` of the tile chain; returns the dead rows in it.
uint32_t check_tile(GroupCheck *g, uint64_t position, uint32_t rows, pg_crc32c *crc)
{
    const Index &index = *g->c->index;
    const uint32_t code_bytes = index.shape.code_bytes * kUnit;
    const RowData layout(rows, index.has_fine());
    walk_read(&g->tiles, position, code_bytes + layout.bytes(), g->tile);
    COMP_CRC32C(*crc, g->tile, code_bytes + layout.tid_block());
    const uint8_t *data = g->tile + code_bytes;
    const BlockNumber at = g->tiles.blocks[position / kPayload];
    uint32_t dead = 0;
    for (uint32_t v = 0; v < rows; v++) {
        const uint16_t offset = ((const uint16_t *)(data + layout.tid_offset()))[v];
        FineAddress fine = kNoFine;
        if (layout.fine)
            fine = fine_address(((const uint32_t *)(data + layout.fine_block()))[v],
                                ((const uint16_t *)(data + layout.fine_slot()))[v]);
        if (offset == 0)
            dead++;
        else
            check_row(g, at, ((const uint32_t *)(data + layout.tid_block()))[v], offset, fine);
    }
    return dead;
}

uint64_t tile_bytes(const Index &index, uint32_t rows)
{
    return (uint64_t)index.shape.code_bytes * kUnit + RowData(rows, index.has_fine()).bytes();
}

// The extent at `block`, `offset`; returns the dead rows in it.
uint32_t check_extent(GroupCheck *g, uint32_t list, BlockNumber block, uint32_t offset, uint32_t budget,
                      ExtentHeader *header)
{
    Check *c = g->c;
    const int64 place = walk_place(&g->tiles, block);
    if (place < 0 || offset >= kPayload || offset % kUnit != 0)
        pg::report_corrupted(c->rel, block, "extent outside its group's pages");
    uint64_t position = (uint64_t)place * kPayload + offset;
    keys_add(&g->extents, position);
    walk_read(&g->tiles, position, sizeof *header, (uint8_t *)header);
    if (header->magic != kExtentMagic || header->list != list || header->rows == 0 ||
        header->rows > kExtentRows || header->rows > budget)
        pg::report_corrupted(c->rel, block, "damaged extent header");
    position += kUnit;
    pg_crc32c crc;
    INIT_CRC32C(crc);
    uint32_t dead = 0;
    for (uint32_t done = 0; done < header->rows; done += simd::kTileRows) {
        CHECK_FOR_INTERRUPTS();
        const uint32_t rows = Min((uint32_t)simd::kTileRows, header->rows - done);
        dead += check_tile(g, position, rows, &crc);
        position += tile_bytes(*c->index, rows);
    }
    FIN_CRC32C(crc);
    if (crc != header->crc)
        pg::report_corrupted(c->rel, block, "damaged codes");
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
        pg::report_corrupted(g->c->rel, directory_block(*g->c->index, g->number),
                             "list has fewer rows than the directory says");
    // A crash between a tombstone and its count leaves the count behind.
    if (entry.dead > dead)
        pg::report_corrupted(g->c->rel, directory_block(*g->c->index, g->number),
                             "list has fewer dead rows than the directory says");
}

void check_extents_apart(GroupCheck *g)
{
    // Begin, end, begin, end ...: sorted by begin, no end may lie behind the next begin.
    struct Span
    {
        uint64_t begin, end;
    };
    Span *spans = (Span *)g->extents.items;
    const size_t n = g->extents.count / 2;
    std::sort(spans, spans + n, [](const Span &a, const Span &b) { return a.begin < b.begin; });
    for (size_t i = 1; i < n; i++)
        if (spans[i - 1].end > spans[i].begin)
            pg::report_corrupted(g->c->rel, g->tiles.blocks[spans[i].begin / kPayload], "extents overlap");
}

void check_tiles(GroupCheck *g)
{
    Check *c = g->c;
    const Index &index = *c->index;
    const uint32_t first = g->number * index.meta.group_lists, lists = lists_of_group(index, g->number);
    walk_chain(&g->tiles, &c->seen, PageKind::Tile, g->group->record.tile_head, nullptr, nullptr);
    if (g->tiles.count != g->group->record.tile_pages)
        pg::report_corrupted(c->rel, directory_block(index, g->number), "wrong number of tile pages");
    for (uint32_t l = 0; l < index.meta.group_lists; l++) {
        const ListEntry &entry = g->group->entries[l];
        if (l < lists)
            check_list(g, first + l, entry);
        else if (entry.block != InvalidBlockNumber || entry.rows != 0 || entry.dead != 0)
            pg::report_corrupted(c->rel, directory_block(index, g->number), "entry of no list has rows");
    }
    check_extents_apart(g);
}

void check_open_page(GroupCheck *g, BlockNumber block, const PGAlignedBlock &copy, uint32_t *sequence)
{
    Check *c = g->c;
    const Index &index = *c->index;
    const char *payload = copy.data + kPayloadStart;
    const OpenHeader header = *(const OpenHeader *)payload;
    if (header.group != g->number || header.rows > index.open_rows_per_page || header.closed > 1 ||
        header.row_bytes != index.open_row_bytes || header.sequence <= *sequence)
        pg::report_corrupted(c->rel, block, "damaged open page");
    *sequence = header.sequence;
    for (uint32_t i = 0; i < header.rows; i++) {
        OpenRow row;
        memcpy(&row, payload + sizeof header + i * index.open_row_bytes, sizeof row);
        if (row.list >= lists_of_group(index, g->number))
            pg::report_corrupted(c->rel, block, "row of a list outside its group");
        if (std::isnan(row.factors.add) || std::isnan(bf16_to_float(row.factors.scale)) ||
            std::isnan(bf16_to_float(row.factors.err)))
            pg::report_corrupted(c->rel, block, "row factor is not a number");
        if (row.tid.ip_posid != 0)
            check_row(g, block, ItemPointerGetBlockNumberNoCheck(&row.tid), row.tid.ip_posid, row.fine);
    }
}

// Inserters may lengthen the chain meanwhile. Rows they add to a page after it was read need not be seen.
void check_open(GroupCheck *g)
{
    Check *c = g->c;
    PGAlignedBlock copy;
    BlockNumber block = g->group->record.open_head, last = InvalidBlockNumber;
    uint32_t sequence = 0;
    for (;;) {
        for (; block != InvalidBlockNumber; block = pg::page_tail((Page)copy.data)->next) {
            visit_page(&c->seen, block, PageKind::Open, &copy);
            check_open_page(g, block, copy, &sequence);
            last = block;
        }
        read_group(c->rel, *c->index, g->number, g->group);
        if (g->group->record.open_tail == last)
            return;
        block = last == InvalidBlockNumber ? g->group->record.open_head
                                           : next_block(c->rel, last, PageKind::Open);
        if (block == InvalidBlockNumber)
            pg::report_corrupted(c->rel, directory_block(*c->index, g->number),
                                 "open pages do not end at the tail");
    }
}

struct FinePage
{
    GroupCheck *g;
    uint32_t *slots; // in use, per page of the chain
    size_t capacity;
};

void check_fine_page(void *arg, uint32_t place, BlockNumber block, const PGAlignedBlock &copy)
{
    FinePage *pages = (FinePage *)arg;
    GroupCheck *g = pages->g;
    const FineHeader header = *(const FineHeader *)(copy.data + kPayloadStart);
    const uint32_t most = Max(fine_slots(*g->c->index), 1u);
    if (header.group != g->number || header.slots > most || header.closed > 1)
        pg::report_corrupted(g->c->rel, block, "damaged refine page");
    if (place >= pages->capacity)
        pages->slots = (uint32_t *)repalloc_huge(pages->slots, (pages->capacity *= 2) * sizeof(uint32_t));
    pages->slots[place] = header.slots;
}

// Every live row has a record of its own on the group's Fine pages.
void check_fine(GroupCheck *g)
{
    Check *c = g->c;
    const Index &index = *c->index;
    const GroupRecord &record = g->group->record;
    if (!index.has_fine()) {
        if (record.fine_head != InvalidBlockNumber || record.fine_pages != 0)
            pg::report_corrupted(c->rel, directory_block(index, g->number),
                                 "refine pages in an index without");
        return;
    }
    FinePage pages = {g, (uint32_t *)palloc(64 * sizeof(uint32_t)), 64};
    ChainWalk chain;
    walk_begin(&chain, c->rel);
    walk_chain(&chain, &c->seen, PageKind::Fine, record.fine_head, check_fine_page, &pages);
    if (chain.count != record.fine_pages)
        pg::report_corrupted(c->rel, directory_block(index, g->number), "wrong number of refine pages");

    const uint32_t width = fine_pages_of_record(index); // pages of a record
    uint64_t *keys = g->records.items;
    for (size_t i = 0; i < g->records.count; i++) {
        const BlockNumber block = (BlockNumber)(keys[i] >> 16);
        const int64 place = walk_place(&chain, block);
        if (place < 0 || place + width > chain.count || (keys[i] & 0xFFFF) >= pages.slots[place])
            pg::report_corrupted(c->rel, block, "no such refine record");
        keys[i] = (uint64_t)place * 0x10000 + (keys[i] & 0xFFFF); // from blocks to places, below
    }
    std::sort(keys, keys + g->records.count);
    for (size_t i = 1; i < g->records.count; i++)
        if (width > 1 ? keys[i] < keys[i - 1] + ((uint64_t)width << 16) : keys[i] == keys[i - 1])
            pg::report_corrupted(c->rel, chain.blocks[keys[i] >> 16], "two rows share a refine record");
}

// Errors release the lock with everything else of the transaction.
uint64_t check_group(Check *c, uint32_t number)
{
    const Index &index = *c->index;
    GroupCheck g = {c, number, (Group *)palloc(group_bytes(index)), {}, {}, {}, nullptr, 0};
    g.tile = (uint8_t *)palloc(index.shape.code_bytes * kUnit + kMaxRowData);
    walk_begin(&g.tiles, c->rel);
    keys_begin(&g.extents);
    keys_begin(&g.records);
    lock_group(c->rel, number);
    read_group(c->rel, index, number, g.group);
    check_tiles(&g);
    check_open(&g);
    check_fine(&g);
    unlock_group(c->rel, number);
    return g.live;
}

// What nothing refers to must be free, or was left behind by a crash; ours in any case.
void check_other_pages(Check *c)
{
    const BlockNumber blocks = RelationGetNumberOfBlocks(c->rel);
    for (BlockNumber block = 0; block < blocks; block++) {
        CHECK_FOR_INTERRUPTS();
        if (blocks_have(&c->seen, block))
            continue;
        Buffer buf = ReadBuffer(c->rel, block);
        LockBuffer(buf, BUFFER_LOCK_SHARE);
        Page page = BufferGetPage(buf);
        const bool good = PageIsNew(page) || (((PageHeader)page)->pd_special == BLCKSZ - sizeof(PageTail) &&
                                              pg::page_tail(page)->magic == kTailMagic);
        UnlockReleaseBuffer(buf);
        if (!good)
            pg::report_corrupted(c->rel, block, "not a vector_quant page");
    }
}

// --- rows
// ---------------------------------------------------------------------------------------------------------------------

Tuplesortstate *sort_tids()
{
    return tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false, maintenance_work_mem / 2,
                                 nullptr, 0);
}

bool next_tid(Tuplesortstate *sort, int64 *tid)
{
    Datum value;
    bool isnull;
    CHECK_FOR_INTERRUPTS();
    if (!compat_tuplesort_getdatum(sort, &value, &isnull))
        return false;
    *tid = DatumGetInt64(value);
    return true;
}

struct TableRows // as the table's scan delivers them
{
    const Check *c;
    Tuplesortstate *tids;
    MemoryContext memory;
};

bool belongs_in_index(const TableRows *rows, Datum value)
{
    const Index &index = *rows->c->index;
    const float *x = vector_of_datum(value, index.meta.options.dims, rows->c->rel);
    if (!index.cosine())
        return true;
    for (uint32_t i = 0; i < index.meta.options.dims; i++)
        if (x[i] != 0)
            return true;
    return false;
}

void note_table_row(Relation, ItemPointer tid, Datum *values, bool *isnull, bool, void *arg)
{
    TableRows *rows = (TableRows *)arg;
    if (isnull[0])
        return;
    MemoryContext old = MemoryContextSwitchTo(rows->memory);
    const bool wanted = belongs_in_index(rows, values[0]);
    MemoryContextSwitchTo(old);
    MemoryContextReset(rows->memory);
    if (wanted)
        tuplesort_putdatum(
            rows->tids,
            Int64GetDatum(((int64)ItemPointerGetBlockNumber(tid) << 16) | ItemPointerGetOffsetNumber(tid)),
            false);
}

// Row ids (of HOT chains: their roots) of all rows that `snapshot` sees and the index should hold, sorted.
Tuplesortstate *table_tids(const Check *c, Snapshot snapshot)
{
    IndexInfo *info = BuildIndexInfo(c->rel);
    info->ii_Concurrent = true; // or the scan would bring its own snapshot
    info->ii_Unique = false;
    info->ii_ExclusionOps = nullptr;
    TableRows rows = {
        c, sort_tids(),
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant check row", ALLOCSET_DEFAULT_SIZES)};
    TableScanDesc scan = table_beginscan_strat(c->heap, snapshot, 0, nullptr, true, true);
    table_index_build_scan(c->heap, c->rel, info, true, false, note_table_row, &rows, scan);
    tuplesort_performsort(rows.tids);
    return rows.tids;
}

// Each row id once; with `table`, all of its rows among them.
void compare_tids(Check *c, Tuplesortstate *table)
{
    tuplesort_performsort(c->tids);
    int64 tid = -1, before, wanted = 0;
    bool in_index = true, in_table = table && next_tid(table, &wanted);
    do {
        before = tid;
        in_index = next_tid(c->tids, &tid);
        if (in_index && tid == before)
            ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                            errmsg("index \"%s\" holds row (%u,%u) twice", RelationGetRelationName(c->rel),
                                   (BlockNumber)(tid >> 16), (OffsetNumber)(tid & 0xFFFF)),
                            errhint("Please REINDEX it.")));
        while (in_table && (!in_index || wanted <= tid)) {
            if (!in_index || wanted < tid)
                ereport(ERROR, (errcode(ERRCODE_INDEX_CORRUPTED),
                                errmsg("row (%u,%u) of table \"%s\" is missing in index \"%s\"",
                                       (BlockNumber)(wanted >> 16), (OffsetNumber)(wanted & 0xFFFF),
                                       RelationGetRelationName(c->heap), RelationGetRelationName(c->rel)),
                                errhint("Please REINDEX it.")));
            in_table = next_tid(table, &wanted);
        }
    } while (in_index);
}

// --- all of it
// ----------------------------------------------------------------------------------------------------------------

// A snapshot that began before the index may not be able to judge rows whose HOT chain the build skipped.
void refuse_old_snapshot(Relation rel, Snapshot snapshot)
{
    if (IsolationUsesXactSnapshot() && rel->rd_index->indcheckxmin &&
        !TransactionIdPrecedes(HeapTupleHeaderGetXmin(rel->rd_indextuple->t_data), snapshot->xmin))
        ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                        errmsg("index \"%s\" cannot be verified using transaction snapshot",
                               RelationGetRelationName(rel))));
}

void check_index(Relation heap, Relation rel, bool heapallindexed)
{
    Check c = {heap, rel, open_index(rel, CurrentMemoryContext), {}, sort_tids(), 0};
    // Taken first: what it sees, the index must have by the time its pages are read.
    Snapshot snapshot = RegisterSnapshot(GetTransactionSnapshot());
    if (heapallindexed)
        refuse_old_snapshot(rel, snapshot);
    blocks_begin(&c.seen, rel);
    check_fixed_parts(&c);
    MemoryContext group =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant check group", ALLOCSET_DEFAULT_SIZES);
    for (uint32_t g = 0; g < c.index->groups; g++) {
        MemoryContext old = MemoryContextSwitchTo(group);
        check_group(&c, g);
        MemoryContextSwitchTo(old);
        MemoryContextReset(group);
    }
    check_other_pages(&c);
    Tuplesortstate *table = heapallindexed ? table_tids(&c, snapshot) : nullptr;
    compare_tids(&c, table);
    tuplesort_end(c.tids);
    if (table)
        tuplesort_end(table);
    UnregisterSnapshot(snapshot);
}

} // namespace

} // namespace vq::ivf

VQ_FUNCTION(vq_index_check)
{
    using namespace vq::ivf;
    const bool heapallindexed = PG_GETARG_BOOL(1);
    // Keeps VACUUM away and lets rows come; a standby cannot lock that hard.
    const LOCKMODE lock = RecoveryInProgress() ? AccessShareLock : ShareUpdateExclusiveLock;
    const Inspected target = inspect_open(PG_GETARG_OID(0), lock);
    MemoryContext memory =
        AllocSetContextCreate(CurrentMemoryContext, "vector_quant check", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);

    // Expressions and predicates of the index run as the table's owner, as in VACUUM and amcheck.
    Oid user;
    int security;
    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(target.heap->rd_rel->relowner, security | SECURITY_RESTRICTED_OPERATION);
    const int guc_level = NewGUCNestLevel();
    compat_restrict_search_path();
    check_index(target.heap, target.rel, heapallindexed);
    AtEOXact_GUC(false, guc_level);
    SetUserIdAndSecContext(user, security);

    MemoryContextSwitchTo(old);
    MemoryContextDelete(memory);
    inspect_close(target);
    PG_RETURN_VOID();
}
