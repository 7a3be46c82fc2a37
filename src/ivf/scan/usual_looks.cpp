#include "ivf/scan/usual_looks.h"

namespace vq::ivf {

namespace {

struct Looks
{
    Oid index;
    uint32_t usual; // the most of late: what it was fades, by an eighth a search
};

// An index that takes another one's place takes little from it: the next search knows better.
constexpr uint32_t kPlaces = 64;
Looks places[kPlaces];

Looks *place_of(Oid index)
{
    return &places[index % kPlaces];
}

} // namespace

uint32_t usual_looks(Oid index)
{
    const Looks *looks = place_of(index);
    return looks->index == index ? looks->usual : 0;
}

void remember_looks(Oid index, uint64_t looked_at)
{
    Looks *looks = place_of(index);
    const uint32_t faded = looks->index == index ? looks->usual - looks->usual / 8 : 0;
    *looks = {index, Max(faded, (uint32_t)Min(looked_at, (uint64_t)PG_INT32_MAX))};
}

void forget_looks()
{
    for (Looks &looks : places)
        looks = {};
}

} // namespace vq::ivf
