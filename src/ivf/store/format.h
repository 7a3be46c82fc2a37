// Every byte on disk. A changed struct needs a new kFormatVersion and a test that reads the old one.
//
//   0 PageHeaderData | 24 payload (8,160 bytes = 255 units of 32) ............ | 8184 PageTail | 8192
//
// Parts of an index (see src/README.md for the picture):
//   block 0     meta, of the generation of all other parts that is in force (generation.h)
//   Image       origins, codec image, refine image, as far as rows have decided them (image.h): one byte stream over
//               contiguous pages; of length 0 in an index that is not trained, as Centroid is
//   Centroid    tiles of quantized centroids (code rows, CentroidRowData), about the mean, then the centroids (CentroidTerms, coordinates
//               as bfloat16), each about its list's origin: contiguous
//   Directory   group records, a fixed number a page: contiguous
//               Image, Centroid and Directory follow each other: from block 1 on after a build, else anywhere, behind a page with
//               the meta page that they came with
//   Tile        sealed rows of a group of lists: a chain of pages holding extents
//   Open        rows as inserted, of all lists of a group: a chain of pages
//   Fine        fine records (fine.h): a chain of pages per group, addressed by (block, slot)
//   Sublist     directories of sub-lists: a chain of pages per group, one record a list
#pragma once

#include "core/codec.h"
#include "core/recall_table.h"
#include "pg/postgres_cpp.h"

extern "C" {
#include "storage/block.h"
#include "storage/bufpage.h"
#include "storage/itemptr.h"
}

