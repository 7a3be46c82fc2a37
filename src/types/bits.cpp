// Distances of bit strings, which is what binary_quantize makes of vectors.
#include "pg/postgres_cpp.h"

#include <bit>

extern "C" {
#include "utils/varbit.h"
}

namespace vq {

namespace {

void check_lengths(VarBit *a, VarBit *b)
{
    if (VARBITLEN(a) != VARBITLEN(b))
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
                        errmsg("different bit lengths %u and %u", VARBITLEN(a), VARBITLEN(b))));
}

// How many bits are set in what `combine` makes of both strings, 64 bits at a time. Bits behind the end of a string are zero.
template <class Combine>
uint64_t count_bits(VarBit *a, VarBit *b, Combine combine)
{
    const size_t bytes = VARBITBYTES(a);
    uint64_t count = 0;
    for (size_t i = 0; i < bytes; i += sizeof(uint64_t)) {
        uint64_t x = 0, y = 0;
        const size_t n = Min(sizeof(uint64_t), bytes - i);
        memcpy(&x, VARBITS(a) + i, n);
        memcpy(&y, VARBITS(b) + i, n);
        count += (uint64_t)std::popcount(combine(x, y));
    }
    return count;
}

} // namespace

} // namespace vq

VQ_FUNCTION(vq_hamming_distance)
{
    VarBit *a = PG_GETARG_VARBIT_P(0), *b = PG_GETARG_VARBIT_P(1);
    vq::check_lengths(a, b);
    PG_RETURN_FLOAT8((double)vq::count_bits(a, b, [](uint64_t x, uint64_t y) { return x ^ y; }));
}

// 1 - bits of both / bits of either; 1 if no bit is set in both, whatever is set in either.
VQ_FUNCTION(vq_jaccard_distance)
{
    VarBit *a = PG_GETARG_VARBIT_P(0), *b = PG_GETARG_VARBIT_P(1);
    vq::check_lengths(a, b);
    const uint64_t both = vq::count_bits(a, b, [](uint64_t x, uint64_t y) { return x & y; }),
                   either = vq::count_bits(a, b, [](uint64_t x, uint64_t y) { return x | y; });
    PG_RETURN_FLOAT8(both == 0 ? 1 : 1 - (double)both / (double)either);
}
