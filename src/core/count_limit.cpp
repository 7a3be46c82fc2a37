#include "core/count_limit.h"

#include "core/radix_sort.h"
#include "simd/kernels.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace vq {

namespace {

constexpr size_t kSampled = 16;

// Limits between which the one that is wanted lies, and the next to be tried, as ordered_bits. Those of 0 and -0 differ, which makes limits that leave
// the same.
struct Search
{
    int64_t low, high;
    float sample[kSampled]; // in order
    size_t place;           // in the sample, of the next to be tried while it is there

    int64_t next() const
    {
        const int64_t middle = low + (high - low) / 2;
        if (place >= kSampled)
            return middle;
        const int64_t sampled = ordered_bits(sample[place]);
        return sampled >= low && sampled <= high ? sampled : middle;
    }
};

Search begin(const float *x, size_t n, size_t wanted)
{
    Search s;
    s.low = ordered_bits(-std::numeric_limits<float>::max());
    s.high = ordered_bits(std::numeric_limits<float>::max());
    for (size_t i = 0; i < kSampled; i++)
        s.sample[i] = x[i * n / kSampled];
    std::sort(s.sample, s.sample + kSampled);
    s.place = std::min(wanted * kSampled / n, kSampled - 1);
    return s;
}

} // namespace

bool count_limit(float *x, size_t n, size_t least, size_t most, float *limit) noexcept
{
    const size_t room = count_limit_room(n);
    std::fill(x + n, x + room, std::numeric_limits<float>::infinity());
    for (Search s = begin(x, n, (least + most) / 2); s.low <= s.high;) {
        const int64_t tried = s.next();
        *limit = of_ordered_bits((uint32_t)tried);
        const size_t count = simd::kernels().count_at_most(x, room, *limit);
        if (count < least)
            s.low = tried + 1, s.place++;
        else if (count > most)
            s.high = tried - 1, s.place--; // below 0: a large number
        else
            return true;
    }
    return false;
}

} // namespace vq
