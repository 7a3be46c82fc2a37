#include "ivf/store/extent_keys.h"

#include "ivf/store/stream.h"

namespace vq::ivf {

namespace {

// Pages behind its first one that an extent of so many bytes may need: one that begins in the last unit of a page goes farthest. An even
// number, so that what comes next is aligned.
uint32_t pages_behind(uint64_t bytes)
{
    return (pages_of(bytes - kUnit) + 1) & ~1u;
}

// With columns, n and width filled in.
void lay_out(ExtentHead *head, uint64_t tiles)
{
    if (head->columns == 0)
        return;
    for (uint32_t pages = 0;; pages = head->pages) {
        head->pages = pages;
        head->bytes = (head->keys_at(head->columns) + kUnit - 1) / kUnit * kUnit;
        head->pages = pages_behind(head->bytes + tiles);
        if (head->pages == pages)
            return;
    }
}

struct KeyRange
{
    uint64_t least, most; // of the keys but kNullKey; least > most: there are none
    bool null;            // there is a kNullKey
};

KeyRange range_of(const StoredRow *rows, uint32_t n, uint32_t column)
{
    KeyRange range = {PG_UINT64_MAX, 0, false};
    for (uint32_t v = 0; v < n; v++) {
        const uint64_t key = rows[v].keys.key[column];
        if (key == kNullKey)
            range.null = true;
        else
            range.least = Min(range.least, key), range.most = Max(range.most, key);
    }
    return range;
}

uint64_t base_of(const KeyRange &range)
{
    return range.least > range.most ? kNullKey : range.least;
}

uint8_t width_of(const KeyRange &range)
{
    const bool one_key = range.null ? range.least > range.most : range.least == range.most;
    const uint64_t numbers = one_key ? 0 : range.most - range.least + 1;
    return (uint8_t)((std::bit_width(numbers) + 7) / 8);
}

template <unsigned kWidth>
void read_numbers(const uint8_t *in, uint64_t base, uint32_t n, uint64_t *out)
{
    for (uint32_t v = 0; v < n; v++) {
        uint64_t number = 0;
        memcpy(&number, in + (size_t)v * kWidth, kWidth); // the pages are little-endian, as all we run on
        out[v] = number == 0 ? kNullKey : base + (number - 1);
    }
}

} // namespace

ExtentHead plan_head(uint32_t columns, const StoredRow *rows, uint32_t n, uint64_t tiles)
{
    ExtentHead head;
    head.columns = columns;
    head.n = n;
    for (uint32_t c = 0; c < columns; c++) {
        const KeyRange range = range_of(rows, n, c);
        head.width[c] = width_of(range);
        head.base[c] = base_of(range);
    }
    lay_out(&head, tiles);
    return head;
}

ExtentHead largest_head(uint32_t columns, uint32_t n, uint64_t tiles)
{
    ExtentHead head;
    head.columns = columns;
    head.n = n;
    memset(head.width, sizeof(uint64_t), columns);
    lay_out(&head, tiles);
    return head;
}

bool open_head(const ExtentHeader &header, uint32_t columns, uint64_t tiles, ExtentHead *head)
{
    *head = {};
    if (columns == 0)
        return header.head == 0;
    head->columns = columns;
    head->n = header.rows;
    head->bytes = header.head;
    head->pages = pages_behind(header.head + tiles);
    const uint32_t keys = head->keys_at(0), most_keys = columns * header.rows * (uint32_t)sizeof(uint64_t);
    return header.head % kUnit == 0 && keys <= header.head && header.head < keys + most_keys + kUnit;
}

bool open_keys(const uint8_t *bytes, ExtentHead *head)
{
    memcpy(head->width, bytes + ExtentHead::widths_at(), sizeof head->width);
    memcpy(head->base, bytes + ExtentHead::bases_at(), head->columns * sizeof(uint64_t));
    for (uint32_t c = 0; c < head->columns; c++)
        if (head->width[c] > sizeof(uint64_t))
            return false;
    return (head->keys_at(head->columns) + kUnit - 1) / kUnit * kUnit == head->bytes;
}

void write_keys(const StoredRow *rows, const ExtentHead &head, uint8_t *bytes)
{
    memcpy(bytes + ExtentHead::widths_at(), head.width, sizeof head.width);
    memcpy(bytes + ExtentHead::bases_at(), head.base, head.columns * sizeof(uint64_t));
    for (uint32_t c = 0; c < head.columns; c++) {
        uint8_t *out = bytes + head.keys_at(c);
        for (uint32_t v = 0; v < head.n; v++) {
            const uint64_t key = rows[v].keys.key[c], number = key == kNullKey ? 0 : key - head.base[c] + 1;
            memcpy(out + (size_t)v * head.width[c], &number, head.width[c]);
        }
    }
}

KeySpan span_of(const ExtentHead &head, uint32_t column)
{
    const uint64_t base = head.base[column];
    const unsigned width = head.width[column];
    if (width == 0)
        return {base, base, base == kNullKey};
    // The greatest number of that width is the key that lies so far above the base, less one.
    const uint64_t above = width < sizeof base ? ((uint64_t)1 << 8 * width) - 2 : PG_UINT64_MAX;
    return {base, base + Min(above, PG_UINT64_MAX - base), true};
}

void read_keys(const uint8_t *bytes, const ExtentHead &head, uint32_t column, uint64_t *out)
{
    using Reader = void (*)(const uint8_t *, uint64_t, uint32_t, uint64_t *);
    static constexpr Reader kOfWidth[] = {read_numbers<1>, read_numbers<2>, read_numbers<3>, read_numbers<4>,
                                          read_numbers<5>, read_numbers<6>, read_numbers<7>, read_numbers<8>};
    const unsigned width = head.width[column];
    if (width == 0)
        std::fill_n(out, head.n, head.base[column]);
    else
        kOfWidth[width - 1](bytes + head.keys_at(column), head.base[column], head.n, out);
}

} // namespace vq::ivf
