// How queries of some kind differ from rows as queries. A build measures reach (core/recall_table.h) with rows of the table.
// Queries that are no rows, questions about passages say, may need more lists for the same recall, or fewer. What was measured with
// such queries is kept as the difference to what the same index measured with rows: so it can be carried over to an index that was
// built anew, with other lists and other units.
#pragma once

#include "core/recall_table.h"

#include <cstddef>
#include <cstdint>

namespace vq {

struct QueryKind // zero: as rows
{
    int32_t date;     // when it was measured, as year * 10000 + month * 100 + day; 0: never
    uint32_t queries; // that it was measured with
    uint32_t nlist;   // lists that the index had
    // In hundredths; the arrays of the table.
    int16_t reach[kRecallDepths][kRecallTargets]; // added to that of rows
    int16_t lists[kRecallDepths][kRecallTargets]; // added to the natural logarithm of those of rows
    int16_t epsilon[kRecallTargets];              // in place of that of rows, where it is more
};

// own: what queries of that kind met, rows: what the index measured with rows, both in the same unit of gaps. Bounds of `own` are at least
// as wide as those of rows, so that reaches differ by what queries are, not by what bounds lose.
QueryKind compare_queries(const RecallTable &rows, const RecallTable &own, int32_t date, uint32_t queries,
                          uint32_t nlist) noexcept;

// What the index knows of rows, for queries of that kind. The result is valid where `rows` is.
RecallTable table_for_kind(const RecallTable &rows, const QueryKind &kind) noexcept;

// As text: "2026-11-29 queries 200 nlist 344 reach 12 .. lists -3 .. epsilon 220 ..". size: kQueryKindText is enough.
constexpr size_t kQueryKindText = 1000;
void write_query_kind(const QueryKind &kind, char *text, size_t size) noexcept;
// False if the text is none; an empty one is the zero kind.
bool read_query_kind(const char *text, QueryKind *kind) noexcept;

} // namespace vq
