#include "core/query_kind.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace vq {

namespace {

constexpr float kHundredths = 100;
constexpr float kUnbounded = std::numeric_limits<float>::max() / 2; // reach of a table that knows nothing

int16_t hundredths(float value)
{
    constexpr float most = std::numeric_limits<int16_t>::max();
    const float n = std::round(value * kHundredths);
    return std::isnan(n) ? 0 : (int16_t)std::clamp(n, -most, most);
}

// So that no value is below the one before it, nor below that of the depth before.
void raise(float *values, const float *before)
{
    for (uint32_t i = 0; i < kRecallTargets; i++) {
        if (i > 0)
            values[i] = std::max(values[i], values[i - 1]);
        if (before)
            values[i] = std::max(values[i], before[i]);
    }
}

// --- text

struct Reader
{
    const char *at;
    bool failed;

    long number(long least, long most)
    {
        char *end;
        const long value = std::strtol(at, &end, 10);
        failed = failed || end == at || value < least || value > most;
        at = end;
        return failed ? 0 : value;
    }

    void word(const char *expected)
    {
        while (*at == ' ')
            at++;
        const size_t n = std::strlen(expected);
        failed = failed || std::strncmp(at, expected, n) != 0;
        at += failed ? 0 : n;
    }

    void numbers(int16_t *values, size_t n, long least)
    {
        for (size_t i = 0; i < n && !failed; i++)
            values[i] = (int16_t)number(least, std::numeric_limits<int16_t>::max());
    }
};

struct Writer
{
    char *text;
    size_t size, used;

    template <class... T>
    void put(const char *format, T... values)
    {
        const int n = std::snprintf(text + used, size - used, format, values...);
        used = std::min(used + (size_t)std::max(n, 0), size - 1);
    }

    void numbers(const char *name, const int16_t *values, size_t n)
    {
        put(" %s", name);
        for (size_t i = 0; i < n; i++)
            put(" %d", (int)values[i]);
    }
};

constexpr size_t kCells = (size_t)kRecallDepths * kRecallTargets;

} // namespace

QueryKind compare_queries(const RecallTable &rows, const RecallTable &own, int32_t date, uint32_t queries,
                          uint32_t nlist) noexcept
{
    QueryKind kind = {};
    kind.date = date;
    kind.queries = queries;
    kind.nlist = nlist;
    for (uint32_t d = 0; d < kRecallDepths; d++)
        for (uint32_t i = 0; i < kRecallTargets; i++) {
            kind.reach[d][i] = hundredths(own.depth[d].reach[i] - rows.depth[d].reach[i]);
            kind.lists[d][i] = hundredths(
                std::log(std::max(own.depth[d].lists[i], 0.5f) / std::max(rows.depth[d].lists[i], 0.5f)));
        }
    for (uint32_t i = 0; i < kRecallTargets; i++)
        kind.epsilon[i] = hundredths(own.epsilon[i]);
    return kind;
}

RecallTable table_for_kind(const RecallTable &rows, const QueryKind &kind) noexcept
{
    RecallTable table = rows;
    if (kind.date == 0 || rows.depth[0].reach[0] > kUnbounded)
        return table;
    for (uint32_t d = 0; d < kRecallDepths; d++) {
        RecallTable::Depth &depth = table.depth[d];
        for (uint32_t i = 0; i < kRecallTargets; i++) {
            depth.reach[i] = std::max(depth.reach[i] + (float)kind.reach[d][i] / kHundredths, 0.0f);
            depth.lists[i] = std::min(depth.lists[i] * std::exp((float)kind.lists[d][i] / kHundredths),
                                      std::numeric_limits<float>::max());
        }
        raise(depth.reach, d > 0 ? table.depth[d - 1].reach : nullptr);
        raise(depth.lists, d > 0 ? table.depth[d - 1].lists : nullptr);
    }
    for (uint32_t i = 0; i < kRecallTargets; i++)
        table.epsilon[i] = std::max(rows.epsilon[i], (float)kind.epsilon[i] / kHundredths);
    raise(table.epsilon, nullptr);
    return table;
}

void write_query_kind(const QueryKind &kind, char *text, size_t size) noexcept
{
    Writer w = {text, size, 0};
    text[0] = '\0';
    w.put("%04d-%02d-%02d queries %u nlist %u", kind.date / 10000, kind.date / 100 % 100, kind.date % 100,
          kind.queries, kind.nlist);
    w.numbers("reach", kind.reach[0], kCells);
    w.numbers("lists", kind.lists[0], kCells);
    w.numbers("epsilon", kind.epsilon, kRecallTargets);
}

bool read_query_kind(const char *text, QueryKind *kind) noexcept
{
    constexpr long most = std::numeric_limits<int16_t>::max();
    *kind = {};
    Reader r = {text, false};
    r.word("");
    if (*r.at == '\0')
        return true;
    const long year = r.number(2000, 9999);
    r.word("-");
    const long month = r.number(1, 12);
    r.word("-");
    const long day = r.number(1, 31);
    kind->date = (int32_t)(year * 10000 + month * 100 + day);
    r.word("queries");
    kind->queries = (uint32_t)r.number(1, std::numeric_limits<int32_t>::max());
    r.word("nlist");
    kind->nlist = (uint32_t)r.number(1, std::numeric_limits<int32_t>::max());
    r.word("reach");
    r.numbers(kind->reach[0], kCells, -most);
    r.word("lists");
    r.numbers(kind->lists[0], kCells, -most);
    r.word("epsilon");
    r.numbers(kind->epsilon, kRecallTargets, 0);
    r.word("");
    if (r.failed || *r.at != '\0') {
        *kind = {};
        return false;
    }
    return true;
}

} // namespace vq
