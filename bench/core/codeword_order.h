// Orders of codewords in which neighbours are similar. Rows that are sorted by their codeword in such an order and cut into
// tiles of 32 leave similar rows in one tile.
#pragma once

#include "npy.h"

#include <cstdint>
#include <string>
#include <vector>

namespace vq::bench {

// Codewords of one list and how many rows each has; the rows of all together begin a tile.
struct CodewordUse
{
    const Matrix *codewords;
    std::vector<uint32_t> rows; // of every codeword
};

// "trained": as training left them; "chain": each followed by the nearest that is left; "halved": split at the middle of the
// principal direction, and each half again; "list": halved for one list by the rows in it, at ends of tiles where possible.
// Returns codewords in order.
std::vector<uint32_t> order_codewords(const std::string &how, const CodewordUse &use);

} // namespace vq::bench
