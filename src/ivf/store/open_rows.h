// Reading the open rows of a group: the chain of its Open pages from the oldest on, each page checked before its rows are seen.
//
// Pages number themselves along the chain (OpenHeader::sequence), and every reader demands that the numbers grow. That holds
// at any time: an inserter's new page has its predecessor's number + 1. Sealing takes the first pages of a chain, up to one
// numbered n, and puts fresh pages numbered 1, 2, ... in front of those behind, which begin at n + 1. The fresh pages hold
// what was left of the rows of n pages at most, so they are n at most. Growing numbers are also why no walk can run in circles.
#pragma once

#include "ivf/store/directory.h"
#include "ivf/store/page.h"
#include "ivf/store/stored_row.h"

namespace vq::ivf {

constexpr uint32_t kMostOpenRows = kPayload / sizeof(OpenRow); // that a page can have

inline bool is_dead(const OpenRow &row)
{
    return row.tid.ip_posid == 0;
}
inline const uint8_t *open_row_code(const OpenRow &row)
{
    return (const uint8_t *)(&row + 1);
}
inline FilterKeys open_row_keys(const Index &index, const OpenRow &row)
{
    FilterKeys keys;
    memcpy(keys.key, (const char *)&row + open_keys_at(index.shape.code_bytes),
           index.meta.filter_columns * sizeof(uint64_t));
    return keys;
}
inline StoredRow stored_row(const Index &index, const OpenRow &row)
{
    return {row.tid, row.factors, row.fine, open_row_code(row), open_row_keys(index, row)};
}

// A walk over the chain, page by page, and the rows of the page at hand: for (const OpenRow &row : reader). A row is valid
// while its page, or the page's copy, is.
struct OpenReader
{
    Relation rel;
    const Index *index;
    uint32_t group;
    uint32_t lists;   // of the group
    bool vacuum;      // VACUUM reads: its delay point before every page, instead of a check for interrupts
    BlockNumber next; // InvalidBlockNumber = the chain ends

    BlockNumber block; // InvalidBlockNumber = none yet
    Buffer buf;        // share locked; InvalidBuffer where the page is a copy, or was let go of
    uint32_t sequence; // 0 = no page yet
    uint32_t rows;     // dead ones included
    const char *first_row;
    const uint8_t *list_numbers; // one past the first row's; they descend. Null where the page has none

    struct Iterator
    {
        const char *at;
        size_t row_bytes;
        uint32_t place;
        const OpenReader *reader;

        // Errors: INDEX_CORRUPTED if the row is of no list of the group, or of another one than its page tells.
        const OpenRow &operator*() const
        {
            const OpenRow *row = (const OpenRow *)at;
            if (unlikely(row->list >= reader->lists))
                report_corrupted(reader->rel, reader->block, "row of a list outside its group");
            if (unlikely(reader->list_numbers && reader->told_list(place) != row->list))
                report_corrupted(reader->rel, reader->block, "list number beside a row of another list");
            return *row;
        }
        void operator++() { at += row_bytes, place++; }
        bool operator!=(const Iterator &other) const { return at != other.at; }
    };
    Iterator begin() const { return {first_row, index->open_row_bytes, 0, this}; }
    Iterator end() const { return {row_at(rows), 0, rows, nullptr}; }

    // The row at a place of the page at hand, below `rows`. Errors: as of the iterator.
    const OpenRow &row(uint32_t place) const { return *Iterator{row_at(place), 0, place, this}; }

    // The list of the row at a place, without touching the row where the page tells. Errors: as of the iterator.
    uint32_t list_of(uint32_t place) const
    {
        if (!list_numbers)
            return row(place).list;
        const uint32_t list = told_list(place);
        if (unlikely(list >= lists))
            report_corrupted(rel, block, "row of a list outside its group");
        return list;
    }

    // Asks the CPU for the row that is looked at soon.
    void prefetch(uint32_t place) const
    {
        __builtin_prefetch(row_at(place));
        __builtin_prefetch(row_at(place) + 64);
    }

private:
    const char *row_at(uint32_t place) const { return first_row + (size_t)place * index->open_row_bytes; }
    uint32_t told_list(uint32_t place) const { return list_numbers[-1 - (int32_t)place]; }
};

// Reads nothing yet. head: the group's open_head, as its record had it.
void open_rows_begin(OpenReader *reader, Relation rel, const Index *index, uint32_t group, BlockNumber head);

// Goes to the next page, share locked until the next call or open_rows_let_go. False at the chain's end; nothing is locked
// then. Errors: INDEX_CORRUPTED for a page that is damaged or of another group.
bool open_rows_next(OpenReader *reader);

// The same of a copy of the page: no lock is kept.
bool open_rows_next_copy(OpenReader *reader, PGAlignedBlock *copy);

// The same of a page that the caller has read: the chain's next one, block reader->next.
void open_rows_look_at(OpenReader *reader, const PGAlignedBlock &page);

// Unlocks the page at hand. The walk can go on with the next one.
void open_rows_let_go(OpenReader *reader);

} // namespace vq::ivf
