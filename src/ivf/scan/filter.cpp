#include "ivf/scan/filter.h"

#include "ivf/row/opclass.h"
#include "pg/arrays.h"

namespace vq::ivf {

namespace {

constexpr uint64_t kLeastKey = kNullKey + 1, kMostKey = PG_UINT64_MAX;
// Integers and timestamps have as many values as there are keys, but one is NULL's: the two least share this one.
constexpr uint64_t kSharedKey = kLeastKey;

struct Building
{
    Relation rel;
    Filter *filter;
    FilterTest *tests;
};

void add_test(Building *b, const FilterTest &test)
{
    b->tests[b->filter->count++] = test;
}

void add_range(Building *b, uint32_t column, uint64_t low, uint64_t high)
{
    if (low > high)
        b->filter->nothing = true;
    add_test(b, {FilterTest::Range, column, low, high, nullptr, 0});
}

// Of keys that share values, those of the border may hold a value on either side of it.
void add_comparison(Building *b, uint32_t column, int strategy, uint64_t key)
{
    const bool shared = !decides(key_kind(b->rel, column)) || key == kSharedKey;
    b->filter->recheck |= shared;
    switch (strategy) {
    case kLess:
        add_range(b, column, kLeastKey, shared ? key : key - 1);
        break;
    case kLessEqual:
        add_range(b, column, kLeastKey, key);
        break;
    case kEqual:
        add_range(b, column, key, key);
        break;
    case kGreaterEqual:
        add_range(b, column, key, kMostKey);
        break;
    case kGreater:
        if (!shared && key == kMostKey)
            b->filter->nothing = true;
        add_range(b, column, shared || key == kMostKey ? key : key + 1, kMostKey);
        break;
    case kOverlaps:
        add_test(b, {FilterTest::Overlaps, column, key & ~kArrayKey, 0, nullptr, 0});
        break;
    case kContains:
        add_test(b, {FilterTest::Contains, column, key, 0, nullptr, 0});
        break;
    default:
        elog(ERROR, "unknown strategy %d", strategy);
    }
}

// Keys of an array's elements, ascending, those of NULL left out.
uint64_t *element_keys(const Building &b, uint32_t column, Datum value, uint32_t *count)
{
    const pg::ArrayElements all = pg::array_elements(DatumGetArrayTypeP(value));
    uint64_t *keys = (uint64_t *)palloc(Max(all.count, 1) * sizeof(uint64_t));
    *count = 0;
    for (int i = 0; i < all.count; i++)
        if (!all.nulls[i])
            keys[(*count)++] = key_of_value(b.rel, column, all.type, all.values[i]);
    std::sort(keys, keys + *count);
    *count = (uint32_t)(std::unique(keys, keys + *count) - keys);
    return keys;
}

// Of a column of arrays. The elements are of a domain over arrays: plain arrays have none. What overlaps one of them overlaps all their
// bits together; what contains one has the bits that they have in common.
uint64_t common_signature(int strategy, const uint64_t *keys, uint32_t count)
{
    uint64_t common = keys[0];
    for (uint32_t i = 1; i < count; i++)
        common = strategy == kOverlaps ? common | keys[i] : common & keys[i];
    return common;
}

// column <op> ANY (array). A range is as wide as the farthest element makes it.
void add_any(Building *b, uint32_t column, const ScanKeyData &key)
{
    uint32_t count;
    const uint64_t *keys = element_keys(*b, column, key.sk_argument, &count);
    if (count == 0)
        b->filter->nothing = true;
    else if (key.sk_strategy == kEqual && count > 1) {
        b->filter->recheck |= !decides(key_kind(b->rel, column)) || keys[0] == kSharedKey;
        add_test(b, {FilterTest::Any, column, keys[0], keys[count - 1], keys, count});
    } else if (key.sk_strategy == kOverlaps || key.sk_strategy == kContains)
        add_comparison(b, column, key.sk_strategy, common_signature(key.sk_strategy, keys, count));
    else {
        const bool upper = key.sk_strategy == kLess || key.sk_strategy == kLessEqual;
        add_comparison(b, column, key.sk_strategy, keys[upper ? count - 1 : 0]);
    }
}

// On the vector itself there is IS [NOT] NULL alone. Rows without one are in no index.
void add_key(Building *b, const ScanKeyData &key)
{
    if (key.sk_attno == 1) {
        b->filter->nothing |= (key.sk_flags & SK_SEARCHNULL) != 0;
        return;
    }
    const uint32_t column = (uint32_t)key.sk_attno - 2;
    if (key.sk_flags & SK_SEARCHNULL)
        add_range(b, column, kNullKey, kNullKey);
    else if (key.sk_flags & SK_SEARCHNOTNULL)
        add_range(b, column, kLeastKey, kMostKey);
    else if (key.sk_flags & SK_ISNULL)
        b->filter->nothing = true;
    else if (key.sk_flags & SK_SEARCHARRAY)
        add_any(b, column, key);
    else
        add_comparison(b, column, key.sk_strategy,
                       key_of_value(b->rel, column, key.sk_subtype, key.sk_argument));
}

// One bit for each of `rows` keys.
template <class Passes>
uint32_t mask_of(const uint64_t *keys, uint32_t rows, Passes passes)
{
    uint32_t mask = 0;
    for (uint32_t v = 0; v < rows; v++)
        mask |= (uint32_t)passes(keys[v]) << v;
    return mask;
}

// Few keys are compared with all rows at a time; of many, only the rows between the least and the greatest are looked up.
uint32_t any_of(const FilterTest &test, const uint64_t *keys, uint32_t rows)
{
    constexpr uint32_t kFew = 8;
    const simd::Kernels &k = simd::kernels();
    if (test.count <= kFew) {
        uint32_t mask = 0;
        for (uint32_t i = 0; i < test.count; i++)
            mask |= k.keys_within(keys, rows, test.keys[i], test.keys[i]);
        return mask;
    }
    uint32_t mask = k.keys_within(keys, rows, test.low, test.high);
    for (uint32_t left = mask; left != 0; left &= left - 1) {
        const int v = std::countr_zero(left);
        if (!std::binary_search(test.keys, test.keys + test.count, keys[v]))
            mask &= ~((uint32_t)1 << v);
    }
    return mask;
}

uint32_t test_tile(const FilterTest &test, const uint64_t *keys, uint32_t rows)
{
    const uint64_t low = test.low;
    switch (test.kind) {
    case FilterTest::Range:
        return simd::kernels().keys_within(keys, rows, low, test.high);
    case FilterTest::Any:
        return any_of(test, keys, rows);
    case FilterTest::Overlaps:
        return mask_of(keys, rows, [=](uint64_t key) { return (key & low) != 0; });
    case FilterTest::Contains:
        return mask_of(keys, rows, [=](uint64_t key) { return (key & low) == low; });
    }
    return 0;
}

} // namespace

Filter filter_of_keys(Relation rel, const ScanKeyData *keys, int count)
{
    Filter filter = {};
    Building b = {rel, &filter, (FilterTest *)palloc0(Max(count, 1) * sizeof(FilterTest))};
    for (int i = 0; i < count && !filter.nothing; i++)
        add_key(&b, keys[i]);
    filter.tests = b.tests;
    return filter;
}

FilterColumns columns_of(const Filter &filter)
{
    FilterColumns columns = {kMostFilterColumns, 0};
    for (uint32_t i = 0; i < filter.count; i++) {
        columns.first = Min(columns.first, filter.tests[i].column);
        columns.behind = Max(columns.behind, filter.tests[i].column + 1);
    }
    return columns.behind > 0 ? columns : FilterColumns{0, 0};
}

bool may_pass(const Filter &filter, uint32_t column, const KeySpan &span)
{
    for (uint32_t i = 0; i < filter.count; i++) {
        const FilterTest &test = filter.tests[i];
        const bool by_place = test.kind == FilterTest::Range || test.kind == FilterTest::Any;
        if (test.column != column || !by_place || (span.null && test.low == kNullKey))
            continue;
        if (test.high < span.base || test.low > span.last)
            return false;
    }
    return true;
}

uint32_t filter_tile(const Filter &filter, const TileKeys &keys, uint32_t rows)
{
    uint32_t mask = (uint32_t)(((uint64_t)1 << rows) - 1);
    for (uint32_t i = 0; i < filter.count && mask != 0; i++)
        mask &= test_tile(filter.tests[i], keys.of(filter.tests[i].column), rows);
    return mask;
}

bool filter_row(const Filter &filter, const FilterKeys &keys)
{
    for (uint32_t i = 0; i < filter.count; i++)
        if (test_tile(filter.tests[i], &keys.key[filter.tests[i].column], 1) == 0)
            return false;
    return true;
}

} // namespace vq::ivf
