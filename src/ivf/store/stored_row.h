// A row as an index stores it, wherever it lies: what tiles, Open pages and whoever moves rows between them hand on.
#pragma once

#include "ivf/store/fine.h"

namespace vq::ivf {

constexpr uint64_t kNullKey = 0; // of NULL; no value has it

// One for each filter column of the index, in their order; those behind are undefined.
struct FilterKeys
{
    uint64_t key[kMostFilterColumns];
};

struct StoredRow
{
    ItemPointerData tid;
    RowFactors factors;
    FineAddress fine;    // kNoFine in an index without fine records
    const uint8_t *code; // code_bytes
    FilterKeys keys;
};

} // namespace vq::ivf
