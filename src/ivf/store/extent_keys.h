// The filter keys of an extent's rows, as its head has them: of each column a base, and for each row in as few bytes as do how far its key
// lies above that.
#pragma once

#include "ivf/store/stored_row.h"

namespace vq::ivf {

// What stands before the tiles of an extent of n rows. In an index with filter columns that is, behind the header,
//   uint8 width[8]; uint64 base[columns]; BlockNumber page[pages]; then of each column n numbers of width[c] bytes
// padded to kUnit: so a scan with a filter reads keys alone, close together, and goes straight to the tiles whose rows pass. A number
// is 0 where the key is kNullKey, else 1 + key - base; where width is 0, all keys are the base. There is room for as many pages behind
// the first one as the extent can need wherever it begins; what is left of it is 0.
struct ExtentHead
{
    uint32_t columns = 0;
    uint32_t n = 0;
    uint32_t pages = 0;
    uint32_t bytes = sizeof(ExtentHeader); // in all
    uint8_t width[8] = {};
    uint64_t base[kMostFilterColumns] = {};

    static constexpr uint32_t widths_at() { return sizeof(ExtentHeader); }
    static constexpr uint32_t bases_at() { return widths_at() + sizeof width; }
    uint32_t pages_at() const { return bases_at() + columns * (uint32_t)sizeof(uint64_t); }
    uint32_t keys_at(uint32_t column) const
    {
        uint32_t at = pages_at() + pages * (uint32_t)sizeof(BlockNumber);
        for (uint32_t c = 0; c < column; c++)
            at += n * width[c];
        return at;
    }
};
static_assert(kMostFilterColumns <= sizeof ExtentHead::width);

// The head of an extent of those rows. tiles: bytes that its tiles take.
ExtentHead plan_head(uint32_t columns, const StoredRow *rows, uint32_t n, uint64_t tiles);
// The largest that n rows can have.
ExtentHead largest_head(uint32_t columns, uint32_t n, uint64_t tiles);

// What the header says of the head. False if it cannot be.
bool open_head(const ExtentHeader &header, uint32_t columns, uint64_t tiles, ExtentHead *head);
// What the head says of its keys, once its first bytes, up to where the keys begin, are there. False if it cannot be.
bool open_keys(const uint8_t *bytes, ExtentHead *head);

// Writes widths, bases and keys of the rows that the head was planned for into `bytes`, which must be zero.
void write_keys(const StoredRow *rows, const ExtentHead &head, uint8_t *bytes);
// Where the keys of a column lie: those that are not kNullKey between base and last, and no kNullKey where `null` is not set.
struct KeySpan
{
    uint64_t base, last;
    bool null;
};
KeySpan span_of(const ExtentHead &head, uint32_t column);
// The keys of a column: out[n].
void read_keys(const uint8_t *bytes, const ExtentHead &head, uint32_t column, uint64_t *out);

} // namespace vq::ivf