namespace vq::ivf {

enum class PageKind : uint16_t // append, never renumber: stored in every page
{
    Meta = 1,
    Image = 2,
    Centroid = 3,
    Directory = 4,
    Tile = 5,
    Open = 6,
    Fine = 7,
    Sublist = 8
};

// Set in PageTail::kind of a page that nothing refers to any more. Its content stays, for scans that began
// before, until no snapshot can be old enough; the page header's pd_prune_xid says since when. Of a page in use it
// says who took it; 0: the build, or a VACUUM.
constexpr uint16_t kFreed = 0x8000;

// 4: the rotation of product quantization in words (CodecOps::first_format); 5: CodecOps::pack; 6: the residual quantizer's image has coordinates in
// few bits once more (RqImage::packed), and up to 96 layers
constexpr uint32_t kFormatVersion = 6;
// Its meta page ends before MetaPage::generation, and all that follows is zero: as of a first generation.
constexpr uint32_t kFirstReadVersion = 2;
constexpr uint32_t kMetaMagic = 0x56514958; // "VQIX"
constexpr uint16_t kTailMagic =
    0xFF9A; // last two bytes of every page: free among the index types of pg_filedump
constexpr uint32_t kExtentMagic = 0x45585456;  // "VTXE"
constexpr uint32_t kSublistMagic = 0x42535456; // "VTSB"

struct PageTail // the special area
{
    BlockNumber next; // InvalidBlockNumber at the end of a chain
    uint16_t kind;    // PageKind, and kFreed
    uint16_t magic;
};
static_assert(sizeof(PageTail) == 8);

constexpr uint32_t kPayloadStart = 24;
constexpr uint32_t kUnit = 32; // tiles are laid out in units; a unit never crosses a page border
constexpr uint32_t kPayload = BLCKSZ - kPayloadStart - sizeof(PageTail);
static_assert(SizeOfPageHeaderData == kPayloadStart && (BLCKSZ != 8192 || kPayload == 255 * kUnit));

constexpr uint32_t kCalibrationPoints = 8;
// Recall targets that the calibration table holds a number of lists for.
constexpr float kCalibrationRecall[kCalibrationPoints] = {.80f, .90f, .95f, .97f, .98f, .99f, .995f, .999f};

constexpr uint8_t kNoRefine = 255;

struct MetaPage
{
    uint32_t magic;
    uint32_t version;
    uint32_t crc;   // of this struct with crc = 0
    uint32_t codec; // CodecOps::id
    uint8_t metric; // Metric as the operator class has it
    uint8_t refine; // simd::Element, or kNoRefine
    uint8_t
        trained; // 0: built without rows; everything lies in one list around the origin; image and centroids have length 0
    uint8_t spherical;
    CodecOptions options;
    uint32_t space_dims;
    uint32_t nlist;
    uint32_t group_lists; // lists of a group
    float error_scale; // measured standard error of scores over the codes' own (1 where it wasn't measured)
    // Block ranges; a part of length 0 begins where the next one does.
    BlockNumber image_block;
    uint32_t image_crc;
    uint64_t image_bytes;       // stored of it (image.h)
    uint64_t codec_image_bytes; // in memory
    BlockNumber assign_tiles;   // centroid tiles scored by L2: where a row goes
    BlockNumber
        query_tiles; // the same under the index's metric: which lists a query visits (may be the same block)
    BlockNumber centroids; // CentroidTerms + bfloat16 coordinates, a byte stream
    BlockNumber directory;
    BlockNumber fixed_end;   // the block behind the directory
    uint32_t sublist_layers; // layers of the codes that rows of a list are sorted by, 0 = none
    // Build statistics
    uint64_t build_rows;
    double residual_norm;                     // mean |y - c| of all rows, scaled (row/rows.h), for drift
    uint32_t calibration[kCalibrationPoints]; // lists to visit for each recall target
    float sublist_share;                      // of their rows to read, 1 without sub-lists
    RecallTable targets;                      // how far to look for a recall that a query asks for
    float query_norm;                         // inner product: length that queries are brought to
    uint8_t element;         // simd::Element of the indexed column: FP32 vector, FP16 halfvec
    uint8_t codec_seeded;    // 1: the codec image is not stored, but made of options and seed
    uint8_t further_origins; // beside the mean (origins.h), 0 nearly always
    uint8_t refine_places;   // that refine codes are relative to (refine.h): 0, or 2 and more
    float scale; // vectors are multiplied by it before anything else, except under cosine; a power of two
    uint32_t far_lists;     // the last ones of nlist: rows far from all others (row/route.h)
    float far_distance;     // from the centroid: rows beyond it are far; 0 = none is
    uint8_t filter_columns; // columns behind the vector
    uint8_t unused[7];
    // Since version 3
    uint32_t generation;   // of all that this page names; 0 = of the build
    uint32_t begun;        // the last generation that was begun, on block 0
    BlockNumber next_meta; // on block 0: meta page of that one while it is under way; 0 = none is
    BlockNumber
        fixed_block;       // first page of the fixed parts: 0, or the page that this one was first written to
    float build_imbalance; // of the lists' rows at build (upkeep/condition.h), 0 = not known
    uint32_t trained_ms;   // how long it took to make this generation
    int64_t trained_at;    // TimestampTz of when it took over; 0 = at build
    uint8_t cause;         // of its making (upkeep/condition.h)
    uint8_t unused2[7];
};
static_assert(sizeof(CodecOptions) == 40 && offsetof(MetaPage, generation) == 608 &&
              sizeof(MetaPage) == 648 && std::is_trivially_copyable_v<MetaPage>);
constexpr uint32_t meta_bytes(uint32_t version)
{
    return version < 3 ? offsetof(MetaPage, generation) : sizeof(MetaPage);
}

struct ListEntry // one per list, in its group's record
{
    BlockNumber block;        // newest extent; InvalidBlockNumber = none
    uint16_t offset;          // bytes into the payload, a multiple of kUnit
    uint16_t sublists_offset; // the same of the directory of its sub-lists
    uint32_t rows;            // in all extents, dead ones included
    uint32_t dead;            // tombstones among them
    BlockNumber sublists;     // InvalidBlockNumber = no directory
};
static_assert(sizeof(ListEntry) == 20);
constexpr ListEntry kEmptyList = {InvalidBlockNumber, 0, 0, 0, 0, InvalidBlockNumber};

struct GroupRecord // followed by group_lists ListEntry
{
    uint32_t crc;          // of this record and its entries with crc = 0
    uint32_t group;        // its own number
    BlockNumber open_head; // chain of Open pages, oldest first
    BlockNumber open_tail;
    BlockNumber tile_head; // chain of all Tile pages of the group
    BlockNumber fine_head; // chain of all Fine pages; the head takes new records
    uint32_t tile_pages;
    uint32_t fine_pages;
    BlockNumber sublist_head; // chain of all Sublist pages
    uint32_t sublist_pages;
};
static_assert(sizeof(GroupRecord) == 40);

constexpr uint32_t group_record_bytes(uint32_t group_lists)
{
    return sizeof(GroupRecord) + group_lists * sizeof(ListEntry);
}
constexpr uint32_t kMaxGroupLists = 128;
static_assert(group_record_bytes(kMaxGroupLists) <= kPayload);

constexpr uint32_t kExtentTiles = 32; // of an extent at most
constexpr uint32_t kExtentRows = 1024;

// An extent: a run of tiles of one list. All but the last tile hold 32 rows. It starts with this unit, the rest of its head
// follows (extent_keys.h), then the tiles. It may cross pages.
struct ExtentHeader
{
    uint32_t magic;
    uint32_t list;
    uint32_t rows;
    BlockNumber next_block; // older extent of the same list; InvalidBlockNumber = none
    uint16_t next_offset;
    uint16_t unused;
    uint32_t crc;  // of pages, keys, codes and factors, checked by vector_quant_index_check
    uint32_t head; // its bytes, these included; 0 in an index without filter columns: they are all
    uint32_t unused2;
};
static_assert(sizeof(ExtentHeader) == kUnit);

// The directory of a list's sub-lists: its oldest extents, `rows` rows that were written in one go, sorted by the keys of
// their sub-lists. Rows in extents added since belong to none. It starts with this unit, then come
//   in an index with filter columns, whose extents' heads differ: uint64 tiles[extents]: where the tiles of each begin, from the first
//   extent's first byte on; BlockNumber pages[pages]: where the extents lie, in order; SublistEntry entries[entries], by key
// and it may cross pages; padded to kUnit.
struct SublistHeader
{
    uint32_t magic;
    uint32_t crc; // of all of it with crc = 0
    uint32_t list;
    uint32_t rows;
    uint32_t entries;
    uint32_t pages;
    uint32_t offset; // of the first extent on the first page
    float scale;     // score of a sub-list = list_add + add + scale * CodecOps::sublist_dot
};
static_assert(sizeof(SublistHeader) == kUnit);

struct SublistEntry
{
    uint32_t key;
    uint32_t rows;
    float add;
};
static_assert(sizeof(SublistEntry) == 12);

// Address of a fine record. block == InvalidBlockNumber: none.
struct FineAddress
{
    uint16_t block_hi;
    uint16_t block_lo;
    uint16_t slot;
    BlockNumber block() const { return ((BlockNumber)block_hi << 16) | block_lo; }
};
static_assert(sizeof(FineAddress) == 6);

constexpr uint32_t kMostFilterColumns = 7;

constexpr uint32_t kMaxKeyData = kMostFilterColumns * 32 * sizeof(uint64_t); // of a tile's rows

// Row data of a tile of n rows, m = n rounded up to an even number, arrays in this order, padded to kUnit:
//   float add[m]; bfloat16 scale[m]; bfloat16 err[m]; uint32 tid_block[m]; uint16 tid_offset[m] (0 = dead);
//   with fine records also uint32 fine_block[m]; uint16 fine_slot[m]
struct RowData
{
    uint32_t m;
    bool fine;
    explicit constexpr RowData(uint32_t n, bool has_fine) : m((n + 1) & ~1u), fine(has_fine) {}
    constexpr uint32_t scale() const { return 4 * m; }
    constexpr uint32_t err() const { return 6 * m; }
    constexpr uint32_t tid_block() const { return 8 * m; }
    constexpr uint32_t tid_offset() const { return 12 * m; }
    constexpr uint32_t fine_block() const { return 14 * m; }
    constexpr uint32_t fine_slot() const { return 18 * m; }
    constexpr uint32_t bytes() const { return ((fine ? 20 : 14) * m + kUnit - 1) / kUnit * kUnit; }
};
constexpr uint32_t kMaxRowData = RowData(32, true).bytes();

// Row data of a tile of centroid codes, always 32 rows: row i of tile t is list 32 t + i, so there are no ids.
struct CentroidRowData
{
    float add[simd::kTileRows];
    uint16_t scale[simd::kTileRows]; // bfloat16, as err
    uint16_t err[simd::kTileRows];
};
static_assert(sizeof(CentroidRowData) == 8 * kUnit && simd::kTileRows == kUnit);

// An Open page: this header, then the rows. From the end of the payload downwards lie the numbers of their lists once more, a byte a row
// (at pd_special - 1 - place), so that a scan that looks for rows of some lists passes over the others without touching them. pd_upper is the
// last one's place. A page begun before there were such numbers has none, and never gets any: pd_upper = pd_special.
struct OpenHeader
{
    uint32_t group;
    uint16_t rows;
    uint16_t closed; // 1: being sealed, takes no more rows
    uint32_t row_bytes;
    uint32_t sequence; // place in the chain, from 1: tells the inserter how long it is
};
static_assert(sizeof(OpenHeader) == 16);
static_assert(kMaxGroupLists <= 256);

struct OpenRow // followed by the code and, at open_keys_at, the filter keys
{
    ItemPointerData tid; // offset 0 = dead
    uint16_t list;       // within the group
    RowFactors factors;
    FineAddress fine;
    uint16_t unused;
};
static_assert(sizeof(OpenRow) == 24);
// pd_lower of an Open page with that many rows. All other kinds of pages are in use to the end.
constexpr uint32_t open_page_end(uint32_t rows, uint32_t row_bytes)
{
    return kPayloadStart + sizeof(OpenHeader) + rows * row_bytes;
}
constexpr uint32_t open_keys_at(uint32_t code_bytes)
{
    return (sizeof(OpenRow) + code_bytes + 7) / 8 * 8;
}
constexpr uint32_t open_row_bytes(uint32_t code_bytes, uint32_t filter_columns)
{
    return open_keys_at(code_bytes) + filter_columns * (uint32_t)sizeof(uint64_t);
}

struct FineHeader // start of a Fine page's payload; slots follow
{
    uint32_t group;
    uint16_t slots;      // in use
    uint16_t closed;     // 1: being rewritten, takes no more records
    uint64_t free_slots; // bit i: slot i holds the record of a row that died, and may take another
};
static_assert(sizeof(FineHeader) == 16);
constexpr uint32_t kFreeableSlots = 64; // slots that free_slots can name
constexpr uint32_t kFinePayload = kPayload - sizeof(FineHeader);

} // namespace vq::ivf
