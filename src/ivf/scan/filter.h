// WHERE on an index's own columns: the scan keys as tests of filter keys, 32 rows at a time.
#pragma once

#include "ivf/row/filter_keys.h"
#include "ivf/store/extent_keys.h"
#include "ivf/store/tile_rows.h"

extern "C" {
#include "access/skey.h"
}

namespace vq::ivf {

// One condition on one column.
struct FilterTest
{
    enum Kind
    {
        Range,    // low <= key <= high; IS NULL is the range of kNullKey alone
        Any,      // one of `keys`
        Overlaps, // of signatures: a bit in common
        Contains  // all bits of it
    } kind;
    uint32_t column;
    uint64_t low, high;   // Range; low: the signature
    const uint64_t *keys; // ascending
    uint32_t count;
};

struct Filter // zero: every row passes
{
    const FilterTest *tests; // all of which a row has to pass
    uint32_t count;
    bool nothing; // passes: a comparison with NULL
    bool recheck; // rows may pass that WHERE does not let pass: keys do not tell all
};

inline bool has_filter(const Filter &filter)
{
    return filter.count > 0 || filter.nothing;
}

// The columns that it asks about: from the first one on those before `behind`.
struct FilterColumns
{
    uint32_t first, behind;
};
FilterColumns columns_of(const Filter &filter);

// Whether a row can pass of those whose keys lie in that span. column: which the span is of.
bool may_pass(const Filter &filter, uint32_t column, const KeySpan &span);

// Memory: in the current context.
Filter filter_of_keys(Relation rel, const ScanKeyData *keys, int count);

// One bit for each of the tile's first `rows` rows that passes.
uint32_t filter_tile(const Filter &filter, const TileKeys &keys, uint32_t rows);
bool filter_row(const Filter &filter, const FilterKeys &keys);

} // namespace vq::ivf
